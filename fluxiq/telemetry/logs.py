"""Logs: events in past-tense snake_case with fields, JSON for machines or readable on a terminal.

Request id and institution come from contextvars. Documents, keys and secrets are masked by a
processor, so that no caller has to remember. What libraries log arrives in the same stream.
"""

import logging
import sys
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from fluxiq.settings import Log
from fluxiq.telemetry.levels import LEVELS, Levels
from fluxiq.telemetry.redaction import redact

_levels: Levels | None = None


class LoggingNotSetUp(Exception):
    """Nobody has called `configure` in this process."""


def configure(settings: Log, stream: TextIO | None = None) -> None:
    """Set up logging of the whole process; the last call wins. `stream` defaults to stderr."""
    global _levels  # noqa: PLW0603  as global as the configuration of structlog that it is part of
    stream = sys.stderr if stream is None else stream
    readable = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    structlog.configure(
        processors=_processors(readable=readable, colours=stream.isatty()),
        logger_factory=partial(_area_logger, stream),
        # Modules hold their logger from import on: a cached one would miss this call.
        cache_logger_on_first_use=False,
    )
    if _levels is not None:
        _levels.end()
    _levels = Levels(settings.level)
    _adopt_libraries(LEVELS[settings.level])


def levels() -> Levels:
    """The levels in force, to be looked at and changed. Raises LoggingNotSetUp."""
    if _levels is None:
        raise LoggingNotSetUp
    return _levels


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: see `fluxiq.telemetry.redaction`."""
    return redact(event)


class AreaLogger(structlog.WriteLogger):
    """Writes for one area: the name that `get_logger` was given."""

    def __init__(self, stream: TextIO, area: str) -> None:
        super().__init__(stream)
        self.area = area


def drop_quiet(logger: AreaLogger, method: str, event: EventDict) -> EventDict:
    """Processor: end an event that is below the level of its area."""
    if not levels().allows(logger.area, LEVELS.get(method, LEVELS["error"])):
        raise structlog.DropEvent
    return event


def _area_logger(stream: TextIO, area: str = "", *_: Any) -> AreaLogger:
    if _levels is not None:
        _levels.hear(area)
    return AreaLogger(stream, area)


class LibraryHandler(logging.Handler):
    """Hands a library's record on to structlog: `event` is its text, `logger` its name."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exc_info"] = record.exc_info[1]
        structlog.get_logger(record.name).log(_level(record.levelno), record.getMessage(), **fields)


def _processors(*, readable: bool, colours: bool) -> list[Processor]:
    shared: list[Processor] = [
        drop_quiet,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Before the mask: a traceback is a text that may name a customer.
        structlog.processors.format_exc_info,
        mask,
    ]
    if readable:
        plain = structlog.dev.plain_traceback  # the pretty ones print local variables: secrets
        return [*shared, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]
    return [*shared, structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: EventDict, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _adopt_libraries(level: int) -> None:
    """Root gets one handler of ours. Libraries speak up from warnings on."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler())
    root.setLevel(max(level, logging.WARNING))


def _level(number: int) -> int:
    """The structlog level at or below a library's own."""
    return max((one for one in LEVELS.values() if one <= number), default=LEVELS["debug"])
