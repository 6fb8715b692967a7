"""Every setting of Capstan, typed, in one place. Each is read from the environment as `CAPSTAN_<NAME>`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Options(BaseSettings):
    """The operator's settings. A wrong one stops the start with a message that names it."""

    model_config = SettingsConfigDict(env_prefix="CAPSTAN_", extra="forbid")

    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="a PostgreSQL URL; empty: the embedded PostgreSQL",
    )
    data_dir: Path = Field(default=Path("var"), description="embedded database, keys, locks")
    time_zone: str = Field(
        default="Africa/Johannesburg", description="the provider's zone: cycles, days, pages"
    )
    country: str = Field(default="ZA", description="for phone numbers written without a country code")
    currency: str = Field(default="ZAR", description="ISO 4217")
    binary_units: bool = Field(default=False, description="1 GB is 2^30 instead of 10^9 bytes")
    radius_hosts: Annotated[list[str], NoDecode] = Field(
        default=["127.0.0.1", "::1"], description="addresses the RADIUS listener binds, separated by commas"
    )
    radius_auth_port: int = Field(default=1812, ge=1, le=65535)
    radius_acct_port: int = Field(default=1813, ge=1, le=65535)
    web_bind: str = Field(default="127.0.0.1:8000")
    packet_log_days: int = Field(default=90, ge=8, description="days the packet log is kept")
