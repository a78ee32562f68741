"""What contests need from the records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.contest import Contest, ContestStatus
from fluxiq.domain.records import Event
from fluxiq.ports import Archived, Idempotency, Opening, Page


class ContestOpening(Struct, frozen=True, kw_only=True):
    """A contest of which nobody has heard yet; `response` is what its key is answered."""

    contest: Contest
    idempotency: Idempotency | None
    response: bytes


class ContestExists(Struct, frozen=True):
    """The payout has a contest that leaves no room for another: nothing was written. None where
    that one has ended in this moment.
    """

    contest: Contest | None


class ContestMoved(Struct, frozen=True, kw_only=True):
    """A contest as it is after a step, and as it was read `before`: written over exactly that.
    `note` goes to the audit trail.
    """

    contest: Contest
    before: Contest
    actor: str
    event: Event | None = None
    note: str = ""


class ContestsWanted(Struct, frozen=True, kw_only=True):
    """Which contests a list has; None filters nothing."""

    merchant_id: str | None = None
    end_to_end_id: str | None = None
    status: ContestStatus | None = None


class Contests(Protocol):
    """The contests of one institution. Every method is one transaction; twice is once."""

    async def open(self, opening: ContestOpening) -> Opening | ContestExists: ...

    async def move(self, moved: ContestMoved) -> Archived | None:
        """Status, what is owed, and times. None, and nothing is written, when it is not as it was
        read.
        """

    async def find_of_payout(self, payout_id: str) -> Contest | None:
        """The newest one of a payout."""

    async def page(self, wanted: ContestsWanted, page: Page) -> tuple[list[Contest], int]:
        """A page of contests, newest first, and how many there are in all."""

    async def due(self, now: datetime, limit: int) -> Sequence[Contest]:
        """Those whose provider is owed something, the longest due first."""
