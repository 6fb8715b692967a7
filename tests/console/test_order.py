"""One order on its page: taken back, moved, answered, paid, cancelled, looked after (S2, J6)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.billing.models import Charge
from capstan.caps.actions.cap import void
from capstan.messaging.models import Message
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_account_rule
from capstan.topups.models import ListEntry, Order
from capstan.topups.rules.words import EntryState, OrderState
from tests.console.desk import sends, use_up, value_of, words
from tests.topups.shop import NUMBER, Shop, refreshed


@pytest.fixture
def line(shop: Shop) -> Service:
    return shop.line()


@pytest.fixture
def order(shop: Shop, line: Service) -> Order:
    """2 GB for R35, added by an agent."""
    return shop.order(line, "C", verified_how="ID number").order


@pytest.fixture
def waiting(shop: Shop, line: Service) -> Order:
    """An order that a director has been asked to authorise."""
    when: dict[str, Any] = {"actor": "test", "now": shop.now}
    set_account_rule(customer_id=line.customer_id, needs_authorisation=True, pays_first=True, **when)
    add_authoriser(
        customer_id=line.customer_id,
        name="Ms Dlamini",
        role="director",
        phone="+27600000101",
        limit_minor=None,
        **when,
    )
    return shop.order(line, "C").order


def does(client: Client, order: Order, deed: str, **given: Any) -> str:
    """Send the form of a deed; what the page then says."""
    return words(sends(client, f"/staff/orders/{order.pk}/{deed}/", given))


def test_the_page_says_all_about_an_order(order: Order, agent: Client) -> None:
    said = words(agent.get(f"/staff/orders/{order.pk}/"))
    for expected in (
        "2 GB top-up for R 35.00",
        "Asked for by Jan Smit",
        "Ordered by the call centre",
        "Entered by Thandi",
        "Caller verified by ID number",
        "Unused 2 GB of 2 GB",
        "R 35.00 on the next invoice: Top-up 2 GB on thandi@example.net",
        "Added – the line was online all along",
        "Requested – ordered by the call centre",
    ):
        assert expected in said, expected


def test_a_line_that_waits_for_payment_is_called_so(shop: Shop, order: Order, agent: Client) -> None:
    use_up(order.service, shop)
    assert "Data used up" in words(agent.get(f"/staff/orders/{order.pk}/"))
    Service.objects.filter(pk=order.service_id).update(standing="prepaid")
    said = words(agent.get(f"/staff/orders/{order.pk}/"))
    assert "Waits for payment" in said
    assert "Data used up" not in said


def test_an_arranged_price_stands_beside_the_catalogues(shop: Shop, line: Service, agent: Client) -> None:
    order = shop.order(line, "C", arranged_minor=1000, reason="our fault").order
    said = words(agent.get(f"/staff/orders/{order.pk}/"))
    assert "R 10.00 arranged; the catalogue's is R 35.00" in said
    assert "Reason our fault" in said


def test_an_order_that_is_not_there(shop: Shop, agent: Client) -> None:
    assert agent.get("/staff/orders/999999/").status_code == 404
    assert agent.get("/staff/orders/999999/progress/").status_code == 404
    assert agent.post("/staff/orders/999999/reverse/").status_code == 404


def test_a_deed_that_there_is_not(order: Order, agent: Client) -> None:
    assert agent.post(f"/staff/orders/{order.pk}/explode/").status_code == 404
    assert agent.get(f"/staff/orders/{order.pk}/reverse/").status_code == 405


def test_the_part_that_renews_itself_ends_when_the_line_is_proved(order: Order, agent: Client) -> None:
    part = agent.get(f"/staff/orders/{order.pk}/progress/")
    assert 'data-cap-seconds="1"' in part.text
    assert "<html" not in part.text
    Order.objects.filter(pk=order.pk).update(
        state="proved", confirmed_at=order.granted_at, proved_at=order.granted_at
    )
    assert "data-cap-live" not in agent.get(f"/staff/orders/{order.pk}/progress/").text


# --- taken back ---------------------------------------------------------------------------------------------


def test_what_is_unused_is_taken_back_and_its_share_of_the_price(order: Order, agent: Client) -> None:
    assert "2 GB of 2 GB is unused: it is taken back, and R 35.00 of R 35.00" in words(
        agent.get(f"/staff/orders/{order.pk}/")
    )
    assert "Say why" not in does(agent, order, "reverse", reason="ordered by mistake")
    assert (refreshed(order).state, refreshed(order).reversed_minor) == (OrderState.REVERSED, 3500)
    assert [one.amount_minor for one in Charge.objects.order_by("pk")] == [3500, -3500]
    entry = AuditEntry.objects.get(action="topup.reverse")
    assert (entry.actor, entry.reason) == ("staff:thandi", "ordered by mistake")


def test_a_top_up_that_was_taken_back_doesnt_say_its_old_price_first(order: Order, agent: Client) -> None:
    said = does(agent, order, "reverse", reason="ordered by mistake")
    assert "Taken back top-up of 2 GB" in said
    assert "R 35.00 was charged, R 35.00 given back: nothing is to pay" in said
    assert "2 GB top-up for R 35.00" not in said


def test_who_cancels_too_late_is_led_to_taking_it_back(
    shop: Shop, waiting: Order, agent: Client, manager: Client
) -> None:
    does(manager, waiting, "answer", approve="yes", who="Ms Dlamini", why="called us back")
    does(agent, waiting, "paid", reference="receipt 7")
    said = does(agent, waiting, "cancel", reason="changed his mind")
    assert "It is too late to cancel it: it was added at 10:00:00. You can take it back here." in said
    assert "Cancel the order" not in said
    assert refreshed(waiting).state == OrderState.GRANTED


def test_that_a_line_came_back_is_past_when_it_is_something_else_by_now(
    shop: Shop, order: Order, agent: Client
) -> None:
    Order.objects.filter(pk=order.pk).update(
        state="proved", restore="done", confirmed_at=shop.now + timedelta(seconds=0.3), proved_at=shop.now
    )
    page = f"/staff/orders/{order.pk}/"
    assert "Back online – 0.3 s" in words(agent.get(page))
    use_up(order.service, shop)
    assert "Was back online at 10:00:00, after 0.3 s" in words(agent.get(page))
    Order.objects.filter(pk=order.pk).update(state="reversed", reversed_at=shop.now)
    assert "This top-up was taken back" in words(agent.get(page))


def test_who_answered_by_link_is_named(waiting: Order, agent: Client) -> None:
    waiting.events.update(actor="link:+27600000101")
    assert "by Ms Dlamini (by link)" in words(agent.get(f"/staff/orders/{waiting.pk}/"))
    waiting.events.update(actor="link:+27600000501")
    assert "by link, 060 000 0501" in words(agent.get(f"/staff/orders/{waiting.pk}/"))


def test_without_a_reason_nothing_is_taken_back(order: Order, agent: Client) -> None:
    assert "This field is required." in does(agent, order, "reverse", reason="  ")
    assert refreshed(order).state == OrderState.GRANTED


def test_a_used_top_up_is_given_back_only_by_who_may(
    shop: Shop, order: Order, agent: Client, manager: Client
) -> None:
    assert order.bucket_id is not None
    void(bucket_id=order.bucket_id, actor="test", reason="test", now=shop.now)
    assert "there is nothing to take back" in does(
        agent, order, "reverse", reason="he is angry", in_full="on"
    )
    assert refreshed(order).state == OrderState.GRANTED
    assert 'name="in_full"' not in agent.get(f"/staff/orders/{order.pk}/").text
    does(manager, order, "reverse", reason="he is right", in_full="on")
    assert (refreshed(order).reversed_bytes, refreshed(order).reversed_minor) == (0, 3500)


def test_a_top_up_that_was_taken_back_cant_be_again(order: Order, agent: Client) -> None:
    does(agent, order, "reverse", reason="first")
    assert "can't be taken back: it is reversed" in does(agent, order, "reverse", reason="second")
    assert Charge.objects.count() == 2


# --- the wrong line -----------------------------------------------------------------------------------------


def test_a_top_up_goes_to_the_line_it_was_meant_for(shop: Shop, order: Order, agent: Client) -> None:
    right = shop.line("sipho@example.net")
    page = agent.get(f"/staff/orders/{order.pk}/", {"line": "sipho"})
    assert f'name="to_service" value="{right.pk}"' in page.text
    said = does(agent, order, "move", to_service=right.pk, reason="misheard", line="sipho")
    assert "was moved to sipho@example.net. The wrong line pays nothing." in said
    moved = Order.objects.get(moved_from=order)
    assert (moved.service_id, moved.state, moved.price_minor) == (right.pk, OrderState.GRANTED, 3500)
    assert refreshed(order).reversed_minor == 3500
    assert f"Top-up {moved.pk} on sipho@example.net" in said


def test_where_no_line_fits_that_is_said(order: Order, agent: Client) -> None:
    assert "No other line fits “nobody”" in words(agent.get(f"/staff/orders/{order.pk}/", {"line": "nobody"}))


def test_a_move_needs_a_line_that_can_take_it(shop: Shop, order: Order, agent: Client) -> None:
    assert "Find the right line and choose it." in does(agent, order, "move", reason="misheard")
    uncapped = shop.line("free@example.net", allowance_bytes=None)
    said = does(agent, order, "move", to_service=uncapped.pk, reason="misheard", line="free")
    assert "It can't be added there: Its package has no cap" in said
    assert "there is no service 999999" in does(agent, order, "move", to_service=999999, reason="misheard")
    assert refreshed(order).state == OrderState.GRANTED


# --- waiting ------------------------------------------------------------------------------------------------


def test_a_manager_answers_in_the_customers_name_and_then_it_waits_for_its_payment(
    waiting: Order, manager: Client, agent: Client
) -> None:
    page = words(agent.get(f"/staff/orders/{waiting.pk}/"))
    assert "Ms Dlamini (director), 060 000 0101: no answer yet" in page
    assert "Answer in the customer's name" not in page
    assert "Authorised. The account pays first" in does(
        manager, waiting, "answer", approve="yes", who="Ms Dlamini", why="called us back"
    )
    entry = AuditEntry.objects.get(action="topup.authorise")
    assert (entry.actor, entry.reason, entry.details["in_the_name_of"]) == (
        "staff:naledi",
        "called us back",
        "Ms Dlamini",
    )
    assert refreshed(waiting).state == OrderState.AWAITING_PAYMENT
    assert "This field is required." in does(agent, waiting, "paid")
    does(agent, waiting, "paid", reference="receipt 17")
    assert refreshed(waiting).state == OrderState.GRANTED
    assert AuditEntry.objects.filter(action="topup.paid", actor="staff:thandi").count() == 1


def test_an_agent_may_not_answer_in_the_customers_name(waiting: Order, agent: Client) -> None:
    answer = agent.post(
        f"/staff/orders/{waiting.pk}/answer/", {"approve": "yes", "who": "me", "why": "because"}
    )
    assert answer.status_code == 403
    assert refreshed(waiting).state == OrderState.AWAITING_AUTHORISATION


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"approve": "yes", "who": "", "why": "x"}, "This field is required."),
        ({"approve": "yes", "who": "Ms Dlamini", "why": " "}, "This field is required."),
        ({"who": "Ms Dlamini", "why": "x"}, "Choose whether it is approved or declined."),
        (
            {"approve": "perhaps", "who": "Ms Dlamini", "why": "x"},
            "Choose whether it is approved or declined.",
        ),
    ],
)
def test_an_answer_needs_who_and_how_one_knows(
    waiting: Order, manager: Client, given: dict[str, str], said: str
) -> None:
    assert said in does(manager, waiting, "answer", **given)
    assert refreshed(waiting).state == OrderState.AWAITING_AUTHORISATION


def test_declined_nothing_is_added(waiting: Order, manager: Client) -> None:
    assert "Nothing was added. Ms Dlamini did not authorise it." in does(
        manager, waiting, "answer", approve="no", who="Ms Dlamini", why="on the telephone"
    )
    assert (refreshed(waiting).state, Charge.objects.count()) == (OrderState.REFUSED, 0)
    assert AuditEntry.objects.get(action="topup.decline").actor == "staff:naledi"


def test_a_waiting_order_can_be_cancelled(waiting: Order, agent: Client) -> None:
    assert "The order is cancelled; nothing was added." in does(
        agent, waiting, "cancel", reason="he changed his mind"
    )
    assert refreshed(waiting).state == OrderState.REFUSED
    assert AuditEntry.objects.get(action="topup.cancel").reason == "he changed his mind"
    assert "doesn't wait" in does(agent, waiting, "cancel", reason="again")


def test_a_form_can_lead_back_to_the_list_it_came_from_but_not_elsewhere(
    waiting: Order, agent: Client
) -> None:
    url = f"/staff/orders/{waiting.pk}/looked-after/"
    Order.objects.filter(pk=waiting.pk).update(needs_person="Look at it.")
    answer = agent.post(url, {"remark": "", "next": "/staff/waiting/"})
    assert answer.headers["Location"] == "/staff/waiting/"
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = agent.post(url, {"remark": "", "next": elsewhere})
        assert answer.headers["Location"] == f"/staff/orders/{waiting.pk}/"


# --- people ---------------------------------------------------------------------------------------------------


def test_what_needs_a_person_is_looked_after_with_a_note(order: Order, agent: Client) -> None:
    Order.objects.filter(pk=order.pk).update(needs_person="The router hasn't confirmed.")
    assert "It needs a person The router hasn't confirmed." in words(agent.get(f"/staff/orders/{order.pk}/"))
    said = does(agent, order, "looked-after", remark="called him, it works")
    assert "It is off the list of what needs a person." in said
    assert "looked after: called him, it works by Thandi Nkosi" in said
    assert refreshed(order).needs_person == ""
    assert (
        AuditEntry.objects.get(action="topup.looked_after").details["why"] == "The router hasn't confirmed."
    )


def test_one_click_puts_the_callers_number_on_the_list_and_sends_how_to(
    shop: Shop, line: Service, order: Order, agent: Client
) -> None:
    line.customer.contacts.create(name="jan smit", phone=NUMBER, role="owner")
    page = agent.get(f"/staff/orders/{order.pk}/")
    number = value_of(page, "number")
    assert number == NUMBER
    said = does(agent, order, "caller", number=number, may_order="on")
    assert f"{NUMBER} is on the line's list, and an SMS says how to top up oneself." in said
    entry = ListEntry.objects.get()
    assert (entry.address, entry.name, entry.state, entry.may_order) == (
        NUMBER,
        "Jan Smit",
        EntryState.CONFIRMED,
        True,
    )
    sent = list(Message.objects.filter(recipient=NUMBER).order_by("pk").values_list("template", flat=True))
    assert sent == ["list.added", "list.how_to"]
    does(agent, order, "caller", number="060 000 0001", may_order="on")
    assert ListEntry.objects.count() == 1


def test_what_is_no_number_is_refused_beside_the_form(order: Order, agent: Client) -> None:
    said = does(agent, order, "caller", number="123")
    assert "'123' has too few or too many digits" in said
    assert not ListEntry.objects.exists()


def test_an_order_page_costs_the_same_however_long_its_story(
    order: Order, agent: Client, django_assert_max_num_queries: Any
) -> None:
    from capstan.topups.actions.events import note

    for number in range(30):
        note(order, "test", f"remark {number}", order.created_at)
    with django_assert_max_num_queries(45):
        agent.get(f"/staff/orders/{order.pk}/")
