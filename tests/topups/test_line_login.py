"""Sending a line's login: only to a number that is known to be the customer's, and never kept in clear."""

from datetime import timedelta
from typing import Any

import pytest

from capstan.audit.models import AuditEntry
from capstan.customers.actions import add_contact
from capstan.messaging.models import Message
from capstan.messaging.rules.words import Medium
from capstan.services.models import Service
from capstan.services.rules import LoginBy
from capstan.topups.actions.line_login import AGAIN_AFTER, OWN_WORD_COUNTS_AFTER, send_login
from capstan.topups.actions.notification_list import NewEntry, add
from capstan.topups.queries.logins import trusted_numbers
from capstan.values.refused import Refused
from tests.topups.shop import NUMBER, Shop

MOBILE, LANDLINE = "+27600000077", "+27215550123"
BY = "staff:sipho"  # not who put the number on the list


def trusted(line: Service) -> list[str]:
    return [one.number for one in trusted_numbers(line)]


def send(shop: Shop, line: Service, number: str = NUMBER) -> Message:
    return send_login(service_id=line.pk, number=number, actor=BY, now=shop.now)


def test_it_goes_to_a_confirmed_number_of_the_list(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    sent = send(shop, line)
    assert sent.recipient == NUMBER
    assert sent.sealed_text is not None
    assert "Username: thandi@example.net\nPassword: x\n" in sent.sealed_text
    assert "Password: x" not in sent.text
    assert sent.values["password"] == ""
    entry = AuditEntry.objects.get(action="service.send_login")
    assert (entry.actor, entry.subject, entry.details["to"]) == (BY, f"service:{line.pk}", NUMBER)
    assert "password" not in str(entry.details)


def test_not_to_a_number_that_one_has_put_on_the_list_oneself_of_late(shop: Shop) -> None:
    """Else whoever may not see a password could have it sent to his own telephone."""
    line = shop.line()
    shop.listed(line)
    by_thandi: dict[str, Any] = {"service_id": line.pk, "number": NUMBER, "actor": "staff:thandi"}
    with pytest.raises(Refused, match="let a colleague send"):
        send_login(**by_thandi, now=shop.now)
    assert not Message.objects.filter(template="line.login").exists()
    assert send(shop, line).recipient == NUMBER
    assert send_login(**by_thandi, now=shop.now + OWN_WORD_COUNTS_AFTER).recipient == NUMBER


def test_a_contact_is_more_than_ones_own_word(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    add_contact(customer_id=shop.customer.pk, name="Ann", phone=NUMBER, actor=BY, now=shop.now)
    sent = send_login(service_id=line.pk, number=NUMBER, actor="staff:thandi", now=shop.now)
    assert sent.recipient == NUMBER


def test_contacts_are_trusted_as_well_but_no_fixed_line_gets_an_sms(shop: Shop) -> None:
    line = shop.line()
    for name, phone in (("Ann", MOBILE), ("Office", LANDLINE)):
        add_contact(customer_id=shop.customer.pk, name=name, phone=phone, actor=BY, now=shop.now)
    assert trusted(line) == [MOBILE]
    assert send(shop, line, MOBILE).recipient == MOBILE
    with pytest.raises(Refused, match="only to a confirmed number"):
        send(shop, line, LANDLINE)


def test_a_number_that_nobody_confirmed_gets_nothing(shop: Shop) -> None:
    line = shop.line()
    add(NewEntry(line.pk, Medium.SMS, NUMBER), confirmed_by_staff=False, actor=BY, now=shop.now)
    assert trusted(line) == []
    with pytest.raises(Refused, match="only to a confirmed number"):
        send(shop, line)
    assert not Message.objects.filter(template="line.login").exists()
    assert not AuditEntry.objects.filter(action="service.send_login").exists()


def test_another_customers_number_gets_nothing(shop: Shop) -> None:
    line, other = shop.line(), shop.line("sipho@example.net")
    shop.listed(other, MOBILE)
    with pytest.raises(Refused):
        send(shop, line, MOBILE)


def test_a_second_one_waits_two_minutes(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    send(shop, line)
    with pytest.raises(Refused, match="a moment ago"):
        send(shop, line)
    shop.now += AGAIN_AFTER + timedelta(seconds=1)
    send(shop, line)
    assert Message.objects.filter(template="line.login").count() == 2


def test_a_line_that_logs_in_by_its_device_has_no_password_to_send(shop: Shop) -> None:
    line = shop.line()
    shop.listed(line)
    Service.objects.filter(pk=line.pk).update(login_by=LoginBy.MAC)
    with pytest.raises(Refused, match="no password"):
        send(shop, line)
