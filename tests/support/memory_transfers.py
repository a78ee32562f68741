"""`ports.Transfers` in memory, beside `memory.MemoryStore`, whose keys and events it shares."""

from collections.abc import Sequence
from datetime import datetime

import trio

from fluxiq.domain.transfer import UNFINISHED, BookTransfer, TransferStage, stages_of
from fluxiq.ports import Fresh, Opening, Page, Replay
from fluxiq.ports.transfers import Moved, TransferFilter, TransferMoved, TransferOpening
from tests.support.memory import MemoryStore


class MemoryTransfers:
    """`rows` is the table, for tests to look at."""

    def __init__(self, store: MemoryStore) -> None:
        self.rows: dict[str, BookTransfer] = {}
        self._store = store

    async def open(self, opening: TransferOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        transfer = opening.transfer
        known = self._store._claim(
            transfer.merchant_id, opening.idempotency, transfer.id, transfer.created_at, None
        )
        if known is not None:
            return known

        self.rows[transfer.id] = transfer
        return Fresh()

    async def move(self, moved: TransferMoved) -> Moved:
        await trio.lowlevel.checkpoint()
        transfer = moved.transfer
        if self.rows[transfer.id].stage is not moved.before:
            return Moved(happened=False)

        assert transfer.decided_by != transfer.created_by, "the schema refuses this"
        self.rows[transfer.id] = transfer
        if moved.response is not None:
            for answered in self._store.answers.values():
                if answered.resource_id == transfer.id:
                    answered.replay = Replay(moved.refused, moved.response)
        told = [hook for event in moved.events for hook in self._store._tell(event, None)]
        return Moved(happened=True, endpoint_ids=tuple(told))

    async def find(self, transfer_id: str) -> BookTransfer | None:
        await trio.lowlevel.checkpoint()
        return self.rows.get(transfer_id)

    async def page(self, wanted: TransferFilter, page: Page) -> tuple[list[BookTransfer], int]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.rows.values() if _is_wanted(one, wanted)]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def unfinished(self, before: datetime, limit: int) -> Sequence[BookTransfer]:
        await trio.lowlevel.checkpoint()
        left = [one for one in self.rows.values() if one.stage in UNFINISHED]
        return [one for one in left if one.updated_at < before][:limit]

    async def overdue(self, now: datetime, limit: int) -> Sequence[BookTransfer]:
        await trio.lowlevel.checkpoint()
        pending = [one for one in self.rows.values() if one.stage is TransferStage.PENDING]
        return [one for one in pending if one.expires_at and one.expires_at <= now][:limit]


def _is_wanted(transfer: BookTransfer, wanted: TransferFilter) -> bool:
    sides = {transfer.source_account_id, transfer.destination_account_id}
    return (
        transfer.merchant_id == wanted.merchant_id
        and wanted.account_id in {None, *sides}
        and (wanted.status is None or transfer.stage in stages_of(wanted.status))
        and (wanted.since is None or transfer.created_at >= wanted.since)
        and (wanted.until is None or transfer.created_at < wanted.until)
    )
