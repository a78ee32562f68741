"""A merchant's takings, moved once a day from the account that is paid into the one that pays out.

A settlement is an ordinary transfer between two accounts of one merchant: from one of the product
`prod_pix_merchant` to one of `prod_pix_settlement`. Days and times are São Paulo's.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from fluxiq.domain.schedule import SAO_PAULO

# How a run ends that moved nothing, and was not refused.
SETTLED: Final = "settled"
NOTHING_TO_SETTLE: Final = "nothing_to_settle"

_ZONE: Final = ZoneInfo(SAO_PAULO)


class SettlementDay(Struct, frozen=True, kw_only=True):
    """What a merchant's settlements of one day came to, in centavos."""

    day: date
    amount: int
    transfer_count: int
    last_at: datetime


class SettlementSchedule(Struct, frozen=True, kw_only=True):
    """`time` is "HH:MM". What is available above `keep` is moved, where it is at least `minimum`;
    centavos. `next_at` is None while it is off. `set_by` is in whose name the transfers are.
    """

    merchant_id: str
    time: str
    source_account_id: str
    destination_account_id: str
    minimum: int
    keep: int
    set_by: str
    updated_at: datetime
    next_at: datetime | None
    last_at: datetime | None = None
    last_outcome: str | None = None  # SETTLED, NOTHING_TO_SETTLE, or the code of a refusal
    last_transfer_id: str | None = None

    def amount_of(self, available: int) -> int:
        """How much of what is `available` is moved; 0 where it is not worth it."""
        above = available - self.keep
        return above if above >= self.minimum else 0

    def key_of(self, at: datetime) -> str:
        """The idempotency key of the run planned for `at`: doing it twice is doing it once."""
        return f"settlement {at.astimezone(UTC):%Y-%m-%dT%H:%M}Z"


def next_time(said: str, now: datetime) -> datetime:
    """The first moment after `now` at which it is `said` ("HH:MM") in São Paulo."""
    hour, _, minute = said.partition(":")
    local = now.astimezone(_ZONE)
    wanted = time(int(hour), int(minute))
    at = datetime.combine(local.date(), wanted, tzinfo=_ZONE)
    if at.astimezone(UTC) <= now:
        at = datetime.combine(local.date() + timedelta(days=1), wanted, tzinfo=_ZONE)
    return at.astimezone(UTC)
