"""Addresses of the console, all below /staff/."""

from django.urls import path

from capstan.console import billing_urls
from capstan.console.views import (
    add_top_up,
    customer,
    customers,
    gateways,
    home,
    line,
    logins,
    messages,
    needs_person,
    network,
    notification_list,
    order,
    orders,
    search,
    technical,
    templates,
    usage,
    waiting,
)

app_name = "console"

urlpatterns = [
    # finding somebody
    path("", home.show, name="home"),
    path("now/", home.part, name="home_now"),
    path("capped/", home.capped, name="capped"),
    path("search/", search.show, name="search"),
    path("network/", network.show, name="network"),
    path("network/now/", network.part, name="network_now"),
    # a customer; account codes may have a slash
    path("customers/", customers.show, name="customers"),
    path("customers/<path:account_code>/story/", customer.story, name="story"),
    path("customers/<path:account_code>/", customer.show, name="customer"),
    path("accounts/<int:customer_id>/<slug:deed>/", customer.act, name="account_deed"),
    # a line
    path("services/<int:service_id>/", line.show, name="service"),
    path("services/<int:service_id>/now/", line.part, name="service_now"),
    path("services/<int:service_id>/technical/", technical.show, name="technical"),
    path("services/<int:service_id>/explain/", technical.as_text, name="explain"),
    path("services/<int:service_id>/usage/", usage.show, name="usage"),
    path("services/<int:service_id>/password/", line.reveal, name="reveal_password"),
    path("services/<int:service_id>/do/<slug:deed>/", line.act, name="line_deed"),
    # a line's notification list
    path("services/<int:service_id>/notification-list/", notification_list.show, name="notification_list"),
    path(
        "services/<int:service_id>/notification-list/section/", notification_list.section, name="list_section"
    ),
    path("services/<int:service_id>/notification-list/add/", notification_list.add, name="list_add"),
    path(
        "services/<int:service_id>/notification-list/<int:entry_id>/<slug:deed>/",
        notification_list.act,
        name="list_deed",
    ),
    # orders
    path("services/<int:service_id>/top-up/", add_top_up.show, name="add_top_up"),
    path("services/<int:service_id>/top-up/price/", add_top_up.price, name="price_of_size"),
    path("orders/", orders.show, name="orders"),
    path("waiting/", waiting.show, name="waiting_orders"),
    path("orders/<int:order_id>/", order.show, name="order"),
    path("orders/<int:order_id>/progress/", order.progress, name="order_progress"),
    path("orders/<int:order_id>/facts/", order.facts, name="order_facts"),
    path("orders/<int:order_id>/<slug:deed>/", order.act, name="order_deed"),
    # what needs a person
    path("needs-a-person/", needs_person.show, name="needs_person"),
    path("messages/in/<int:inbound_id>/reply/", needs_person.reply, name="inbound_reply"),
    path("messages/in/<int:inbound_id>/done/", needs_person.inbound_done, name="inbound_done"),
    path("messages/<int:message_id>/seen/", needs_person.message_seen, name="message_seen"),
    path("messages/<int:message_id>/again/", needs_person.message_again, name="message_again"),
    path("messages/budget/<int:alarm_id>/seen/", needs_person.alarm_seen, name="alarm_seen"),
    # messages
    path("messages/", messages.show, name="messages"),
    path("messages/<int:message_id>/", messages.message, name="message"),
    path("messages/in/<int:inbound_id>/", messages.inbound, name="inbound"),
    path("messages/templates/", templates.show, name="templates"),
    path("messages/templates/<str:code>/<slug:medium>/", templates.edit, name="template"),
    path("messages/templates/<str:code>/<slug:medium>/preview/", templates.preview, name="template_preview"),
    path("messages/gateways/", gateways.show, name="gateways"),
    path("messages/gateways/<int:gateway_id>/test/", gateways.test, name="gateway_test"),
    *billing_urls.urlpatterns,
    # staff
    path("logins/", logins.show, name="logins"),
    path("logins/add/", logins.add, name="login_add"),
    path("logins/<int:login_id>/password/", logins.new_secret, name="login_password"),
    path("logins/<int:login_id>/<slug:deed>/", logins.act, name="login_deed"),
]
