"""How loud the log is: the level of the settings, and changes of it that end by themselves.

A change needs no task to end it: the first event after its time, and whoever looks, find it over.
So nobody can forget a log at debug, whatever restarts meanwhile.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
NAMES: Final = {number: name for name, number in LEVELS.items()}

# The area of everything; others are the dotted names of loggers, ours or a library's.
EVERYTHING: Final = ""
CHANGES_MAX: Final = 32
HEARD_MAX: Final = 1_000


class TooManyChanges(ValueError):
    """There are CHANGES_MAX areas with a level of their own; end one first."""


@dataclass(frozen=True, slots=True)
class Change:
    """`area` and what is below it is at `level` until `ends_at`, by the clock of its Levels."""

    area: str
    level: int
    ends_at: float


class Levels:
    """The levels of this process, in force from when it is made."""

    def __init__(self, settings: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._heard: set[str] = set()
        self._clock = clock
        self._changes: dict[str, Change] = {}
        self._open()

    def change(self, level: str, area: str = EVERYTHING, *, seconds: float) -> None:
        """Put an area at a level for so long. Raises TooManyChanges, KeyError for no level."""
        number = LEVELS[level]
        if area not in self._changes and len(self._changes) >= CHANGES_MAX:
            raise TooManyChanges(f"{CHANGES_MAX} areas have a level of their own: end one first")
        self._changes[area] = Change(area, number, self._clock() + seconds)
        if area != EVERYTHING:
            # Asked for by name, a library may say what it keeps to itself below warnings.
            logging.getLogger(area).setLevel(number)
        self._open()

    def end(self, area: str = EVERYTHING) -> None:
        """End the change of one area; of all areas, for everything."""
        for one in [area] if area != EVERYTHING else list(self._changes):
            if self._changes.pop(one, None) is not None and one != EVERYTHING:
                logging.getLogger(one).setLevel(logging.NOTSET)
        self._open()

    def changes(self) -> list[tuple[str, str, float]]:
        """Area, level and the seconds it has left, of each change in force."""
        self.look_at_the_clock()
        now = self._clock()
        return [(one.area, NAMES[one.level], one.ends_at - now) for one in self._changes.values()]

    def allows(self, area: str, level: int) -> bool:
        """Whether an event of this area is to be written now."""
        if self._changes:
            self.look_at_the_clock()
        return level >= self._level_of(area)

    def hear(self, area: str) -> None:
        """An area speaks, or tries to."""
        if len(self._heard) < HEARD_MAX:
            self._heard.add(area)

    def heard(self) -> list[str]:
        """The areas that have spoken so far: what an operator may name."""
        return sorted(self._heard)

    def look_at_the_clock(self) -> None:
        """End what is over, and say so."""
        now = self._clock()
        over = [one for one in self._changes.values() if one.ends_at <= now]
        for one in over:
            del self._changes[one.area]
            if one.area != EVERYTHING:
                logging.getLogger(one.area).setLevel(logging.NOTSET)
        if over:
            self._open()
            for one in over:
                structlog.get_logger("telemetry").warning(
                    "log_level_fell_back", area=one.area, before=NAMES[one.level]
                )

    def _level_of(self, area: str) -> int:
        """The most specific change wins: `fluxiq.api`, then `fluxiq`, then everything."""
        while True:
            if area in self._changes:
                return self._changes[area].level
            if area == EVERYTHING:
                return LEVELS[self.settings]
            area = area.rpartition(".")[0]

    def _open(self) -> None:
        """What is below every level costs no more than the look at it."""
        lowest = min(
            LEVELS[self.settings], *(one.level for one in self._changes.values()), LEVELS["error"]
        )
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(lowest))
