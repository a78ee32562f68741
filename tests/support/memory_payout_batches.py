"""`ports.payout_batches.PayoutBatches` in memory, beside the payouts that lines become."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import trio
from msgspec.structs import replace

from fluxiq.domain.payout_batch import (
    BatchStatus,
    LineOutcome,
    NumberedInstruction,
    PayoutBatch,
)
from fluxiq.domain.records import Payout
from fluxiq.ports import Differs, Fresh, Opening, Page, Replay
from fluxiq.ports.payout_batches import (
    BatchesWanted,
    BatchLine,
    BatchMoved,
    BatchOpening,
    PayoutBatches,
)
from tests.support.memory_jobs import MemoryJobs


class MemoryPayoutBatches(PayoutBatches):
    """`rows` and `lines_of` are the tables; `audit` says each action with its actor."""

    def __init__(self, jobs: MemoryJobs, payouts: Mapping[str, Payout]) -> None:
        self.rows: dict[str, PayoutBatch] = {}
        self.lines_of: dict[str, dict[int, BatchLine]] = {}
        self.audit: list[tuple[str, str]] = []
        self._keys: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        self._jobs = jobs
        self._payouts = payouts

    async def open(self, opening: BatchOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        batch = opening.batch
        if opening.idempotency is not None:
            name, digest = (batch.merchant_id, opening.idempotency.key), opening.idempotency.digest
            if name in self._keys:
                known, response = self._keys[name]
                return Replay(False, response) if known == digest else Differs()
            self._keys[name] = (digest, opening.response)
        self.rows[batch.id] = batch
        self.lines_of[batch.id] = {
            one.number: BatchLine(number=one.number, instruction=one.instruction)
            for one in opening.lines
        }
        self.audit.append((batch.created_by, "created"))
        return Fresh()

    async def move(self, moved: BatchMoved) -> bool:
        await trio.lowlevel.checkpoint()
        batch = moved.batch
        if self.rows[batch.id].status is not moved.before:
            return False

        is_rejected = batch.status is BatchStatus.REJECTED
        assert is_rejected or batch.decided_by != batch.created_by, "the schema refuses this"
        self.rows[batch.id] = batch
        self.audit.append((moved.actor, batch.status))
        if moved.job is not None:
            self._jobs._enqueue(moved.job)
        return True

    async def find(self, batch_id: str) -> PayoutBatch | None:
        await trio.lowlevel.checkpoint()
        return self.rows.get(batch_id)

    async def page(self, wanted: BatchesWanted, page: Page) -> tuple[list[PayoutBatch], int]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.rows.values() if _is_wanted(one, wanted)]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def lines(self, batch_id: str) -> Sequence[BatchLine]:
        await trio.lowlevel.checkpoint()
        return [self._as_it_stands(one) for one in self.lines_of[batch_id].values()]

    async def unopened(
        self, batch_id: str, after: int, limit: int
    ) -> Sequence[NumberedInstruction]:
        await trio.lowlevel.checkpoint()
        waiting = [
            NumberedInstruction(number=one.number, instruction=one.instruction)
            for one in self.lines_of[batch_id].values()
            if one.number > after and _is_open(one)
        ]
        return waiting[:limit]

    async def note(self, batch: PayoutBatch, outcomes: Sequence[LineOutcome]) -> None:
        await trio.lowlevel.checkpoint()
        lines = self.lines_of[batch.id]
        for one in outcomes:
            assert one.payout_id is None or one.payout_id in self._payouts, "a foreign key"
            if _is_open(lines[one.number]):
                lines[one.number] = replace(
                    lines[one.number], payout_id=one.payout_id, error_code=one.error_code
                )
        self.audit.append(("platform", "lines_opened"))

    async def overdue(self, now: datetime, limit: int) -> Sequence[PayoutBatch]:
        await trio.lowlevel.checkpoint()
        waiting = [one for one in self.rows.values() if one.status is BatchStatus.AWAITING_RELEASE]
        return [one for one in waiting if one.is_over(now)][:limit]

    def _as_it_stands(self, line: BatchLine) -> BatchLine:
        payout = None if line.payout_id is None else self._payouts[line.payout_id]
        return line if payout is None else replace(line, stage=payout.stage)


def _is_open(line: BatchLine) -> bool:
    return line.payout_id is None and line.error_code is None


def _is_wanted(batch: PayoutBatch, wanted: BatchesWanted) -> bool:
    return (
        batch.merchant_id == wanted.merchant_id
        and wanted.status in {None, batch.status}
        and (wanted.since is None or batch.created_at >= wanted.since)
        and (wanted.until is None or batch.created_at < wanted.until)
    )
