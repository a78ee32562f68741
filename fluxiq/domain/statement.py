"""What an account's statement says: one line for each movement on its books, in ledger order.

Holds are no movements: money that is held is still there. So opening balance, lines and closing
balance add up to the centavo, and the closing balance is available plus pending.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from fluxiq.domain.postings import TransferCode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LineKind(StrEnum):
    """What a movement was, seen from the account."""

    PIX_IN = "pix_in"
    PIX_OUT = "pix_out"
    PIX_OUT_RETURNED = "pix_out_returned"
    REFUND = "refund"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    BLOCK = "block"
    RELEASE = "release"
    FEE = "fee"


class Movement(Struct, frozen=True, kw_only=True):
    """A posted transfer, seen from one of its accounts.

    `amount` is in centavos, negative where the account was debited; `running` is the sum of the
    movements from where reading began, this one included; `timestamp` is the ledger's, in
    nanoseconds, and orders them.
    """

    id: int
    timestamp: int
    code: int
    amount: int
    running: int
    reference: str | None  # pay_…, xfer_…, ref_…, or the end-to-end id
    description: str

    @property
    def at(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.timestamp // 1_000)

    @property
    def kind(self) -> LineKind:
        debited, credited = KINDS[TransferCode(self.code)]
        found = debited if self.amount < 0 else credited
        assert found is not None, f"code {self.code} does not move {self.amount} at a customer"
        return found


class Period(Struct, frozen=True, kw_only=True):
    """From `since` to just before `until`; None: from the beginning, or up to now."""

    since: datetime | None = None
    until: datetime | None = None


class StatementHead(Struct, frozen=True, kw_only=True):
    """An account's balances around a period, in centavos, at one moment.

    Its movements are those with timestamps above `after` and up to `last`. Books only grow at
    their end, so they can be read later, page by page, and are the same.
    """

    opening_balance: int
    closing_balance: int
    lines: int
    after: int
    last: int


# How each kind of transfer looks to the customer's account that is debited, and credited; None
# where that side is never a customer's. Indexes of the ledger's tables leave those sides out
# (migration 0006_transfers), because it is the house's one account on every payment's other side.
KINDS: Mapping[TransferCode, tuple[LineKind | None, LineKind | None]] = MappingProxyType(
    {
        TransferCode.PIX_IN: (None, LineKind.PIX_IN),
        TransferCode.PIX_IN_UNIDENTIFIED: (None, None),
        TransferCode.PIX_OUT: (LineKind.PIX_OUT, None),
        TransferCode.PIX_OUT_RETURN: (None, LineKind.PIX_OUT_RETURNED),
        TransferCode.PIX_REFUND: (LineKind.REFUND, None),
        TransferCode.REFUND_LIMIT: (None, None),
        TransferCode.BOOK_TRANSFER: (LineKind.TRANSFER_OUT, LineKind.TRANSFER_IN),
        TransferCode.BLOCK: (LineKind.BLOCK, None),
        TransferCode.RELEASE: (None, LineKind.RELEASE),
        TransferCode.FEE: (LineKind.FEE, None),
    }
)
