"""Scheduled PIX: a payout for another day, in São Paulo's days.

It is tried at 06:00, when the banks' day begins, and once more at 18:00 where money or a limit was
in the way: salaries and sales of the day are there by then, and the night's limit does not hold
yet. What could not be paid on its day is not paid on another.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fluxiq.domain.limits import day_of
from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.errors import Refused

FIRST_HOUR: Final = 6
SECOND_HOUR: Final = 18
DAYS_AHEAD_MAX: Final = 365

_ZONE: Final = ZoneInfo(SAO_PAULO)


def check_day(day: date, now: datetime) -> None:
    """Raises Refused("invalid_schedule") for today, the past, and what is too far ahead."""
    today = day_of(now)
    if not today < day <= today + timedelta(days=DAYS_AHEAD_MAX):
        raise Refused(
            "invalid_schedule",
            f"from tomorrow up to {DAYS_AHEAD_MAX} days ahead; today is {today}",
            field="scheduled_for",
        )


def first_try(day: date) -> datetime:
    """When the payout is made; also the moment in its end-to-end id (SPI takes 12 h of age)."""
    return _at(day, FIRST_HOUR)


def second_try(day: date, now: datetime) -> datetime | None:
    """When it is tried again; None when that has been."""
    again = _at(day, SECOND_HOUR)
    return again if now < again else None


def is_over(day: date, now: datetime) -> bool:
    """Whether the day has passed."""
    return day_of(now) > day


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=_ZONE).astimezone(UTC)
