"""Every setting of Capstan, typed, in one place.

Each is read from the environment as `CAPSTAN_<NAME>`, else from `capstan.toml` in the working folder (or the file that
CAPSTAN_CONFIG names) as `<name>`, else it has its default. `docs/operating/settings.md` is made from this file.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from capstan.config.errors import OperatorError
from capstan.values.data import parse_bytes
from capstan.values.money import parse_money

PREFIX = "CAPSTAN_"
CONFIG_VARIABLE = "CAPSTAN_CONFIG"
CONFIG_NAME = "capstan.toml"
_KEY_HEX_DIGITS = 64
_PORT_MAX = 65535

Texts = Annotated[tuple[str, ...], NoDecode]


def _option(default: object, meaning: str, allowed: str, **more: Any) -> Any:
    """A setting. `allowed` says in words what a right value is, in the docs and in the message for a wrong one."""
    return Field(default=default, description=meaning, json_schema_extra={"allowed": allowed}, **more)


def _port(default: int, meaning: str) -> Any:
    return _option(default, meaning, f"a port, 1 to {_PORT_MAX}", ge=1, le=_PORT_MAX)


class Options(BaseSettings):
    """The operator's settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = _option(Path("var"), "embedded database, keys and locks", "a folder")
    database_url: SecretStr | None = _option(
        None,
        "the PostgreSQL to use (15 to 18); without it `capstan up` runs the embedded one",
        "postgresql://user:password@host:port/database",
        validation_alias=AliasChoices("DATABASE_URL", "CAPSTAN_DATABASE_URL", "database_url"),
    )
    time_zone: str = _option(
        "Africa/Johannesburg",
        "the provider's zone: when cycles and days turn, what pages show",
        "a name like Europe/Paris",
    )
    country: str = _option(
        "ZA", "for phone numbers written without a country code", "two letters of ISO 3166"
    )
    currency: str = _option("ZAR", "of all prices", "three letters of ISO 4217", pattern=r"^[A-Z]{3}$")
    locale: str = _option(
        "en_ZA", "how amounts and dates are written", "a CLDR locale like en_ZA, af_ZA or de_DE"
    )
    binary_units: bool = _option(False, "1 GB is 2^30 bytes instead of 10^9", "true or false")

    radius_hosts: Texts = _option(
        ("127.0.0.1", "::1"), "addresses the RADIUS listener binds", "IP addresses, separated by commas"
    )
    radius_auth_port: int = _port(1812, "UDP port for authentication")
    radius_acct_port: int = _port(1813, "UDP port for accounting")
    login_processes: int = _option(
        1,
        "processes that only answer logins, beside the one that takes accounting as well",
        "0 to 64",
        ge=0,
        le=64,
    )
    packet_log_days: int = _option(90, "days the packet log is kept", "8 to 3650", ge=8, le=3650)
    login_failure_days: int = _option(
        90, "days refused logins and packets are kept", "8 to 3650", ge=8, le=3650
    )
    usage_hour_days: int = _option(
        400, "days hourly usage is kept; daily usage stays", "62 to 3650", ge=62, le=3650
    )
    session_days: int = _option(
        1100,
        "days an ended session is kept, with the commands it got and what it drew from which bucket",
        "62 to 3650",
        ge=62,
        le=3650,
    )

    message_days: int = _option(
        1100, "days messages and answers to them are kept", "62 to 3650", ge=62, le=3650
    )
    sms_budget: Decimal | None = _option(
        None,
        "what SMS may cost in a month: at 80 and 100 % an alarm is raised, nothing is held back",
        "an amount of money such as 1500 or 1500.50",
        gt=0,
        max_digits=15,
    )

    web_bind: str = _option(
        "127.0.0.1:8000", "where the web server listens", "host:port; [::1]:8000 for IPv6"
    )
    web_threads: int = _option(8, "requests one web process serves at a time", "1 to 256", ge=1, le=256)
    allowed_hosts: Texts = _option(
        ("localhost", "127.0.0.1", "[::1]"),
        "host names the web server answers to",
        "names, separated by commas",
    )
    topup_ceiling: str = _option(
        "",
        "what one line may spend on top-ups in a cycle, unless it has a ceiling of its own",
        "an amount such as 2000.00; empty for none",
    )
    topup_ceiling_data: str = _option(
        "",
        "how much data of top-ups one line may buy in a cycle, unless it has a ceiling of its own",
        "a size such as 500GB; empty for none",
    )
    checkout_windows_per_day: int = _option(
        3,
        "how often a day a line that is shut is let out, slowly and for ten minutes, to pay by card",
        "0 to 100",
        ge=0,
        le=100,
    )
    public_url: str | None = _option(
        None,
        "where customers reach the web server: the beginning of links in messages; without it http://<web_bind>",
        "https://host, with a path if there is one, without a slash at the end",
        pattern=r"^https?://[^\s/]+(/[^\s/]+)*$",
    )
    trusted_proxies: Texts = _option(
        (),
        "reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
        "IP addresses, separated by commas",
    )
    staff_mfa: Literal["optional", "required"] = _option(
        "optional",
        "whether every login of staff must set up an authenticator app; managers must in any case",
        "optional or required",
    )
    staff_session_minutes: int = _option(
        600, "minutes after which staff who do nothing are signed out", "5 to 43200", ge=5, le=43200
    )
    demo: bool = _option(False, "the demo provider's pages; `capstan up --demo` sets it", "true or false")
    metrics_token: SecretStr | None = _option(
        None,
        "lets other machines read /metrics with `Authorization: Bearer …`",
        "at least 16 characters",
        min_length=16,
    )

    secret_key: SecretStr | None = _option(
        None,
        "signs cookies and links; made in the data dir for the embedded database",
        "at least 32 characters, the same on every machine",
        min_length=32,
    )
    field_key: SecretStr | None = _option(
        None,
        "seals passwords and secrets in the database; made in the data dir for the embedded database. Keep a copy",
        f"{_KEY_HEX_DIGITS} hex digits (`openssl rand -hex 32`), the same on every machine, never changed",
    )

    log_format: Literal["auto", "human", "json"] = _option(
        "auto", "how log lines look; auto: human on a terminal, else JSON", "auto, human or json"
    )
    log_level: Literal["debug", "info", "warning", "error"] = _option(
        "info", "the least a line must matter to be written", "debug, info, warning or error"
    )

    @field_validator("radius_hosts", "allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("radius_hosts")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("empty")
        return value

    @field_validator("radius_hosts", "trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from ipaddress import ip_address

        for host in value:
            ip_address(host)
        return value

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        from babel.core import Locale, UnknownLocaleError

        try:
            Locale.parse(value)
        except UnknownLocaleError as problem:
            raise ValueError("no such locale") from problem
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as problem:  # zoneinfo raises four kinds for a wrong name, OSError among them
            raise ValueError("no such zone") from problem
        return value

    @field_validator("country")
    @classmethod
    def _country(cls, value: str) -> str:
        if value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("no such country")
        return value

    @field_validator("topup_ceiling")
    @classmethod
    def _amount(cls, value: str, info: ValidationInfo) -> str:
        if value:
            parse_money(value, info.data.get("currency", "ZAR"))
        return value

    @field_validator("topup_ceiling_data")
    @classmethod
    def _size(cls, value: str) -> str:
        if value:
            parse_bytes(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if urlsplit(value.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("not a PostgreSQL URL")
        return value

    @field_validator("web_bind")
    @classmethod
    def _bind(cls, value: str) -> str:
        split_bind(value)
        return value

    @field_validator("field_key")
    @classmethod
    def _hex(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(
            rf"[0-9a-fA-F]{{{_KEY_HEX_DIGITS}}}", value.get_secret_value()
        ):
            raise ValueError("not a key")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def split_bind(value: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8000` or `[::1]:8000`. Raises ValueError for anything else."""
    parts = urlsplit(f"//{value}")
    if not parts.hostname or not parts.port or parts.path:
        raise ValueError("not host:port")
    return parts.hostname, parts.port


def public_url(options: Options) -> str:
    """The beginning of every link that leaves the house, without a slash at the end."""
    return options.public_url or f"http://{options.web_bind}"


def config_file() -> Path:
    """The settings file, which need not exist unless CAPSTAN_CONFIG names it."""
    return Path(os.environ.get(CONFIG_VARIABLE) or CONFIG_NAME)


def load() -> Options:
    """The settings of this process. Raises OperatorError that names every wrong or unknown one."""
    problems = [*_unknown_variables(os.environ), *_unreadable_file()]
    if problems:
        raise OperatorError("\n".join(problems))
    try:
        return Options()
    except ValidationError as wrong:
        raise OperatorError("\n".join(_in_words(error) for error in wrong.errors())) from None


def allowed(field: FieldInfo) -> str:
    """What a right value of this setting is, in words."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["allowed"])


def variable(name: str) -> str:
    """The environment variable of the setting `name`."""
    return "DATABASE_URL" if name == "database_url" else PREFIX + name.upper()


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name.upper() for name in Options.model_fields} | {CONFIG_VARIABLE}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    return [_unknown(name, known) for name in unknown]


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "see docs/operating/settings.md for all of them"
    return f"{name}: there is no such setting; {hint}"  # its value may be a secret that was meant for another name


def _unreadable_file() -> list[str]:
    path = config_file()
    if not path.exists():
        return [f"{CONFIG_VARIABLE}={path}: there is no such file"] if os.environ.get(CONFIG_VARIABLE) else []
    try:
        tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        return [f"{path} is no TOML file: {wrong}"]
    return []


def _in_words(error: Any) -> str:
    """One wrong setting as a sentence: its name, its value, what is allowed. A secret's value is not repeated."""
    given = str(error["loc"][0])
    name = "database_url" if given.upper().endswith("DATABASE_URL") else given.lower()
    if error["type"] == "extra_forbidden":
        return f"{config_file()}: " + _unknown(given, set(Options.model_fields))
    field = Options.model_fields[name]
    secret = "SecretStr" in str(field.annotation)
    shown = "…" if secret else f"{error['input']!s:.80}"
    return f"{variable(name)}={shown}: must be {allowed(field)}"
