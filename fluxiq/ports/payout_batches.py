"""What batches of payouts that await their release need on paper."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from fluxiq.domain.payout_batch import (
    BatchStatus,
    Instruction,
    LineOutcome,
    NumberedInstruction,
    PayoutBatch,
)
from fluxiq.domain.records import PayoutStage
from fluxiq.ports import Idempotency, Opening, Page
from fluxiq.ports.jobs import NewJob
from fluxiq.ports.origin import Origin, origin


class BatchOpening(Struct, frozen=True, kw_only=True):
    """A batch with its lines; `response` is what its idempotency key answers from now on."""

    batch: PayoutBatch
    lines: tuple[NumberedInstruction, ...]
    response: bytes
    idempotency: Idempotency | None = None
    origin: Origin = field(default_factory=origin)


class BatchMoved(Struct, frozen=True, kw_only=True):
    """A batch as it is once it has left the status `before`, and the job that goes on with it."""

    batch: PayoutBatch
    before: BatchStatus
    actor: str
    job: NewJob | None = None
    origin: Origin = field(default_factory=origin)


class BatchLine(Struct, frozen=True, kw_only=True):
    """A line as it stands. `stage` is that of its payout now."""

    number: int
    instruction: Instruction
    payout_id: str | None = None
    error_code: str | None = None
    stage: PayoutStage | None = None


class BatchesWanted(Struct, frozen=True, kw_only=True):
    """Which batches of a merchant; None filters nothing."""

    merchant_id: str
    status: BatchStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


class PayoutBatches(Protocol):
    """The batches of one institution. Every method is one transaction; twice is once."""

    async def open(self, opening: BatchOpening) -> Opening: ...

    async def move(self, moved: BatchMoved) -> bool:
        """Change the record if it is still in the status `before`, and put its job on paper with
        it; False where somebody was quicker.
        """

    async def find(self, batch_id: str) -> PayoutBatch | None: ...

    async def page(self, wanted: BatchesWanted, page: Page) -> tuple[list[PayoutBatch], int]:
        """A page of batches, newest first, and how many there are in all."""

    async def lines(self, batch_id: str) -> Sequence[BatchLine]:
        """All of a batch, in their order."""

    async def unopened(
        self, batch_id: str, after: int, limit: int
    ) -> Sequence[NumberedInstruction]:
        """Those beyond the number `after` of which nothing has become yet, in their order."""

    async def note(self, batch: PayoutBatch, outcomes: Sequence[LineOutcome]) -> None:
        """What became of lines; one of which that is known already keeps its outcome."""

    async def overdue(self, now: datetime, limit: int) -> Sequence[PayoutBatch]:
        """Those that await a release whose time is over."""
