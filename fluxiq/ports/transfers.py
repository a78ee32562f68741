"""What book transfers need on paper."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from fluxiq.domain.records import Event
from fluxiq.domain.transfer import BookTransfer, TransferLifeStatus, TransferStage
from fluxiq.ports import Idempotency, Opening, Page
from fluxiq.ports.origin import Origin, origin


class TransferOpening(Struct, frozen=True, kw_only=True):
    """The intent, before money moves. Its key stays without an answer until the first move."""

    transfer: BookTransfer
    idempotency: Idempotency
    origin: Origin = field(default_factory=origin)


class TransferMoved(Struct, frozen=True, kw_only=True):
    """A transfer as it is once it has left the stage `before`, with all that follows from it.

    `events` tell its end: to who made it, and to the merchant that it went to. `response` answers
    the idempotency key, where the transfer leaves CREATED: the envelope, or the refusal when it has
    `refused`.
    """

    transfer: BookTransfer
    before: TransferStage
    actor: str
    events: tuple[Event, ...] = ()
    response: bytes | None = None
    refused: bool = False
    origin: Origin = field(default_factory=origin)


class Moved(Struct, frozen=True, kw_only=True):
    """Whether it did leave that stage, or somebody else was quicker; and who is owed an event."""

    happened: bool
    endpoint_ids: tuple[str, ...] = ()


class TransferFilter(Struct, frozen=True, kw_only=True):
    """Which transfers of a merchant; None filters nothing. The account is on either side."""

    merchant_id: str
    account_id: str | None = None
    status: TransferLifeStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


class Transfers(Protocol):
    """The book transfers of one institution. Every method is one transaction; twice is once."""

    async def open(self, opening: TransferOpening) -> Opening: ...

    async def move(self, moved: TransferMoved) -> Moved:
        """Change the record if it is still in the stage `before`; record, audit line, events and
        answer are written together or not at all.
        """

    async def find(self, transfer_id: str) -> BookTransfer | None: ...

    async def page(self, wanted: TransferFilter, page: Page) -> tuple[list[BookTransfer], int]:
        """A page of transfers, newest first, and how many there are in all."""

    async def unfinished(self, before: datetime, limit: int) -> Sequence[BookTransfer]:
        """Those that a crash left between paper and ledger: not moved since `before`."""

    async def overdue(self, now: datetime, limit: int) -> Sequence[BookTransfer]:
        """Those awaiting an approval whose time is over."""
