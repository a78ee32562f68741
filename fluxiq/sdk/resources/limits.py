"""What may be paid by PIX out of an account: in one payment, by day, by night."""

import datetime as dt
from typing import Literal

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get, path, put


class LimitsRaised(Struct, frozen=True, kw_only=True):
    """What holds from `effective_at`."""

    per_payment: int | None
    per_day: int | None
    per_night: int | None
    night_starts: str
    effective_at: dt.datetime


class LimitsWindow(Struct, frozen=True, kw_only=True):
    """A day, or the night that began on `date`, in São Paulo; `left` is None without a limit."""

    date: dt.date
    limit: int | None
    used: int
    left: int | None
    resets_at: dt.datetime


class AccountLimits(Struct, frozen=True, kw_only=True):
    """In centavos; None: no limit of the account's own. `tonight` is None by day."""

    account_id: str
    currency: str
    per_payment: int | None
    per_day: int | None
    per_night: int | None
    night_starts: str
    raised: LimitsRaised | None
    today: LimitsWindow
    tonight: LimitsWindow | None


class Limits(Resource[C]):
    @Call
    def get(self, account_id: str) -> Request[AccountLimits]:
        return get(path("/accounts/{}/limits", account_id), data(AccountLimits))

    @Call
    def choose(
        self,
        account_id: str,
        *,
        per_payment: int | None,
        per_day: int | None,
        per_night: int | None,
        night_starts: Literal["20:00", "22:00"],
    ) -> Request[AccountLimits]:
        """All four anew: less holds at once, more a day later."""
        body = {
            "per_payment": per_payment,
            "per_day": per_day,
            "per_night": per_night,
            "night_starts": night_starts,
        }
        return put(path("/accounts/{}/limits", account_id), data(AccountLimits), body)
