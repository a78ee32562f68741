"""The limits of an account: what its merchant says, and what it is told."""

from datetime import date, datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from fluxiq.domain import limits as rules
from fluxiq.domain.limits import Limits, LimitsState

Limit = Annotated[int, Meta(ge=0, le=10**15, description="centavos of BRL")]
NightStart = Literal["20:00", "22:00"]

_HOURS: Final[dict[NightStart, int]] = {"20:00": 20, "22:00": 22}
_STARTS: Final[dict[int, NightStart]] = {hour: text for text, hour in _HOURS.items()}


class ChooseLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All four, as they shall be; null: no limit of the account's own."""

    per_payment: Limit | None
    per_day: Limit | None
    per_night: Limit | None
    night_starts: NightStart

    @property
    def limits(self) -> Limits:
        return Limits(
            per_payment=self.per_payment,
            per_day=self.per_day,
            per_night=self.per_night,
            night_starts=_HOURS[self.night_starts],
        )


class RaiseView(Struct, frozen=True, kw_only=True):
    """What holds from `effective_at`."""

    per_payment: int | None
    per_day: int | None
    per_night: int | None
    night_starts: NightStart
    effective_at: datetime


class WindowView(Struct, frozen=True, kw_only=True):
    """A day, or the night that began on this date, in São Paulo; `left` is null without a limit."""

    date: date
    limit: int | None
    used: int
    left: int | None
    resets_at: datetime


class LimitsView(Struct, frozen=True, kw_only=True):
    """Amounts in centavos; null: no limit of the account's own. `tonight` is null by day."""

    account_id: str
    currency: str
    per_payment: int | None
    per_day: int | None
    per_night: int | None
    night_starts: NightStart
    raised: RaiseView | None
    today: WindowView
    tonight: WindowView | None


def limits_view(state: LimitsState, limits: Limits, now: datetime) -> LimitsView:
    """`limits` are those that hold at `now`."""
    return LimitsView(
        account_id=state.account_id,
        currency="BRL",
        per_payment=limits.per_payment,
        per_day=limits.per_day,
        per_night=limits.per_night,
        night_starts=_STARTS[limits.night_starts],
        raised=_raise_view(state, now),
        today=_today(state, limits, now),
        tonight=_tonight(state, limits, now),
    )


def _raise_view(state: LimitsState, now: datetime) -> RaiseView | None:
    raised, at = state.raised, state.raised_at
    if raised is None or at is None or at <= now:
        return None

    return RaiseView(
        per_payment=raised.per_payment,
        per_day=raised.per_day,
        per_night=raised.per_night,
        night_starts=_STARTS[raised.night_starts],
        effective_at=at,
    )


def _today(state: LimitsState, limits: Limits, now: datetime) -> WindowView:
    day = rules.day_of(now)
    used = rules.used_by_day(state, day)
    return _window(day, limits.per_day, used, rules.day_ends(now))


def _tonight(state: LimitsState, limits: Limits, now: datetime) -> WindowView | None:
    night = rules.night_of(now, limits.night_starts)
    if night is None:
        return None
    used = rules.used_by_night(state, night)
    return _window(night, limits.per_night, used, rules.night_ends(night))


def _window(day: date, limit: int | None, used: int, resets_at: datetime) -> WindowView:
    left = None if limit is None else max(0, limit - used)
    return WindowView(date=day, limit=limit, used=used, left=left, resets_at=resets_at)
