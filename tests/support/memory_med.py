"""`ports.med.MedReports` in memory, over the memory store's dictionaries."""

from collections.abc import Sequence
from datetime import datetime

import trio

from fluxiq.domain.med import ANALYSED, MedReport, MedStage
from fluxiq.domain.records import PayoutStage, Refund
from fluxiq.ports import Archived, Fresh, Opening, Page, Replay
from fluxiq.ports.med import MedExists, MedMoved, MedOpening, MedReports, MedWanted
from tests.support.memory import MemoryStore
from tests.support.memory_refunds import MemoryRefunds


class MemoryMed:
    """`by_id` is the table; `audit` who did what."""

    def __init__(self, store: MemoryStore, refunds: MemoryRefunds) -> None:
        self.by_id: dict[str, MedReport] = {}
        self.audit: list[tuple[str, str]] = []
        self._store, self._refunds = store, refunds

    async def open(self, opening: MedOpening) -> Opening | MedExists:
        await trio.lowlevel.checkpoint()
        report = opening.report
        if opening.idempotency is not None:
            before = dict(self._store.answers)
            known = self._store._claim(
                report.asked_by, opening.idempotency, report.id, report.created_at, None
            )
            if known is not None:
                return known
        for one in self.by_id.values():
            if _answers(one, report) or (
                one.end_to_end_id == report.end_to_end_id and _is_open(one)
            ):
                if opening.idempotency is not None:
                    self._store.answers = before  # the whole transaction never was
                return MedExists(one.id)
        self.by_id[report.id] = report
        return Fresh()

    async def move(self, moved: MedMoved) -> Archived | None:
        await trio.lowlevel.checkpoint()
        before, known = moved.before, self.by_id[moved.report.id]
        as_read = (before.stage, before.attempt, before.settled_at)
        if (known.stage, known.attempt, known.settled_at) != as_read:
            return None

        self.by_id[known.id] = moved.report
        self.audit.append((moved.actor, moved.report.stage))
        if moved.response is not None:
            for answered in self._store.answers.values():
                if answered.resource_id == known.id and answered.replay is None:
                    answered.replay = Replay(False, moved.response)
        if moved.event is None:
            return Archived()
        return Archived(endpoint_ids=self._store._tell(moved.event, known.end_to_end_id))

    async def open_refund(self, report: MedReport, refund: Refund) -> None:
        del report
        await trio.lowlevel.checkpoint()
        self._refunds.by_id.setdefault(refund.id, refund)

    async def find(self, report_id: str) -> MedReport | None:
        await trio.lowlevel.checkpoint()
        return self.by_id.get(report_id)

    async def find_of_infraction(self, infraction_id: str) -> MedReport | None:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.by_id.values() if one.infraction_id == infraction_id]
        return found[0] if found else None

    async def page(self, wanted: MedWanted, page: Page) -> tuple[list[MedReport], int]:
        await trio.lowlevel.checkpoint()
        found = [
            one
            for one in self.by_id.values()
            if wanted.merchant_id in {None, one.merchant_id}
            and wanted.end_to_end_id in {None, one.end_to_end_id}
            and (wanted.stages is None or one.stage in wanted.stages)
        ]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def unfinished(self, before: datetime, limit: int) -> Sequence[MedReport]:
        await trio.lowlevel.checkpoint()
        waiting = {*ANALYSED, MedStage.RETURN_FAILED}
        left = [one for one in self._unsettled() if one.stage not in waiting]
        return [one for one in left if one.updated_at < before][:limit]

    async def rejected_returns(self, before: datetime, limit: int) -> Sequence[Refund]:
        await trio.lowlevel.checkpoint()
        reports = {one.refund_id: one for one in self.by_id.values() if one.settled_at is not None}
        return [
            one
            for one in self._refunds.by_id.values()
            if one.stage is PayoutStage.FAILED
            and one.id in reports
            and reports[one.id].stage is MedStage.AGREED
            and one.updated_at < before
        ][:limit]

    async def overdue(self, now: datetime, limit: int) -> Sequence[MedReport]:
        await trio.lowlevel.checkpoint()
        open_ones = [one for one in self._unsettled() if one.stage in ANALYSED]
        return [
            one for one in open_ones if one.blocked_until is not None and one.blocked_until <= now
        ][:limit]

    def _unsettled(self) -> list[MedReport]:
        return [one for one in self.by_id.values() if one.settled_at is None]


def _answers(report: MedReport, other: MedReport) -> bool:
    """Whether both answer one infraction."""
    return report.infraction_id is not None and report.infraction_id == other.infraction_id


def _is_open(report: MedReport) -> bool:
    """Whether there is no room for another one beside it."""
    return report.settled_at is None and report.failed_refund_id is None


def keeps_its_promises(med: MemoryMed) -> MedReports:
    """The twin is a port: said here so that the type checker looks."""
    return med
