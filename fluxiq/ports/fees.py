"""What merchants pay for receiving: what was agreed, and what was kept."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.fee import AgreedFee
from fluxiq.domain.records import Event, Receipt
from fluxiq.ports import Archived, Page


class FeeBucket(StrEnum):
    """Of how much time a total is; São Paulo's."""

    DAY = "day"
    MONTH = "month"


class FeesWanted(Struct, frozen=True, kw_only=True):
    """Fees of a merchant by day or month, on the days from `since` to `until`, both included."""

    merchant_id: str
    bucket: FeeBucket
    since: date
    until: date


class FeeTotal(Struct, frozen=True, kw_only=True):
    """Receipts of which something was kept; `since` is the first day of the day or month. Amounts
    in centavos.
    """

    since: date
    payments: int
    amount: int  # received
    fees: int


class Booked(Struct, frozen=True):
    """A transfer in the ledger's copy: its `postings.TransferCode`, and centavos."""

    code: int
    amount: int


class Fees(Protocol):
    """The fees of one institution's merchants. Every method is one transaction."""

    async def agreed(self, merchant_id: str, limit: int) -> list[AgreedFee]:
        """The last `limit` versions, the one in force first; none: receiving costs nothing."""

    async def agree(
        self, fee: AgreedFee, before: AgreedFee | None, event: Event
    ) -> Archived | None:
        """Write the version that follows `before`; None where another one does already."""

    async def totals(self, wanted: FeesWanted) -> list[FeeTotal]:
        """Days or months with fees, the first of them first."""

    async def charged(self, merchant_id: str, page: Page) -> tuple[list[Receipt], int]:
        """A page of receipts of which something was kept, the last first, and how many."""

    async def booked(self, transfer_ids: Sequence[int]) -> Mapping[int, Booked]:
        """Of these transfers, those that the ledger's copy has; it follows the ledger closely, but
        not at once. What is linked in the ledger comes into the copy together.
        """
