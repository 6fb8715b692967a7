"""Structured logs: one line an event, for people on a terminal and as JSON elsewhere, never with a secret in it."""

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from capstan.config.options import Options
from capstan.values import clock

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|authorization|cookie|(field|api|private)_key|nt_hash", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")


def configure(options: Options, process: str, stream: TextIO | None = None) -> None:
    """Set up logging of this process, of structlog and the standard library alike. `process` stands in each line."""
    stream = stream or sys.stderr
    level = getattr(logging, options.log_level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _stamp(process),
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(options, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def hide_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Values under a secret's name, and passwords within URLs, are not written."""
    return {
        name: HIDDEN if _SECRET_NAME.search(name) else _without_password(value)
        for name, value in event.items()
    }


def _without_password(value: Any) -> Any:
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", value) if isinstance(value, str) else value


def _stamp(process: str) -> Processor:
    def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"at": clock.now().isoformat(timespec="milliseconds"), "process": process, **event}

    return stamp


def _renderer(options: Options, stream: TextIO) -> list[Processor]:
    human = options.log_format == "human" or (options.log_format == "auto" and stream.isatty())
    if not human:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        _short_time,
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="at", sort_keys=False),
    ]


def _short_time(_logger: object, _method: str, event: EventDict) -> EventDict:
    """On a terminal the time of day is enough."""
    return {**event, "at": str(event["at"])[11:23]}
