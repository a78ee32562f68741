"""The log made louder, or quieter, for a while: nobody can forget it at debug."""

from typing import TYPE_CHECKING

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from fluxiq.errors import Refused
from fluxiq.telemetry import logs
from fluxiq.telemetry.levels import EVERYTHING, LEVELS, Levels

if TYPE_CHECKING:
    from actors.admin.desk import Desk

SECONDS = 15 * 60
SECONDS_MAX = 24 * 3600  # a level for longer is a setting
SETTINGS = "settings"  # not a level: end the change


async def _log_level(_: "Desk", arguments: Arguments) -> object:
    arguments.done()
    return _told(_levels())


async def _set_log_level(_: "Desk", arguments: Arguments) -> object:
    level = arguments.text("level")
    area = arguments.text("logger", EVERYTHING)
    seconds = arguments.number("seconds", SECONDS)
    arguments.reason()  # for the book, which the desk keeps
    arguments.done()
    if level not in (*LEVELS, SETTINGS):
        raise BadArguments(f"level: must be one of {', '.join((*LEVELS, SETTINGS))}")
    if not 1 <= seconds <= SECONDS_MAX:
        raise BadArguments(f"seconds: must be 1 to {SECONDS_MAX}")

    levels = _levels()
    if level == SETTINGS:
        levels.end(area)
    else:
        levels.change(level, area, seconds=float(seconds))
    return _told(levels)


def _levels() -> Levels:
    try:
        return logs.levels()
    except logs.LoggingNotSetUp:
        raise Refused("refused", "this process writes no log") from None


def _told(levels: Levels) -> object:
    return {
        "settings": levels.settings,
        "changes": [
            {"logger": area, "level": level, "seconds_left": seconds}
            for area, level, seconds in levels.changes()
        ],
        "loggers": levels.heard(),
    }


VERBS = Hooks(
    looks={"log_level": Verb(_log_level)},
    deeds={"set_log_level": Verb(_set_log_level, ("level", "logger", "seconds", "reason"))},
)
