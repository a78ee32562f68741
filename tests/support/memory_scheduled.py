"""`ports.scheduled.ScheduledPayouts` over the memory store's dictionaries."""

from collections.abc import Sequence
from datetime import date

import trio

from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.ports import Archived, Fresh, Limited, Opening, Replay
from fluxiq.ports.scheduled import (
    PayoutCalledOff,
    PayoutDue,
    PayoutScheduling,
    ScheduledPayouts,
)
from tests.support.memory import MemoryStore
from tests.support.memory_jobs import MemoryJobs


class MemoryScheduled:
    def __init__(self, store: MemoryStore, jobs: MemoryJobs) -> None:
        self._store, self._jobs = store, jobs

    async def schedule(self, scheduling: PayoutScheduling) -> Opening:
        payout = scheduling.payout
        known = self._store._claim(
            payout.merchant_id,
            scheduling.idempotency,
            payout.id,
            payout.created_at,
            Replay(False, scheduling.response),
        )
        if known is not None:
            return known

        await self._jobs.enqueue([scheduling.job])
        self._store.payouts_by_id[payout.id] = payout
        self._store.steps += scheduling.steps
        return Fresh(self._store._tell(scheduling.event, payout.end_to_end_id))

    async def start(self, due: PayoutDue) -> bool | Limited:
        await trio.lowlevel.checkpoint()
        payout, store = due.payout, self._store
        if not store.limits.fits([(payout, due.bounds)]):
            return Limited()
        if store.payouts_by_id[payout.id].stage is not PayoutStage.SCHEDULED:
            return False
        store.limits.count(payout, due.bounds)
        store.payouts_by_id[payout.id] = payout
        store.steps += due.steps
        return True

    async def call_off(self, called_off: PayoutCalledOff) -> Archived | None:
        await trio.lowlevel.checkpoint()
        payout, store = called_off.payout, self._store
        if store.payouts_by_id[payout.id].stage is not PayoutStage.SCHEDULED:
            return None
        store.payouts_by_id[payout.id] = payout
        return Archived(endpoint_ids=store._tell(called_off.event, payout.end_to_end_id))

    async def overdue(self, today: date, limit: int) -> Sequence[Payout]:
        await trio.lowlevel.checkpoint()
        return [
            one
            for one in self._store.payouts_by_id.values()
            if one.stage is PayoutStage.SCHEDULED
            and one.scheduled_for is not None
            and one.scheduled_for < today
        ][:limit]


def keeps_its_promises(scheduled: MemoryScheduled) -> ScheduledPayouts:
    """The twin is a port: said here so that the type checker looks."""
    return scheduled
