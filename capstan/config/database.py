"""Which database this process uses."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from capstan.config.embedded.place import home_of, socket_in
from capstan.config.embedded.server import url_of
from capstan.config.errors import OperatorError
from capstan.config.options import Options

_DJANGO_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def url(options: Options) -> str:
    """The given DATABASE_URL, else that of the data dir's embedded server, whether it runs or not."""
    if options.database_url is not None:
        return options.database_url.get_secret_value()
    return url_of(socket_in(home_of(options.data_dir)))


def django_settings(options: Options) -> dict[str, Any]:
    """Django's entry for the database. Raises OperatorError for a URL that libpq doesn't understand."""
    try:
        given = conninfo_to_dict(url(options))
    except psycopg.ProgrammingError as wrong:
        raise OperatorError(f"DATABASE_URL is not understood: {wrong}") from None
    entry: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
    entry |= {ours: str(given.pop(name, "")) for name, ours in _DJANGO_NAMES.items()}
    entry["OPTIONS"] = {"application_name": "capstan", "connect_timeout": 5, **given}
    return entry
