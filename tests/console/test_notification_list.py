"""A line's notification list on its page: put on, confirmed, changed, paused, taken off (J1)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.messaging.models import Message
from capstan.services.models import Service
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import EntryState
from tests.console.desk import sends, text_of, words
from tests.topups.shop import NUMBER, Shop

NEW = {
    "medium": "sms", "address": "060 000 0001", "name": "Jan", "confirmed": "staff", "may_order": "on",
    "order_limit": "", "from_percent": "", "language": "af",
}  # fmt: skip


@pytest.fixture
def line(shop: Shop) -> Service:
    return shop.line()


def page_of(line: Service) -> str:
    return f"/staff/services/{line.pk}/notification-list/"


def does(client: Client, entry: ListEntry, deed: str, **given: Any) -> str:
    return words(sends(client, f"{page_of(entry.service)}{entry.pk}/{deed}/", given))


def code_sent() -> str:
    return (Message.objects.filter(template="list.code").latest("pk").sealed_text or "")[:6]


def told(address: str = NUMBER) -> list[str]:
    return list(Message.objects.filter(recipient=address).order_by("pk").values_list("template", flat=True))


def test_an_empty_list_says_what_that_means(line: Service, agent: Client) -> None:
    assert "Nobody is told when the data runs out" in words(agent.get(page_of(line)))


def test_staff_confirm_a_number_and_it_is_told(line: Service, agent: Client) -> None:
    said = words(sends(agent, f"{page_of(line)}add/", NEW))
    entry = ListEntry.objects.get()
    assert (entry.address, entry.language, entry.from_percent, entry.may_order) == (NUMBER, "af", 90, True)
    assert (entry.state, entry.confirmed_by) == (EntryState.CONFIRMED, "staff:thandi")
    assert told() == ["list.added"]
    assert f"{NUMBER} is on the list and is told so." in said
    assert "1 on the list, 1 may order by SMS" in said
    assert "Confirmed 10 Mar 2026, Thandi Nkosi." in said
    assert set(
        AuditEntry.objects.filter(action__startswith="notification_list").values_list("actor", flat=True)
    ) == {"staff:thandi"}


def test_a_number_gets_a_code_which_is_typed_in(line: Service, agent: Client) -> None:
    said = words(sends(agent, f"{page_of(line)}add/", NEW | {"confirmed": "code"}))
    assert "Waits for its code: until then it gets no notices and can't order." in said
    entry = ListEntry.objects.get()
    assert "This code is wrong or too old. Tries left: 4." in does(agent, entry, "confirm", code="000000x")
    assert "This field is required." in does(agent, entry, "confirm")
    does(agent, entry, "confirm", code=code_sent())
    assert ListEntry.objects.get().state == EntryState.CONFIRMED
    assert told() == ["list.code", "list.added"]


def test_another_code_can_be_sent_but_not_for_ever(line: Service, shop: Shop, agent: Client) -> None:
    sends(agent, f"{page_of(line)}add/", NEW | {"confirmed": "code"})
    entry = ListEntry.objects.get()
    for _ in range(4):
        shop.now += timedelta(minutes=1)
        assert "A code is on its way" in does(agent, entry, "send-code")
    shop.now += timedelta(minutes=1)
    assert "5 codes were sent already." in does(agent, entry, "send-code")


def test_staff_may_vouch_for_a_number_without_its_code(line: Service, agent: Client) -> None:
    sends(agent, f"{page_of(line)}add/", NEW | {"confirmed": "code"})
    assert "is confirmed by you" in does(agent, ListEntry.objects.get(), "vouch")
    assert ListEntry.objects.get().confirmed_by == "staff:thandi"


WRONG = [
    ({"address": "123"}, "has too few or too many digits"),
    ({"address": "nobody"}, "is not a telephone number"),
    ({"medium": "email", "address": "jan"}, "is not an e-mail address"),
    ({"address": ""}, "This field is required."),
    ({"from_percent": "101"}, "less than or equal to 100"),
    ({"order_limit": "much"}, "is not an amount of money"),
    ({"language": "xx"}, "is not one of the available choices"),
    ({"medium": "pigeon"}, "is not one of the available choices"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    line: Service, agent: Client, given: dict[str, str], said: str
) -> None:
    answer = agent.post(f"{page_of(line)}add/", NEW | given)
    assert said in words(answer)
    assert 'value="Jan"' in text_of(answer)
    assert not ListEntry.objects.exists()


def test_nobody_is_listed_twice(line: Service, agent: Client) -> None:
    sends(agent, f"{page_of(line)}add/", NEW)
    assert f"{NUMBER} is on the list of this line already." in words(agent.post(f"{page_of(line)}add/", NEW))


def test_what_somebody_gets_and_may_do_is_changed(line: Service, shop: Shop, agent: Client) -> None:
    entry = shop.listed(line)
    given = {"name": "Jan Smit", "from_percent": "50", "language": "en", "order_limit": "35,50"}
    said = does(agent, entry, "change", **given)
    assert "Notices from 50 % on, in English · May not order" in said
    entry = ListEntry.objects.get()
    assert (entry.name, entry.from_percent, entry.may_order, entry.order_limit_minor) == (
        "Jan Smit",
        50,
        False,
        3550,
    )
    answer = agent.post(f"{page_of(line)}{entry.pk}/change/", given | {"from_percent": "0", "name": "Piet"})
    assert "greater than or equal to 1" in words(answer)
    assert 'value="Piet"' in text_of(answer)
    assert ListEntry.objects.get().name == "Jan Smit"


def test_an_address_by_e_mail_has_nothing_to_order_with(line: Service, shop: Shop, agent: Client) -> None:
    entry = shop.listed(line, "jan@example.net")
    assert "none may order by SMS" in words(agent.get(page_of(line)))
    does(agent, entry, "change", name="J", from_percent="80", language="en", may_order="on")
    assert ListEntry.objects.get().may_order is False


def test_notices_pause_and_resume(line: Service, shop: Shop, agent: Client) -> None:
    entry = shop.listed(line)
    assert "STOP: no notices of this line until START." in does(agent, entry, "pause")
    assert ListEntry.objects.get().is_paused
    assert "gets notices of this line again" in does(agent, entry, "resume")
    assert not ListEntry.objects.get().is_paused


def test_who_is_taken_off_is_told_and_remembered(line: Service, shop: Shop, agent: Client) -> None:
    entry = shop.listed(line)
    assert f"{NUMBER} is off the list, and is told so." in does(agent, entry, "remove")
    assert told()[-1] == "list.removed"
    assert f"Jan, {NUMBER}: taken off by staff, 10 Mar 2026 10:00" in words(agent.get(page_of(line)))
    assert f"{NUMBER} is off the list: add it again." in does(agent, entry, "pause")


def test_a_number_that_was_silent_for_six_months_needs_a_fresh_code(
    line: Service, shop: Shop, agent: Client
) -> None:
    entry = shop.listed(line)
    shop.now += timedelta(days=183)
    assert "Silent for six months: ordering needs a fresh code." in words(agent.get(page_of(line)))
    does(agent, entry, "send-code")
    assert "Silent" not in does(agent, entry, "confirm", code=code_sent())


def test_how_to_top_up_is_sent(line: Service, shop: Shop, agent: Client) -> None:
    does(agent, shop.listed(line), "how-to")
    assert told()[-1] == "list.how_to"


def test_the_section_alone_for_other_pages(line: Service, shop: Shop, agent: Client) -> None:
    assert "Nobody is told" in words(agent.get(f"{page_of(line)}section/"))
    shop.listed(line)
    part = agent.get(f"{page_of(line)}section/")
    assert "<html" not in text_of(part)
    assert "060 000 0001 · Jan Notices from 90 % on, in English · May order Confirmed" in words(part)


def test_entries_of_other_lines_are_not_there(line: Service, shop: Shop, agent: Client) -> None:
    other = shop.line("sipho@example.net")
    entry = shop.listed(other)
    assert agent.post(f"{page_of(line)}{entry.pk}/remove/").status_code == 404
    assert agent.post(f"{page_of(other)}{entry.pk}/explode/").status_code == 404
    assert agent.get(f"{page_of(other)}{entry.pk}/remove/").status_code == 405
    assert ListEntry.objects.get().state == EntryState.CONFIRMED
