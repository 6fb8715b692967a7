"""Addresses of the public pages."""

from django.urls import path

from capstan.portal.views import authorise, back, bills, forgotten, home, pay, top_up

app_name = "portal"

urlpatterns = [
    path("", home.show, name="home"),
    path("top-up/", top_up.identify, name="top_up"),
    path("top-up/forgotten/", forgotten.ask, name="forgotten"),
    path("top-up/done/<str:receipt>/", top_up.done, name="done"),
    path("top-up/<slug:token>/", top_up.choose, name="choose"),
    path("pay/back/<str:token>/", back.back, name="paid"),
    path("pay/bill/<str:token>/", bills.pay, name="bill"),
    path("pay/<str:token>/", pay.pay, name="pay"),
    path("authorise/<slug:token>", authorise.answer, name="authorise"),
]
