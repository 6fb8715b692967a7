"""Settings: a wrong one is named with its value and what is allowed, and the page about them is up to date."""

from pathlib import Path

import pytest

from capstan.config import options
from capstan.config.errors import OperatorError
from tools import settings_page


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in options.Options.model_fields:
        monkeypatch.delenv(options.variable(name), raising=False)
    monkeypatch.delenv(options.CONFIG_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    with pytest.raises(OperatorError) as caught:
        options.load()
    return str(caught.value)


def test_defaults_need_nothing() -> None:
    chosen = options.load()
    assert (chosen.time_zone, chosen.radius_auth_port, chosen.database_url) == (
        "Africa/Johannesburg",
        1812,
        None,
    )
    assert chosen.radius_hosts == ("127.0.0.1", "::1")


WRONG = [
    (
        "CAPSTAN_SMS_BUDGET",
        "lots",
        "CAPSTAN_SMS_BUDGET=lots: must be an amount of money such as 1500 or 1500.50",
    ),
    ("CAPSTAN_SMS_BUDGET", "0", "must be an amount of money"),
    ("CAPSTAN_TOPUP_CEILING", "lots", "must be an amount such as 2000.00"),
    ("CAPSTAN_TOPUP_CEILING_DATA", "5", "must be a size such as 500GB"),
    # variable, value, part of the message
    ("CAPSTAN_RADIUS_AUTH_PORT", "70000", "CAPSTAN_RADIUS_AUTH_PORT=70000: must be a port, 1 to 65535"),
    ("CAPSTAN_RADIUS_AUTH_PORT", "radius", "CAPSTAN_RADIUS_AUTH_PORT=radius: must be a port"),
    ("CAPSTAN_TIME_ZONE", "Mars/Olympus", "CAPSTAN_TIME_ZONE=Mars/Olympus: must be a name like"),
    ("CAPSTAN_TIME_ZONE", "/etc/passwd", "CAPSTAN_TIME_ZONE=/etc/passwd: must be a name like"),
    ("CAPSTAN_TIME_ZONE", "", "CAPSTAN_TIME_ZONE=: must be a name like"),
    ("CAPSTAN_COUNTRY", "XX", "CAPSTAN_COUNTRY=XX: must be two letters of ISO 3166"),
    ("CAPSTAN_CURRENCY", "rand", "CAPSTAN_CURRENCY=rand: must be three letters of ISO 4217"),
    ("CAPSTAN_BINARY_UNITS", "maybe", "CAPSTAN_BINARY_UNITS=maybe: must be true or false"),
    ("CAPSTAN_RADIUS_HOSTS", "127.0.0.1,here", "CAPSTAN_RADIUS_HOSTS=127.0.0.1,here: must be IP addresses"),
    ("CAPSTAN_RADIUS_HOSTS", ",", "CAPSTAN_RADIUS_HOSTS=,: must be IP addresses"),
    ("CAPSTAN_PACKET_LOG_DAYS", "7", "CAPSTAN_PACKET_LOG_DAYS=7: must be 8 to 3650"),
    ("CAPSTAN_WEB_BIND", "8000", "CAPSTAN_WEB_BIND=8000: must be host:port"),
    ("CAPSTAN_WEB_BIND", "localhost:99999", "CAPSTAN_WEB_BIND=localhost:99999: must be host:port"),
    ("CAPSTAN_LOG_LEVEL", "loud", "CAPSTAN_LOG_LEVEL=loud: must be debug, info, warning or error"),
    ("DATABASE_URL", "mysql://192.0.2.1/capstan", "DATABASE_URL=…: must be postgresql://"),
    ("CAPSTAN_FIELD_KEY", "abc", "CAPSTAN_FIELD_KEY=…: must be 64 hex digits"),
    ("CAPSTAN_METRICS_TOKEN", "short", "CAPSTAN_METRICS_TOKEN=…: must be at least 16 characters"),
    (
        "CAPSTAN_WEB_BIN",
        "127.0.0.1:1",
        "CAPSTAN_WEB_BIN: there is no such setting; did you mean CAPSTAN_WEB_BIND?",
    ),
    ("CAPSTAN_CONFIG", "nowhere.toml", "CAPSTAN_CONFIG=nowhere.toml: there is no such file"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    assert expected in refusal()


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSTAN_RADIUS_ACCT_PORT", "0")
    monkeypatch.setenv("CAPSTAN_CURRENCY", "1")
    assert "CAPSTAN_RADIUS_ACCT_PORT" in refusal()
    assert "CAPSTAN_CURRENCY" in refusal()


def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://capstan:hunter2hunter2@192.0.2.1/capstan")
    monkeypatch.setenv("CAPSTAN_FIELD_KEY", "hunter2hunter2")
    assert "hunter2" not in refusal()


def test_the_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("capstan.toml").write_text('country = "NA"\ncurrency = "NAD"\nradius_hosts = ["192.0.2.1"]\n')
    monkeypatch.setenv("CAPSTAN_CURRENCY", "ZAR")
    chosen = options.load()
    assert (chosen.country, chosen.currency, chosen.radius_hosts) == ("NA", "ZAR", ("192.0.2.1",))


def test_a_wrong_name_in_the_file_is_named() -> None:
    Path("capstan.toml").write_text('countri = "NA"\n')
    assert "countri: there is no such setting; did you mean country?" in refusal()


def test_a_broken_file_is_named() -> None:
    Path("capstan.toml").write_text("country = \n")
    assert "capstan.toml is no TOML file" in refusal()


def test_the_page_is_up_to_date() -> None:
    assert settings_page.PAGE.read_text() == settings_page.page(), "run: python -m tools.settings_page"
