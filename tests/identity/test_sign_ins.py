"""Sign-ins are on the record, and nobody can flood it; second factors can't be guessed, nor their owner locked out."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection

from capstan.audit.models import AuditEntry
from capstan.db.connection import connect
from capstan.identity.actions import codes, guesses, links, sign_ins
from capstan.identity.actions.retention import drop_expired
from capstan.identity.models import AttemptCount, Code, Link
from capstan.values import clock
from tests.staff import login

NOW = clock.now()
HERE, THERE = "192.0.2.7", "198.51.100.66"
HOUR = timedelta(hours=1)


@pytest.mark.django_db
def test_what_is_recorded_of_a_sign_in() -> None:
    thandi = login()
    sign_ins.note_sign_in(thandi, address=HERE, second_factor=True, now=NOW)
    sign_ins.note_sign_out(thandi, address=HERE, now=NOW)
    sign_ins.note_failed_sign_in(thandi, address=THERE, what="password", now=NOW)
    sign_ins.note_failed_sign_in(None, address=THERE, what="password", now=NOW)
    told = AuditEntry.objects.exclude(action="create_login").order_by("pk")
    own = f"login:{thandi.pk}"
    assert list(told.values_list("actor", "action", "subject", "details")) == [
        ("staff:thandi", "sign_in", own, {"address": HERE, "second_factor": True}),
        ("staff:thandi", "sign_out", own, {"address": HERE}),
        ("sign-in", "failed_sign_in", own, {"address": THERE, "what": "password"}),
        ("sign-in", "failed_sign_in", "login:unknown", {"address": THERE, "what": "password"}),
    ]


@pytest.mark.django_db
def test_failures_from_one_place_are_recorded_twenty_times_an_hour() -> None:
    thandi = login()
    for _ in range(50):
        sign_ins.note_failed_sign_in(thandi, address=THERE, what="password", now=NOW)
    entries = AuditEntry.objects.filter(action="failed_sign_in").order_by("pk")
    assert entries.count() == 20
    assert [("not_recorded_until" in entry.details) for entry in entries] == [False] * 19 + [True]
    sign_ins.note_failed_sign_in(thandi, address=HERE, what="password", now=NOW)
    sign_ins.note_failed_sign_in(thandi, address=THERE, what="password", now=NOW + HOUR)
    assert AuditEntry.objects.filter(action="failed_sign_in").count() == 22


@pytest.mark.django_db
def test_failures_from_everywhere_are_recorded_a_thousand_times_an_hour() -> None:
    for number in range(1050):
        address = f"198.51.{number // 250}.{number % 250}"
        sign_ins.note_failed_sign_in(None, address=address, what="password", now=NOW)
    assert AuditEntry.objects.count() == 1000


@pytest.mark.django_db
def test_signing_in_and_out_again_and_again_fills_nothing() -> None:
    thandi = login()
    for _ in range(30):
        sign_ins.note_sign_in(thandi, address=HERE, second_factor=False, now=NOW)
        sign_ins.note_sign_out(thandi, address=HERE, now=NOW)
    assert AuditEntry.objects.filter(action__in=("sign_in", "sign_out")).count() == 40


def tries(times: int, address: str) -> list[bool]:
    return [sign_ins.second_factor_allowed(17, address=address, now=NOW) for _ in range(times)]


@pytest.mark.django_db
def test_a_second_factor_has_five_tries_per_place_and_thirty_an_hour_from_strange_places() -> None:
    assert tries(6, THERE) == [True] * 5 + [False]
    got = [tries(5, f"198.51.100.{number}") for number in range(10)]
    assert sum(map(sum, got)) == 30 - 6
    assert tries(1, "203.0.113.1") == [False]


@pytest.mark.django_db
def test_whoever_has_the_password_can_not_lock_its_owner_out_of_where_he_signs_in() -> None:
    assert tries(1, HERE) == [True]
    assert sign_ins.second_factor_was_right(17, address=HERE, code="123456", now=NOW)
    for number in range(20):
        tries(5, f"198.51.100.{number}")
    assert tries(5, HERE) == [True] * 5


@pytest.mark.django_db
def test_a_code_is_taken_once() -> None:
    assert sign_ins.second_factor_was_right(17, address=HERE, code="123456", now=NOW)
    assert not sign_ins.second_factor_was_right(17, address=THERE, code="123456", now=NOW)
    assert sign_ins.second_factor_was_right(18, address=HERE, code="123456", now=NOW)
    assert sign_ins.second_factor_was_right(17, address=HERE, code="654321", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_what_has_expired_goes_and_what_has_not_stays() -> None:
    later = NOW + 2 * HOUR
    for end, name in ((NOW + HOUR, "old"), (NOW + 3 * HOUR, "new")):
        links.make("authorise", name, expires_at=end, now=NOW)
        codes.make("phone", name, expires_at=end, now=NOW)
        session = SessionStore()
        session["name"] = name
        session.set_expiry(end)
        session.save()
    guesses.note_failure("jenny", HERE, NOW)
    guesses.note_failure("jenny", HERE, later)
    cache.set("old", 1, timeout=3600)
    cache.set("new", 1, timeout=3 * 3600)
    with connect() as conn:
        drop_expired(conn, now=later)
        assert drop_expired(conn, now=later) == 0
    assert [link.subject for link in Link.objects.all()] == ["new"]
    assert [code.subject for code in Code.objects.all()] == ["new"]
    assert [kept.get_decoded()["name"] for kept in Session.objects.all()] == ["new"]
    assert {row.ends_at > later for row in AttemptCount.objects.all()} == {True}
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM db_cache")
        assert cursor.fetchall() == [(":1:new",)]
