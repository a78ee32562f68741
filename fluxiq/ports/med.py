"""What fraud reports need from the records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.med import MedReport, MedStage
from fluxiq.domain.records import Event, Refund
from fluxiq.ports import Archived, Idempotency, Opening, Page


class MedOpening(Struct, frozen=True, kw_only=True):
    """A report, before its money is blocked; its key is answered when that is done."""

    report: MedReport
    idempotency: Idempotency | None


class MedExists(Struct, frozen=True):
    """The payment has a report that is not settled, or the infraction has one: nothing was
    written. `report_id` is empty where that one was settled in this moment.
    """

    report_id: str


class MedMoved(Struct, frozen=True, kw_only=True):
    """A report as it is after a step, and as it was read `before`: written over exactly that.

    `response` answers the key of its opening, if it has one that is not answered yet.
    """

    report: MedReport
    before: MedReport
    actor: str
    event: Event | None = None
    response: bytes | None = None


class MedWanted(Struct, frozen=True, kw_only=True):
    """Which reports a list has; None filters nothing."""

    merchant_id: str | None = None
    end_to_end_id: str | None = None
    stages: frozenset[MedStage] | None = None


class MedReports(Protocol):
    """The fraud reports of one institution. Every method is one transaction; twice is once."""

    async def open(self, opening: MedOpening) -> Opening | MedExists: ...

    async def move(self, moved: MedMoved) -> Archived | None:
        """Stage, attempt, amounts, refund and times. None, and nothing is written, when the report
        is not as it was read.
        """

    async def open_refund(self, report: MedReport, refund: Refund) -> None:
        """Put the refund of an agreed report on paper, whose money is held already."""

    async def find(self, report_id: str) -> MedReport | None: ...

    async def find_of_infraction(self, infraction_id: str) -> MedReport | None:
        """The report that answers an infraction, once there is one."""

    async def page(self, wanted: MedWanted, page: Page) -> tuple[list[MedReport], int]:
        """A page of reports, newest first, and how many there are in all."""

    async def unfinished(self, before: datetime, limit: int) -> Sequence[MedReport]:
        """Those not blocked yet, or decided and not settled, and left so since `before`."""

    async def rejected_returns(self, before: datetime, limit: int) -> Sequence[Refund]:
        """Refunds that failed before `before`, and whose reports do not say so yet."""

    async def overdue(self, now: datetime, limit: int) -> Sequence[MedReport]:
        """Those still analysed whose block has lasted as long as it may."""
