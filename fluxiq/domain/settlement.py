"""A merchant's takings, moved once a day from the account that is paid into the one that pays out.

A settlement is an ordinary transfer between two accounts of one merchant: from one of the product
`prod_pix_merchant` to one of `prod_pix_settlement`. Days and times are São Paulo's.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.domain.transfer import BookTransfer, TransferStage

# How a run ends that was not refused.
SETTLED: Final = "settled"
NOTHING_TO_SETTLE: Final = "nothing_to_settle"
AWAITING_APPROVAL: Final = "awaiting_approval"  # held, for somebody else than who put the schedule
UNDER_WAY: Final = "under_way"  # on paper; the ledger has not answered yet

UNDECIDED: Final = frozenset({AWAITING_APPROVAL, UNDER_WAY})

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
    last_outcome: str | None = None  # one of the words above, or the code of a refusal
    last_transfer_id: str | None = None

    def amount_of(self, available: int) -> int:
        """How much of what is `available` is moved; 0 where it is not worth it."""
        above = available - self.keep
        return above if above >= self.minimum else 0

    def key_of(self, at: datetime) -> str:
        """The idempotency key of the run planned for `at`: doing it twice is doing it once."""
        return f"settlement {at.astimezone(UTC):%Y-%m-%dT%H:%M}Z"


def outcome_of(transfer: BookTransfer) -> str:
    """What a run has come to whose transfer stands like this."""
    match transfer.stage:
        case TransferStage.COMPLETED:
            return SETTLED
        case TransferStage.FAILED:
            assert transfer.failure_code is not None, f"{transfer.id} failed for no reason"
            return transfer.failure_code
        case TransferStage.PENDING:
            return AWAITING_APPROVAL
        case _:
            return UNDER_WAY


def next_time(said: str, now: datetime) -> datetime:
    """The first moment after `now` at which it is `said` ("HH:MM") in São Paulo."""
    hour, _, minute = said.partition(":")
    local = now.astimezone(_ZONE)
    wanted = time(int(hour), int(minute))
    at = datetime.combine(local.date(), wanted, tzinfo=_ZONE)
    if at.astimezone(UTC) <= now:
        at = datetime.combine(local.date() + timedelta(days=1), wanted, tzinfo=_ZONE)
    return at.astimezone(UTC)
