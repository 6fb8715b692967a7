"""Log lines: one JSON object each, with the process's name, and without secrets."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from capstan.config import logs
from capstan.config.options import Options


@pytest.fixture
def stream() -> Iterator[StringIO]:
    """What is logged; logging is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = StringIO()
    logs.configure(Options.model_construct(log_format="auto", log_level="info"), "meter", made)
    yield made
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object(stream: StringIO) -> None:
    structlog.get_logger().info("folded", records=5)
    logging.getLogger("gunicorn.error").warning("slow %s", "worker")
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["process"], ours["records"], ours["level"]) == ("folded", "meter", 5, "info")
    assert ours["at"].endswith("+00:00")
    assert (theirs["event"], theirs["level"]) == ("slow worker", "warning")


def test_what_matters_less_is_left_out(stream: StringIO) -> None:
    structlog.get_logger().debug("detail")
    assert stream.getvalue() == ""


def test_an_exception_is_within_the_line(stream: StringIO) -> None:
    try:
        raise ZeroDivisionError("by naught")
    except ZeroDivisionError:
        structlog.get_logger().exception("went wrong")
    line = json.loads(stream.getvalue())
    assert "by naught" in line["exception"]


SECRETS = [
    {"password": "hunter2"},
    {"line_password": "hunter2"},
    {"radius_secret": "hunter2"},
    {"Authorization": "Bearer hunter2"},
    {"field_key": "hunter2"},
    {"CAPSTAN_SECRET_KEY": "hunter2"},
    {"class_token": "hunter2"},
    {"problem": "postgresql://capstan:hunter2@192.0.2.1/capstan is away"},
]


@pytest.mark.parametrize("values", SECRETS)
def test_secrets_are_hidden(stream: StringIO, values: dict[str, str]) -> None:
    structlog.get_logger().info("x", **values)
    assert "hunter2" not in stream.getvalue()
    assert logs.HIDDEN in stream.getvalue()


def test_a_secret_in_the_message_itself_is_hidden(stream: StringIO) -> None:
    logging.getLogger("psycopg").warning("lost postgresql://capstan:hunter2@192.0.2.1/capstan")
    assert "hunter2" not in stream.getvalue()


def test_other_keys_are_shown(stream: StringIO) -> None:
    structlog.get_logger().info("x", key="session 17", url="postgresql://capstan@/capstan")
    line = json.loads(stream.getvalue())
    assert (line["key"], line["url"]) == ("session 17", "postgresql://capstan@/capstan")
