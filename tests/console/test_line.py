"""A line's page: its cap, what happens next, and what staff do about it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.caps.actions.cap import grant
from capstan.caps.rules.words import BucketKind
from capstan.catalog.models import Package, PackageVersion, TopUpOffer
from capstan.messaging.models import Message
from capstan.services.actions.device import set_mac_lock
from capstan.services.models import AccessDue, Service
from capstan.services.rules import LoginBy, MacLock, ServiceStatus
from capstan.topups.actions import take_back
from capstan.topups.actions.notices import tell_crossings
from capstan.topups.models import LineRule, ListEntry
from tests.console.desk import sends, text_of, words
from tests.topups.shop import GB, MB, NUMBER, Shop

QUERIES_MAX = 75
REASON = {"reason": "the caller asked for it"}


def page(line: Service) -> str:
    return f"/staff/services/{line.pk}/"


def deed(line: Service, name: str) -> str:
    return f"/staff/services/{line.pk}/do/{name}/"


def again(line: Service) -> Service:
    return Service.objects.get(pk=line.pk)


def test_it_opens_with_the_meter_the_state_and_what_happens_next(shop: Shop, agent: Client) -> None:
    said = words(agent.get(page(shop.line())))
    assert "thandi@example.net" in said
    assert "Not connected Nothing holds the line back. Nobody is connected; never was." in said
    assert "1 GB left of 1 GB until 1 Apr 2026" in said
    assert "When all is used, the line stops until a top-up or the reset." in said
    assert "Resets on 1 Apr 2026 with 1 GB." in said


def test_at_the_cap_it_says_since_when_and_offers_the_cheapest_top_ups(metered: Shop, agent: Client) -> None:
    line = metered.line()
    metered.use(GB)
    said = words(agent.get(page(line)))
    assert "Data used up Its data is used up since 10:00:00. Connected since 09:00:00 on n1." in said
    assert "0 GB left of 1 GB" in said
    assert said.index("Add 500 MB R 12.00") < said.index("Add 1 GB R 20.00") < said.index("Add 2 GB R 35.00")
    assert "Add 3 GB" not in said


def test_an_unknown_line_is_told_in_words(shop: Shop, agent: Client) -> None:
    for rest in ("", "now/", "technical/", "explain/", "usage/"):
        answer = agent.get(f"/staff/services/999999/{rest}")
        assert answer.status_code == 404
        assert "There is no service 999999." in words(answer)


def test_the_page_asks_a_bounded_number_of_questions(
    metered: Shop, agent: Client, django_assert_max_num_queries: Any
) -> None:
    line = metered.line()
    metered.listed(line)
    for letter in "ABCDEFG":
        metered.order(line, letter)
    metered.use(900 * MB)
    with django_assert_max_num_queries(QUERIES_MAX):
        agent.get(page(line))


# --- the part that renews itself ------------------------------------------------------------------------------


def test_the_hero_alone_is_the_same_as_on_the_page(shop: Shop, agent: Client) -> None:
    line = shop.line()
    shop.order(line)
    part, whole = text_of(agent.get(f"{page(line)}now/")), text_of(agent.get(page(line)))
    hatch = "cap-hatch-"  # drawings are numbered
    assert part.split(hatch)[0].strip() in whole
    assert part.lstrip().startswith('<div id="line-now"')


def test_it_looks_again_soon_while_something_is_under_way(shop: Shop, agent: Client) -> None:
    line = shop.line()
    AccessDue.objects.all().delete()
    assert 'data-cap-seconds="10"' in text_of(agent.get(page(line)))
    shop.order(line)
    assert 'data-cap-seconds="2"' in text_of(agent.get(page(line)))


def test_a_top_up_under_way_is_seen_on_the_page_and_goes_when_it_is_old(shop: Shop, agent: Client) -> None:
    line = shop.line()
    made = shop.order(line).order
    assert f'href="/staff/orders/{made.pk}/"' in text_of(agent.get(f"{page(line)}now/"))
    shop.now += timedelta(hours=3)
    type(made).objects.filter(pk=made.pk).update(follow_at=None)
    assert f'href="/staff/orders/{made.pk}/"' not in text_of(agent.get(f"{page(line)}now/"))


# --- cap details --------------------------------------------------------------------------------------------------


def test_rules_and_top_ups_say_who_when_why_and_the_price(shop: Shop, agent: Client) -> None:
    line = shop.line()
    shop.order(line, reason="sorry for the outage", arranged_minor=1000)
    grant(
        service_id=line.pk, kind=BucketKind.GOODWILL, size_bytes=GB, source="staff", actor="staff:naledi",
        reason="a present", now=shop.now,
    )  # fmt: skip
    said = words(agent.get(page(line)))
    assert (
        "2 GB 10 Mar 2026 10:00 by the call centre Jan Smit Thandi sorry for the outage R 10.00 Added" in said
    )
    assert "1 GB goodwill 10 Mar 2026 10:00 by command – naledi a present free Added" in said


def test_a_line_without_top_ups_says_so(shop: Shop, agent: Client) -> None:
    assert "No top-ups yet" in words(agent.get(page(shop.line())))


def test_buckets_show_what_was_taken_back(shop: Shop, agent: Client) -> None:
    line = shop.line()
    made = shop.order(line).order
    take_back.reverse(
        order_id=made.pk, in_full=False, reason="wrong size", actor="staff:thandi", now=shop.now
    )
    said = words(agent.get(page(line)))
    assert (
        f"Top-up #{made.bucket_id} 10 Mar 2026, until 1 Apr 2026 00:00 2 GB 0 B 0 B 2 GB taken back" in said
    )
    assert "top-up " in said
    assert "Being drawn" in said


def test_thresholds_say_when_they_were_crossed_and_who_was_told(metered: Shop, agent: Client) -> None:
    line = metered.line()
    metered.listed(line)
    metered.use(910 * MB)
    tell_crossings(now=metered.now, limit=10)
    said = words(agent.get(page(line)))
    assert "90 % crossed 10 Mar 2026 10:00 – told 060 000 0001, queued 10 Mar 2026 10:00" in said
    assert "80 % crossed 10 Mar 2026 10:00 – not told: a higher one was, at the same time" in said
    assert "100 % ahead" in said


def test_package_and_cycle_are_explained(shop: Shop, agent: Client) -> None:
    line = shop.line(day_limit_bytes=200 * MB, at_cap="throttle")
    said = words(agent.get(page(line)))
    assert "Cycle 1 Mar 2026 to 1 Apr 2026 00:00 (month, by the calendar)" in said
    assert "At the cap throttled to 512 kbit/s down, 256 kbit/s up" in said
    assert "Day limit 0 B of 200 MB drawn" in said
    assert "Spending ceiling none" in said


# --- what staff do ------------------------------------------------------------------------------------------------


def test_a_line_is_put_on_hold_and_taken_off_again(shop: Shop, agent: Client) -> None:
    line = shop.line()
    said = words(sends(agent, deed(line, "hold"), REASON))
    assert "thandi@example.net is on hold. Open sessions follow within a second." in said
    assert again(line).status == ServiceStatus.SUSPENDED
    assert (
        "On hold – payment due On hold since 10 Mar 2026 10:00, by Thandi Nkosi: the caller asked for it."
        in said
    )
    assert "Add top-up" not in said
    entry = AuditEntry.objects.get(action="service.suspend")
    assert (entry.actor, entry.reason) == ("staff:thandi", REASON["reason"])
    said = words(sends(agent, deed(line, "resume"), REASON))
    assert "is off hold" in said
    assert again(line).status == ServiceStatus.ACTIVE


@pytest.mark.parametrize("name", ["hold", "device", "package", "keep", "resume"])
def test_no_deed_without_a_reason(shop: Shop, agent: Client, name: str) -> None:
    line = shop.line()
    before = AuditEntry.objects.count()
    answer = agent.post(deed(line, name), {})
    assert answer.status_code == 200
    assert "This field is required." in words(answer) or "Keep the present" not in words(answer)
    assert AuditEntry.objects.count() == before


def test_what_is_refused_is_said_and_what_was_typed_stays(shop: Shop, agent: Client) -> None:
    line = shop.line()
    same = Package.objects.get(code="p-thandi@example.net")
    answer = agent.post(deed(line, "package"), {"package": same.pk, "since": "now", **REASON})
    assert answer.status_code == 200
    assert "The service has that package then already." in words(answer)
    assert f'value="{REASON["reason"]}"' in text_of(answer)
    assert '<details class="card cap-panel" id="package" open>' in text_of(answer)


@pytest.fixture
def bigger(shop: Shop) -> Package:
    made = Package.objects.create(code="big", name="Big", brand=shop.brand)
    PackageVersion.objects.create(
        package=made, valid_from=shop.now - timedelta(days=9), allowance_bytes=50 * GB
    )
    return made


def test_the_package_changes_with_the_next_cycle_and_that_can_be_taken_back(
    shop: Shop, agent: Client, bigger: Package
) -> None:
    line = shop.line()
    said = words(sends(agent, deed(line, "package"), {"package": bigger.pk, "since": "cycle", **REASON}))
    assert "thandi@example.net has Big from 1 Apr 2026 00:00." in said
    assert "Planned Big from 1 Apr 2026 00:00" in said
    assert AuditEntry.objects.get(action="service.change_package").reason == REASON["reason"]
    said = words(sends(agent, deed(line, "keep"), REASON))
    assert "keeps its package; the change planned for 1 Apr 2026 00:00 is taken back." in said
    assert "Planned Big" not in said


def test_the_package_changes_at_once(shop: Shop, agent: Client, bigger: Package) -> None:
    line = shop.line()
    said = words(sends(agent, deed(line, "package"), {"package": bigger.pk, "since": "now", **REASON}))
    assert "has Big from now on: its speeds at once" in said
    assert "Package Big (big)" in said


def test_only_packages_of_the_customers_brand_that_are_sold_can_be_chosen(
    shop: Shop, agent: Client, bigger: Package
) -> None:
    line = shop.line()
    Package.objects.filter(pk=bigger.pk).update(on_sale=False)
    answer = agent.post(deed(line, "package"), {"package": bigger.pk, "since": "now", **REASON})
    assert answer.status_code == 200
    assert "Select a valid choice" in words(answer)


@pytest.mark.parametrize(("then", "lock"), [("learn", MacLock.LEARN), ("any", MacLock.OFF)])
def test_the_device_is_cleared(shop: Shop, agent: Client, then: str, lock: MacLock) -> None:
    line = shop.line()
    set_mac_lock(service_id=line.pk, mac_address="02-00-5E-00-00-01", actor="test", now=shop.now)
    sends(agent, deed(line, "device"), {"then": then, **REASON})
    assert (again(line).mac_address, again(line).mac_lock) == ("", lock)
    assert AuditEntry.objects.get(action="service.clear_mac").reason == REASON["reason"]


def test_only_managers_set_the_ceiling(shop: Shop, agent: Client, manager: Client) -> None:
    line, given = shop.line(), {"ceiling_minor": "200", "ceiling_bytes": "20 GB"}
    answer = agent.post(deed(line, "ceiling"), given)
    assert answer.status_code == 403
    assert not LineRule.objects.exists()
    said = words(sends(manager, deed(line, "ceiling"), given))
    assert "Spending ceiling R 200.00 and 20 GB a cycle" in said
    assert LineRule.objects.get().ceiling_minor == 20_000


def test_a_line_that_has_ended_can_only_be_read(shop: Shop, manager: Client) -> None:
    line = shop.line()
    Service.objects.filter(pk=line.pk).update(status=ServiceStatus.ENDED)
    said = words(manager.get(page(line)))
    assert "The line has ended: nothing can be changed about it." in said
    assert "Add top-up" not in said


def test_unknown_deeds_and_gets_are_turned_away(shop: Shop, agent: Client) -> None:
    line = shop.line()
    assert agent.get(deed(line, "hold")).status_code == 405
    answer = agent.post(deed(line, "explode"))
    assert answer.status_code == 404
    assert "Nothing called explode can be done to a line." in words(answer)


# --- the line's login -----------------------------------------------------------------------------------------------


def test_the_password_is_masked_for_everybody(shop: Shop, agent: Client, manager: Client) -> None:
    line = shop.line()
    Service.objects.filter(pk=line.pk).update(line_password="s3cret-line")
    for who in (agent, manager):
        for rest in ("", "technical/", "explain/", "usage/"):
            assert "s3cret-line" not in text_of(who.get(page(line) + rest))


def test_who_may_see_it_sees_it_by_post_and_that_is_on_record(shop: Shop, manager: Client) -> None:
    line = shop.line()
    line.line_password = "s3cret-line"
    line.save(update_fields=["line_password"])
    url = f"{page(line)}password/"
    assert manager.get(url).status_code == 405
    answer: Any = manager.post(url)
    assert "s3cret-line" in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    part: Any = manager.post(url, headers={"HX-Request": "true"})
    assert text_of(part).lstrip().startswith('<div id="line-login"')
    assert "s3cret-line" in text_of(part)
    seen = AuditEntry.objects.filter(action="service.see_line_password", actor="staff:naledi")
    assert seen.count() == 2
    assert "s3cret" not in str(list(seen.values_list("details", "reason")))


def test_agents_may_not_see_it(shop: Shop, agent: Client) -> None:
    line = shop.line()
    answer = agent.post(f"{page(line)}password/")
    assert answer.status_code == 403
    assert "see a line's password" in words(answer)
    assert not AuditEntry.objects.filter(action="service.see_line_password").exists()


def test_agents_send_it_to_a_confirmed_number(shop: Shop, agent: Client) -> None:
    line = shop.line()
    shop.listed(line)
    own_word = {"number": NUMBER}
    assert "let a colleague send the login there" in words(sends(agent, deed(line, "login"), own_word))
    ListEntry.objects.update(added_by="staff:sipho", confirmed_by="staff:sipho")
    assert f"{NUMBER} – Jan (notification list)" in words(agent.get(page(line)))
    said = words(sends(agent, deed(line, "login"), {"number": NUMBER}))
    assert f"The login of thandi@example.net is on its way to {NUMBER}." in said
    assert Message.objects.filter(template="line.login", recipient=NUMBER).count() == 1
    assert AuditEntry.objects.get(action="service.send_login").actor == "staff:thandi"


def test_to_no_other_number(shop: Shop, agent: Client) -> None:
    line = shop.line()
    shop.listed(line)
    answer = agent.post(deed(line, "login"), {"number": "+27600000666"})
    assert answer.status_code == 200
    assert "Select a valid choice" in words(answer)
    assert not Message.objects.filter(template="line.login").exists()


def test_without_a_confirmed_number_there_is_nothing_to_send_to(shop: Shop, agent: Client) -> None:
    assert "Send the line's login" not in words(agent.get(page(shop.line())))


def test_a_line_without_a_password_says_how_it_logs_in(shop: Shop, agent: Client) -> None:
    line = shop.line()
    Service.objects.filter(pk=line.pk).update(login_by=LoginBy.MAC)
    assert "It logs in by its device's MAC address: there is no password." in words(agent.get(page(line)))


def test_an_automatic_top_up_is_agreed_to_shown_and_stopped(shop: Shop, agent: Client) -> None:
    line = shop.line()
    offer = TopUpOffer.objects.get(letter="B")
    sent = {"offer": str(offer.pk), "from_percent": "100", "at_most": "2", "agreed_by": "Jan Smith"}
    done = words(sends(agent, deed(line, "auto"), sent))
    assert "is added by itself at 100 %, as Jan Smith agreed" in done
    assert "at most 2 times a cycle; agreed by Jan Smith" in words(agent.get(page(line)))
    refused = words(sends(agent, deed(line, "auto"), sent | {"agreed_by": " "}))
    assert "This field is required" in refused
    assert "Nothing is added by itself any more" in words(
        sends(agent, deed(line, "auto-off"), {"reason": "asked"})
    )
