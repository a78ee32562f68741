"""When work comes again: timings, and what becomes of times that passed while nobody looked.

All moments are aware and in UTC; a cron expression is read in its own zone. Cron follows Debian's
cron around a change of the clocks (cronsim): São Paulo has had none since 2019
(Decreto 9.772/2019), but the law may change again, so the zone is kept and not the offset.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

SAO_PAULO: Final = "America/Sao_Paulo"
MISSED_MAX: Final = 100  # runs that one catching up may plan, of policy ALL


class MissedRuns(StrEnum):
    """What is done about times that passed unseen: nothing unless it was just now, one run for all
    of them, or each of them.
    """

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class Every(Struct, frozen=True, tag="every"):
    """Every so many seconds, counted from 1970: all processes mean the same moments."""

    seconds: int

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise ValueError(f"every {self.seconds} s: at least 1 is needed")

    def after(self, moment: datetime) -> datetime:
        """The first time later than `moment`."""
        return datetime.fromtimestamp((self._beat(moment) + 1) * self.seconds, UTC)

    def backwards(self, moment: datetime) -> Iterator[datetime]:
        """The times up to and including `moment`, the latest first; never ends."""
        beat = self._beat(moment)
        while True:
            yield datetime.fromtimestamp(beat * self.seconds, UTC)
            beat -= 1

    def _beat(self, moment: datetime) -> int:
        return int(moment.timestamp() // self.seconds)

    def __str__(self) -> str:
        return f"every {self.seconds} s"


class Cron(Struct, frozen=True, tag="cron"):
    """Five fields of cron, read in `zone`. Raises ValueError for what is no expression."""

    expression: str
    zone: str = SAO_PAULO

    def __post_init__(self) -> None:
        if len(self.expression.split()) != 5:  # noqa: PLR2004  minute hour day month weekday
            raise ValueError(f"{self.expression!r} has not five fields")
        try:
            next(CronSim(self.expression, datetime.now(ZoneInfo(self.zone))))
        except CronSimError as error:
            raise ValueError(f"{self.expression!r}: {error}") from None
        except StopIteration:
            raise ValueError(f"{self.expression!r} never happens") from None

    def after(self, moment: datetime) -> datetime:
        """The first time later than `moment`."""
        return next(CronSim(self.expression, self._here(moment))).astimezone(UTC)

    def backwards(self, moment: datetime) -> Iterator[datetime]:
        """The times up to and including `moment`, the latest first; ends 50 years before."""
        # cronsim's first step leaves the moment it is given, so it starts one beyond.
        start = self._here(moment.replace(microsecond=0) + timedelta(seconds=1))
        for one in CronSim(self.expression, start, reverse=True):
            yield one.astimezone(UTC)

    def _here(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.zone))

    def __str__(self) -> str:
        return f"{self.expression} {self.zone}"


class Schedule(Struct, frozen=True, kw_only=True):
    """Work of `kind` that comes again. With SKIP, a time is missed once it is `grace_seconds` old.

    With SKIP and ONCE, nothing is planned while the last planned job has not ended. With ALL every
    time has its own job, at most MISSED_MAX of them when catching up: the latest.
    """

    name: str
    kind: str
    timing: Every | Cron
    missed: MissedRuns = MissedRuns.ONCE
    grace_seconds: float = 60.0

    @property
    def unique_key(self) -> str | None:
        return None if self.missed is MissedRuns.ALL else f"schedule:{self.name}"


class Plan(Struct, frozen=True, kw_only=True):
    """The times to plan a job for, the earliest first, and when to look again."""

    times: tuple[datetime, ...]
    next_run: datetime


def plan(schedule: Schedule, next_run: datetime, now: datetime) -> Plan:
    """What is to be planned at `now`, when the first time not planned yet is `next_run`."""
    limit = MISSED_MAX if schedule.missed is MissedRuns.ALL else 1
    times: list[datetime] = []
    for one in schedule.timing.backwards(now):
        if one < next_run or len(times) == limit:
            break
        times.append(one)

    if schedule.missed is MissedRuns.SKIP:
        oldest = now - timedelta(seconds=schedule.grace_seconds)
        times = [one for one in times if one >= oldest]
    return Plan(times=tuple(reversed(times)), next_run=schedule.timing.after(now))
