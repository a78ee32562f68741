"""The settings, and how much is logged, as operators read them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class SettingsView(Struct, frozen=True, kw_only=True):
    """`settings` by section, as the files of the configuration have them; a secret is `***`."""

    settings: dict[str, Any]


class LogChange(Struct, frozen=True, kw_only=True):
    """A change in force; it falls back in `seconds_left`."""

    logger: str
    level: str
    seconds_left: float


class LogLevelView(Struct, frozen=True, kw_only=True):
    """`settings` is the level that is set, `changes` those for a while, `loggers` all that have
    spoken so far.
    """

    settings: str
    changes: list[LogChange]
    loggers: list[str]


def settings_view(answer: Mapping[str, Any]) -> SettingsView:
    return SettingsView(settings=dict(answer))


def log_level_view(answer: Mapping[str, Any]) -> LogLevelView:
    return msgspec.convert(answer, LogLevelView)
