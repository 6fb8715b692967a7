"""The checks before each start find what is not in order, and nothing else."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pydantic import SecretStr

from capstan.config import checks, single
from capstan.config.errors import OperatorError
from capstan.config.options import Options
from capstan.db.connection import connect
from capstan.values import clock


@pytest.fixture
def chosen(tmp_path: Path) -> Options:
    return Options.model_construct(data_dir=tmp_path, database_url=None)


@pytest.mark.django_db
def test_all_is_in_order(chosen: Options) -> None:
    assert checks.find_problems(chosen, now=clock.now()) == []
    checks.require(chosen, now=clock.now())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "nothing", "variable"),
    [("HAS_SECRET_KEY", False, "CAPSTAN_SECRET_KEY"), ("FIELD_KEY", b"", "CAPSTAN_FIELD_KEY")],
)
def test_a_missing_key(
    chosen: Options, monkeypatch: pytest.MonkeyPatch, setting: str, nothing: object, variable: str
) -> None:
    monkeypatch.setattr(settings, setting, nothing)
    (problem,) = checks.find_problems(chosen, now=clock.now())
    assert f"or set {variable}" in problem


@pytest.mark.django_db
def test_a_missing_day_of_the_packet_log(chosen: Options) -> None:
    later = clock.now() + timedelta(days=30)
    (problem,) = checks.find_problems(chosen, now=later)
    assert f"no partition for {later.date()}: run `capstan migrate`" in problem


@pytest.mark.django_db
def test_a_missing_migration(chosen: Options) -> None:
    MigrationRecorder(connection).record_unapplied("network", "0001_initial")
    (problem,) = checks.find_problems(chosen, now=clock.now())
    assert "the database lacks 1 migrations: run `capstan migrate`" in problem


@pytest.mark.django_db
def test_a_version_we_do_not_know(chosen: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "VERSIONS", range(30, 33))
    (problem,) = checks.find_problems(chosen, now=clock.now())
    assert "Capstan works with 30 to 32" in problem


@pytest.mark.django_db(transaction=True)
def test_another_machines_field_key(chosen: Options) -> None:
    nonce = os.urandom(12)
    foreign = b"\x01" + nonce + AESGCM(os.urandom(32)).encrypt(nonce, b"secret", None)
    with connect() as conn:
        conn.execute(
            "INSERT INTO metering_peer (name, network, secret, require_message_authenticator, is_proxy)"
            " VALUES ('p', '192.0.2.1', %s, 'auto', false)",
            [foreign],
        )
    (problem,) = checks.find_problems(chosen, now=clock.now())
    assert "the field key is not the one" in problem


@pytest.mark.django_db
def test_no_field_key(chosen: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "FIELD_KEY", b"")
    with pytest.raises(OperatorError, match="no key for sealed fields"):
        checks.require(chosen, now=clock.now())


@pytest.mark.django_db
def test_an_unreachable_database_is_explained(chosen: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    assert "isn't running: start `capstan up`" in checks.find_problems(chosen, now=clock.now())[0]
    lock = single.hold(chosen.data_dir)
    assert "can't be reached (yet)" in checks.find_problems(chosen, now=clock.now())[0]
    os.close(lock)
    elsewhere = chosen.model_copy(update={"database_url": SecretStr("postgresql://192.0.2.1/capstan")})
    assert (
        "the database of DATABASE_URL can't be reached" in checks.find_problems(elsewhere, now=clock.now())[0]
    )


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    first = single.hold(tmp_path)
    assert single.is_held(tmp_path)
    with pytest.raises(OperatorError, match=rf"\(process {os.getpid()}\)"):
        single.hold(tmp_path)
    os.close(first)
    assert not single.is_held(tmp_path)
    os.close(single.hold(tmp_path))
