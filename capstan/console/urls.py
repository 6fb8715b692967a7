"""Addresses of the console, all below /staff/."""

from django.urls import path

from capstan.console.views import (
    add_top_up,
    order,
)

app_name = "console"

urlpatterns = [
    # orders
    path("services/<int:service_id>/top-up/", add_top_up.show, name="add_top_up"),
    path("services/<int:service_id>/top-up/price/", add_top_up.price, name="price_of_size"),
    path("orders/<int:order_id>/", order.show, name="order"),
    path("orders/<int:order_id>/progress/", order.progress, name="order_progress"),
    path("orders/<int:order_id>/<slug:deed>/", order.act, name="order_deed"),
]
