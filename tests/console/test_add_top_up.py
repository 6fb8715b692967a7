"""Actions → Add top-up: from the catalogue, of any size, and what stands in the way (J5, J6, S2, S3, G5)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.billing.models import Charge
from capstan.catalog.actions import set_price
from capstan.catalog.models import DataPrice, TopUpOffer
from capstan.services.actions.status import end_service, suspend
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_account_rule, set_ceiling
from capstan.topups.models import AuthorisationRequest, Order
from capstan.topups.rules.words import OrderState
from tests.console.desk import CALLER, hidden, offer, only_order, sends, use_up, value_of, words
from tests.topups.shop import GB, MB, Shop, buckets


def form_of(line: Service) -> str:
    return f"/staff/services/{line.pk}/top-up/"


def filled(letter: str = "C", **more: Any) -> dict[str, Any]:
    return {"key": str(uuid4()), "what": offer(letter), "validity": "cycle", **CALLER, **more}


def own(size: str, **more: Any) -> dict[str, Any]:
    return filled(**({"what": "own", "size": size} | more))


def test_the_form_says_what_is_left_and_shows_the_offers_the_cheapest_first(
    shop: Shop, agent: Client
) -> None:
    line = shop.line()
    said = words(agent.get(form_of(line)))
    assert "1 GB left. Add a top-up" in said
    assert said.index("R 12.00") < said.index("R 20.00") < said.index("R 35.00") < said.index("R 220.00")
    assert "This line has no spending ceiling." in said


def test_an_offer_is_added_with_the_agents_and_the_callers_name(shop: Shop, agent: Client) -> None:
    line = shop.line()
    use_up(line, shop)
    said = words(sends(agent, form_of(line), filled("C")))
    order = only_order()
    assert (order.state, order.size_bytes, order.price_minor) == (OrderState.GRANTED, 2 * GB, 3500)
    assert (order.requested_by, order.actor, order.actor_name) == ("Jan Smit", "staff:thandi", "Thandi Nkosi")
    assert order.verified_how == "Account code"
    assert (
        "ordered by the call centre for Jan Smit, added by Thandi Nkosi" in Charge.objects.get().description
    )
    assert "2 GB for R 35.00 was added. It goes on the next invoice" in said
    assert AuditEntry.objects.filter(action="topup.add", actor="staff:thandi").count() == 1


def test_the_same_form_sent_twice_adds_once_and_says_so(shop: Shop, agent: Client) -> None:
    line = shop.line()
    given = filled()
    sends(agent, form_of(line), given)
    said = words(sends(agent, form_of(line), given))
    assert "This form was sent before, so nothing was added twice." in said
    assert (len(buckets(line)), Charge.objects.count()) == (1, 1)


def test_each_rendering_of_the_form_is_another_order(shop: Shop, agent: Client) -> None:
    line = shop.line()
    keys = [hidden(agent.get(form_of(line)), "key") for _ in range(2)]
    for key in keys:
        sends(agent, form_of(line), filled("B", key=key))
    assert len(buckets(line)) == 2


MISSING = [
    # left out, what is said
    ({"requested_by": " "}, "This field is required."),
    ({"verified": []}, "Tick what the caller knew."),
    ({"verified": "other"}, "Say how you made sure of the caller."),
    ({"what": ""}, "Choose what is added."),
    ({"what": "own"}, "Say how much data it shall be"),
    ({"what": "own", "size": "a lot"}, "is not an amount of data"),
    ({"what": "own", "size": "0 GB"}, "Say how much data it shall be"),
    ({"what": "own", "size": "2"}, "Say MB or GB: 2 MB or 2 GB."),
    (
        {"what": "own", "size": "9999999 GB"},
        "More than 100 TB can't be added at once: is it MB that you mean?",
    ),
    ({"what": "own", "size": "2GB", "validity": "days"}, "Say for how many days."),
    ({"what": "own", "size": "2GB", "price": "cheap", "reason": "x"}, "is not an amount of money"),
    ({"key": "7"}, ""),
]


@pytest.mark.parametrize(("given", "said"), MISSING)
def test_what_is_missing_is_said_beside_the_form_and_what_was_typed_stays(
    shop: Shop, agent: Client, given: dict[str, Any], said: str
) -> None:
    line = shop.line()
    answer = agent.post(form_of(line), filled() | given | {"reason": "for his birthday"})
    assert answer.status_code == 200
    assert said in words(answer)
    assert value_of(answer, "reason") == "for his birthday"
    assert not Order.objects.exists()


def test_how_the_caller_was_verified_in_another_way_is_recorded_in_these_words(
    shop: Shop, agent: Client
) -> None:
    line = shop.line()
    sends(agent, form_of(line), filled(verified="other", verified_other="knew his router's serial number"))
    assert only_order().verified_how == "knew his router's serial number"


def test_a_price_that_changed_since_the_form_was_opened_is_not_charged(shop: Shop, agent: Client) -> None:
    line = shop.line()
    given = filled("C")
    shop.now += timedelta(minutes=1)
    set_price(
        offer_id=TopUpOffer.objects.get(letter="C").pk,
        price_minor=9900,
        valid_from=shop.now,
        actor="test",
        now=shop.now,
    )
    answer = agent.post(form_of(line), given)
    assert "Its price has changed" in words(answer)
    assert "R 99.00" in words(answer)
    assert not Order.objects.exists()


# --- any size ---------------------------------------------------------------------------------------------


def test_any_size_is_added_at_the_catalogues_price(shop: Shop, agent: Client) -> None:
    line = shop.line()
    sends(agent, form_of(line), own("750 MB"))
    order = only_order()
    assert (order.size_bytes, order.price_minor, order.list_price_minor, order.offer_id) == (
        750 * MB,
        1425,
        1425,
        None,
    )


READ = [
    # size, price that is typed, what is said, what the button says
    ("1.5 GB", "", "= 1.5 GB costs R 28.50", "Add 1.5 GB for R 28.50"),
    ("0,5gb", "", "= 500 MB costs R 9.50", "Add 500 MB for R 9.50"),
    ("250 GB", "", "= 250 GB costs R 4 750.00", "Add 250 GB for R 4 750.00"),
    ("250 GB", "100", "= 250 GB costs R 4 750.00", "Add 250 GB for R 100.00"),
    ("250 GB", "cheap", "= 250 GB costs R 4 750.00", ""),
    ("1.5", "", "Say MB or GB: 1.5 MB or 1.5 GB.", ""),
    ("9999999 GB", "", "More than 100 TB can't be added at once: is it MB that you mean?", ""),
    ("", "", "", ""),
]


@pytest.mark.parametrize(("size", "price", "said", "button"), READ)
def test_a_size_that_is_typed_is_said_with_its_price_and_what_the_button_will_do(
    shop: Shop, agent: Client, size: str, price: str, said: str, button: str
) -> None:
    part = agent.get(f"{form_of(shop.line())}price/", {"size": size, "price": price})
    assert words(part) == said
    assert f'data-cap-deed="{button}"' in part.text.replace("\N{NO-BREAK SPACE}", " ")


def test_without_scripts_a_button_works_out_the_price_and_keeps_the_one_that_was_typed(
    shop: Shop, agent: Client
) -> None:
    line = shop.line()
    asked = {"do": "price", "what": "own", "size": "2 GB", "requested_by": "Jan", "key": str(uuid4())}
    answer = agent.post(form_of(line), asked)
    assert (value_of(answer, "price"), value_of(answer, "requested_by")) == ("", "Jan")
    assert "= 2 GB costs R 35.00" in words(answer)
    assert "Add 2 GB for R 35.00" in words(answer)
    assert value_of(agent.post(form_of(line), asked | {"price": "12"}), "price") == "12"
    assert 'class="cap-error"' not in answer.text
    assert not Order.objects.exists()


def test_an_arranged_price_needs_a_reason(shop: Shop, agent: Client) -> None:
    line = shop.line()
    answer = agent.post(form_of(line), own("2GB", price="10"))
    assert "Say why the price or the ceiling is not the usual one" in words(answer)
    sends(agent, form_of(line), own("2GB", price="10", reason="our router was down"))
    order = only_order()
    assert (order.price_minor, order.list_price_minor, order.reason) == (1000, 3500, "our router was down")


@pytest.mark.parametrize(
    ("validity", "days", "until"),
    [("cycle", "", "2026-03-31"), ("days", "10", "2026-03-20"), ("never", "", "9999-01-01")],
)
def test_a_size_of_ones_own_is_valid_for_as_long_as_is_chosen(
    shop: Shop, agent: Client, validity: str, days: str, until: str
) -> None:
    line = shop.line()
    sends(agent, form_of(line), own("2GB", validity=validity, valid_days=days))
    assert buckets(line)[0].expires_at.date().isoformat() == until


def test_a_size_without_a_price_in_the_catalogue_needs_one_and_a_reason(shop: Shop, agent: Client) -> None:
    line = shop.line()
    DataPrice.objects.all().delete()
    for incomplete in ({}, {"price": "0"}, {"reason": "a gift"}):
        answer = agent.post(form_of(line), own("750MB", **incomplete))
        assert "have no price in the catalogue" in words(answer), incomplete
    sends(agent, form_of(line), own("750MB", price="0", reason="a gift"))
    assert (only_order().price_minor, only_order().reason) == (0, "a gift")


def test_who_may_not_arrange_prices_gets_no_field_and_charges_the_catalogues(
    shop: Shop, agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capstan.identity.rules._PERMISSIONS", {"agent": frozenset()})
    line = shop.line()
    assert 'name="price"' not in agent.get(form_of(line)).text
    sends(agent, form_of(line), own("2GB", price="1", reason="because"))
    assert only_order().price_minor == 3500


def test_everything_the_caller_knew_is_recorded_in_one_line(shop: Shop, agent: Client) -> None:
    ticked = ["contact", "last", "other"]
    sends(agent, form_of(shop.line()), filled(verified=ticked, verified_other="knew ANT-4's colour"))
    assert only_order().verified_how == "Name and number on the account, last top-up, knew ANT-4's colour"


# --- what stands in the way ---------------------------------------------------------------------------------


def test_a_line_that_data_would_not_open_gets_the_next_step_instead_of_a_form(
    shop: Shop, agent: Client
) -> None:
    line = shop.line()
    suspend(service_id=line.pk, reason="unpaid", actor="test", now=shop.now)
    page = agent.get(form_of(line))
    assert "Resume it or take the payment first" in words(page)
    assert "Open the account" in words(page)
    assert 'name="what"' not in page.text
    agent.post(form_of(line), filled())
    end_service(service_id=line.pk, reason="moved", actor="test", now=shop.now)
    assert "The service has ended" in words(agent.get(form_of(line)))
    assert not Order.objects.exists()


def test_a_line_that_is_not_there(shop: Shop, agent: Client) -> None:
    assert agent.get("/staff/services/999999/top-up/").status_code == 404


def test_the_ceiling_holds_for_agents_and_a_manager_may_go_beyond_it_with_a_reason(
    shop: Shop, agent: Client, manager: Client
) -> None:
    line = shop.line()
    set_ceiling(service_id=line.pk, ceiling_minor=4000, ceiling_bytes=None, actor="test", now=shop.now)
    sends(agent, form_of(line), filled("C"))
    assert "Ceiling: R 5.00 of R 40.00 left in this cycle." in words(agent.get(form_of(line)))
    answer = agent.post(form_of(line), filled("B", beyond_ceiling="on", reason="he insists"))
    assert (
        "Nothing was added. This line may spend R 40.00 on top-ups in a cycle, and R 5.00 of it is left."
        in words(answer)
    )
    assert len(buckets(line)) == 1
    assert "Say why the price or the ceiling" in words(
        manager.post(form_of(line), filled("B", beyond_ceiling="on"))
    )
    sends(manager, form_of(line), filled("B", beyond_ceiling="on", reason="a film crew"))
    assert len(buckets(line)) == 2


def test_after_a_refusal_the_form_can_be_sent_again_at_once(shop: Shop, agent: Client) -> None:
    line = shop.line()
    set_ceiling(service_id=line.pk, ceiling_minor=2000, ceiling_bytes=None, actor="test", now=shop.now)
    answer = agent.post(form_of(line), filled("C"))
    sends(agent, form_of(line), filled("B", key=hidden(answer, "key")))
    assert [order.state for order in Order.objects.order_by("pk")] == [OrderState.REFUSED, OrderState.GRANTED]


# --- accounts that want it authorised -----------------------------------------------------------------------


@pytest.fixture
def company(shop: Shop) -> Service:
    line = shop.line()
    when: dict[str, Any] = {"actor": "test", "now": shop.now}
    set_account_rule(customer_id=line.customer_id, needs_authorisation=True, pays_first=False, **when)
    for name, limit in (("Ms Dlamini", None), ("Mr Botha", 2000)):
        add_authoriser(
            customer_id=line.customer_id,
            name=name,
            role="director",
            phone=f"+2760000010{len(name)}",
            limit_minor=limit,
            **when,
        )
    return line


def authoriser(name: str) -> str:
    from capstan.topups.models import Authoriser

    return str(Authoriser.objects.get(name=name).pk)


def test_who_authorised_must_be_said(company: Service, agent: Client) -> None:
    page = words(agent.get(form_of(company)))
    assert "This account wants top-ups authorised." in page
    assert "Mr Botha (director, up to R 20.00)" in page
    assert "This field is required." in words(agent.post(form_of(company), filled()))
    sends(agent, form_of(company), filled(authoriser=authoriser("Ms Dlamini")))
    assert (only_order().state, only_order().authorised_by) == (OrderState.GRANTED, "Ms Dlamini (director)")


def test_nobody_authorises_more_than_his_limit(company: Service, agent: Client) -> None:
    answer = agent.post(form_of(company), filled("C", authoriser=authoriser("Mr Botha")))
    assert "Mr Botha may authorise up to R 20.00" in words(answer)
    assert not Order.objects.exists()


def test_unauthorised_it_waits_and_says_whom_it_was_put_to(company: Service, agent: Client) -> None:
    said = words(sends(agent, form_of(company), filled("C", authoriser="wait")))
    assert only_order().state == OrderState.AWAITING_AUTHORISATION
    assert [one.authoriser.name for one in AuthorisationRequest.objects.select_related("authoriser")] == [
        "Ms Dlamini"
    ]
    assert "is ordered and waits. Asked by SMS: Ms Dlamini (director)." in said


def test_accounts_that_ask_nobody_get_no_such_question(shop: Shop, agent: Client) -> None:
    assert 'name="authoriser"' not in agent.get(form_of(shop.line())).text
