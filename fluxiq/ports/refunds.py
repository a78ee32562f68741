"""What refunds, and payouts that come back, need from the records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Event, Payout, PayoutReturn, PayoutStage, Receipt, Refund, Step
from fluxiq.ports import Archived, Idempotency, Opening, OutboxDraft, Page


class RefundOpening(Struct, frozen=True, kw_only=True):
    refund: Refund
    idempotency: Idempotency
    steps: tuple[Step, ...]


class RefundHeld(Struct, frozen=True, kw_only=True):
    """The vault's answer to a refund's holds, with all that follows from it in one transaction."""

    refund: Refund  # as it is now: HELD, or FAILED and then it was refused
    event: Event
    response: bytes  # what a replay answers: the envelope, or the refusal
    order: OutboxDraft | None  # None when refused
    steps: tuple[Step, ...]


class RefundEnded(Struct, frozen=True, kw_only=True):
    """What somebody said of a refund, and what it is now."""

    inbox_id: str | None
    refund: Refund | None  # as it is now; None: nothing changes, the visitors' book is closed
    event: Event | None
    steps: tuple[Step, ...]
    note: str = ""  # why nothing changes; goes to the audit trail


class ReturnArchived(Struct, frozen=True, kw_only=True):
    """Money of a payout came back, and what the payout is now."""

    inbox_id: str
    returned: PayoutReturn | None  # None: nothing changes, only the visitors' book is closed
    payout: Payout | None
    event: Event | None
    steps: tuple[Step, ...]
    note: str = ""  # why nothing changes; goes to the audit trail


class RefundsWanted(Struct, frozen=True, kw_only=True):
    """Which refunds of a merchant a list has; None filters nothing. `until` is not included."""

    merchant_id: str
    charge_id: str | None = None
    end_to_end_id: str | None = None
    stages: frozenset[PayoutStage] | None = None
    since: datetime | None = None
    until: datetime | None = None


class Refunds(Protocol):
    """Refunds of one institution. Every method is one transaction; twice is once."""

    async def find_receipt(self, end_to_end_id: str) -> Receipt | None:
        """What was received under this id, for whomever."""

    async def receipt_named(self, receipt_id: str) -> Receipt | None:
        """The same by our own id, `pay_…`, as statements refer to it."""

    async def open_refund(self, opening: RefundOpening) -> Opening: ...

    async def settle_hold(self, held: RefundHeld) -> Archived:
        """Nothing is written for a refund whose hold was settled before."""

    async def find_refund(self, refund_id: str) -> Refund | None: ...

    async def list_refunds(self, wanted: RefundsWanted, page: Page) -> tuple[list[Refund], int]:
        """A page of refunds, newest first, and how many there are in all."""

    async def refunds(self, return_ids: Sequence[str]) -> dict[str, Refund]:
        """Refunds by return id."""

    async def mark_sent(self, refunds: Sequence[Refund], steps: Sequence[Step]) -> None:
        """Record SENT or IN_DOUBT (the refund's own stage); never overwrites a terminal stage.
        The outbox rows of these refunds are done.
        """

    async def archive_ends(self, batch: Sequence[RefundEnded]) -> Archived:
        """A completed refund counts into its charge's `refunded_amount`; one that is refunded whole
        becomes `refunded`.
        """

    async def unheld_refunds(self, before: datetime, limit: int) -> list[Refund]:
        """Intents whose holds were never settled: a crash lies between."""

    async def unanswered_refunds(self, before: datetime, limit: int) -> list[Refund]:
        """SENT or IN_DOUBT and not heard of since `before`."""

    async def find_returns(self, return_ids: Sequence[str]) -> dict[str, PayoutReturn]:
        """Returns of payouts that are on paper, by return id."""

    async def archive_returns(self, batch: Sequence[ReturnArchived]) -> Archived:
        """Count what came back into its payout, once per return id; one that came back whole
        becomes `returned`.
        """
