"""How much a customer may pay by PIX: per payment, per day and per night. Amounts in centavos.

A day is a calendar day in São Paulo. A night begins at 20:00, or at 22:00 if the customer chose so,
and ends at 06:00; it bears the date on which it began. A payment at night counts into both. Natural
persons have a limit for the night unless they chose another (Resolução BCB 142/2021: R$ 1,000).

Whoever asks for less gets it at once, whoever asks for more gets it a day later (the same
resolution): what a thief raises today cannot be spent today.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from fluxiq.domain.documents import is_cpf
from fluxiq.domain.schedule import SAO_PAULO

NIGHT_STARTS: Final = (20, 22)  # hours, the first unless chosen
NIGHT_ENDS: Final = 6

_ZONE: Final = ZoneInfo(SAO_PAULO)


class LimitKind(StrEnum):
    PER_PAYMENT = "per_payment"
    PER_DAY = "per_day"
    PER_NIGHT = "per_night"


class Limits(Struct, frozen=True, kw_only=True):
    """None: no limit of the customer's own. `night_starts` is an hour of the evening."""

    per_payment: int | None = None
    per_day: int | None = None
    per_night: int | None = None
    night_starts: int = NIGHT_STARTS[0]


class LimitsState(Struct, frozen=True, kw_only=True):
    """The limits of an account, and what was used of them. `version` grows with each choice.

    `chosen` is None until the customer chooses; `raised` is what holds from `raised_at`. `day` and
    `night` are the last that something was paid in.
    """

    account_id: str
    document: str  # of the account's owner
    version: int = 0
    chosen: Limits | None = None
    raised: Limits | None = None
    raised_at: datetime | None = None
    day: date | None = None
    day_used: int = 0
    night: date | None = None
    night_used: int = 0


class Bounds(Struct, frozen=True, kw_only=True):
    """What a payment must keep to when it is written down: the limits as read in `version`, and the
    windows that it counts into. `night` is None by day.
    """

    version: int
    day: date
    day_max: int | None
    night: date | None
    night_max: int | None


class Exceeded(Struct, frozen=True, kw_only=True):
    """Why an amount does not fit; what was `used` is gone at `resets_at`, if it ever is."""

    kind: LimitKind
    limit: int
    used: int
    resets_at: datetime | None


class Choice(Struct, frozen=True, kw_only=True):
    """What holds now, and what will from `raised_at`; without a raise nothing changes later."""

    chosen: Limits
    raised: Limits | None
    raised_at: datetime | None


def default_limits(document: str, night_max_person: int) -> Limits:
    """What holds for who never chose: natural persons have a limit at night."""
    return Limits(per_night=night_max_person if is_cpf(document) else None)


def effective(state: LimitsState, night_max_person: int, now: datetime) -> Limits:
    """What holds at `now`."""
    if state.raised is not None and state.raised_at is not None and state.raised_at <= now:
        return state.raised
    return state.chosen or default_limits(state.document, night_max_person)


def aimed_at(state: LimitsState, night_max_person: int, now: datetime) -> Limits:
    """What the customer chose last, whether it holds already or not."""
    return state.raised or effective(state, night_max_person, now)


def choose(current: Limits, wanted: Limits, now: datetime, delay: timedelta) -> Choice:
    """Each of the four by itself: at once where it allows less, after `delay` where more. A raise
    that had not come yet is forgotten: the customer has spoken again.
    """
    tight = Limits(
        per_payment=_lesser(current.per_payment, wanted.per_payment),
        per_day=_lesser(current.per_day, wanted.per_day),
        per_night=_lesser(current.per_night, wanted.per_night),
        night_starts=min(current.night_starts, wanted.night_starts),
    )
    if tight == wanted:
        return Choice(chosen=wanted, raised=None, raised_at=None)
    return Choice(chosen=tight, raised=wanted, raised_at=now + delay)


def day_of(now: datetime) -> date:
    """The day in São Paulo."""
    return now.astimezone(_ZONE).date()


def night_of(now: datetime, night_starts: int) -> date | None:
    """The night in São Paulo, by the date on which it began; None by day."""
    here = now.astimezone(_ZONE)
    if here.hour >= night_starts:
        return here.date()
    return here.date() - timedelta(days=1) if here.hour < NIGHT_ENDS else None


def day_ends(now: datetime) -> datetime:
    """The next midnight in São Paulo."""
    return _at(day_of(now) + timedelta(days=1), 0)


def night_ends(night: date) -> datetime:
    """The morning after the night that began on this date."""
    return _at(night + timedelta(days=1), NIGHT_ENDS)


def bounds_of(state: LimitsState, limits: Limits, now: datetime) -> Bounds:
    return Bounds(
        version=state.version,
        day=day_of(now),
        day_max=limits.per_day,
        night=night_of(now, limits.night_starts),
        night_max=limits.per_night,
    )


def used_by_day(state: LimitsState, day: date) -> int:
    """What was used by `day`; a clock that is behind counts into the day that the record is at."""
    return state.day_used if state.day is not None and state.day >= day else 0


def used_by_night(state: LimitsState, night: date | None) -> int:
    if night is None or state.night is None or state.night < night:
        return 0
    return state.night_used


def judge(
    state: LimitsState, limits: Limits, amounts: Iterable[int], now: datetime
) -> list[Exceeded | None]:
    """Which of the amounts fit, one after the other: what does not fit leaves its room to the next.

    This is for choosing and for explaining. What counts is what the record says as it is written.
    """
    bounds = bounds_of(state, limits, now)
    day_used = used_by_day(state, bounds.day)
    night_used = used_by_night(state, bounds.night)
    verdicts = []
    for amount in amounts:
        exceeded = _exceeded(limits, bounds, amount, (day_used, night_used), now)
        if exceeded is None:
            day_used += amount
            night_used += amount if bounds.night is not None else 0
        verdicts.append(exceeded)
    return verdicts


def _exceeded(
    limits: Limits, bounds: Bounds, amount: int, used: tuple[int, int], now: datetime
) -> Exceeded | None:
    if limits.per_payment is not None and amount > limits.per_payment:
        return Exceeded(
            kind=LimitKind.PER_PAYMENT, limit=limits.per_payment, used=0, resets_at=None
        )

    day_used, night_used = used
    night, per_night = bounds.night, bounds.night_max
    if night is not None and per_night is not None and night_used + amount > per_night:
        return Exceeded(
            kind=LimitKind.PER_NIGHT, limit=per_night, used=night_used, resets_at=night_ends(night)
        )

    if limits.per_day is not None and day_used + amount > limits.per_day:
        return Exceeded(
            kind=LimitKind.PER_DAY, limit=limits.per_day, used=day_used, resets_at=day_ends(now)
        )

    return None


def _lesser(one: int | None, other: int | None) -> int | None:
    said = [limit for limit in (one, other) if limit is not None]
    return min(said, default=None)


def _at(day: date, hour: int) -> datetime:
    # Through local time, in case the law changes the clocks again.
    return datetime.combine(day, time(hour), tzinfo=_ZONE).astimezone(UTC)
