"""`ports.settlements.Settlements` in memory, beside the transfers and accounts that it sums."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import trio
from msgspec.structs import replace

from fluxiq.domain.product import PIX_MERCHANT, PIX_SETTLEMENT
from fluxiq.domain.records import Account
from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.domain.settlement import SettlementDay, SettlementSchedule
from fluxiq.domain.transfer import BookTransfer
from fluxiq.ports import Page
from fluxiq.ports.settlements import DaysWanted, Settlements
from tests.support.memory_transfers import MemoryTransfers

_ZONE = ZoneInfo(SAO_PAULO)


class MemorySettlements(Settlements):
    """`rows` are the schedules by merchant."""

    def __init__(self, transfers: MemoryTransfers, account: Callable[[str], Account]) -> None:
        self.rows: dict[str, SettlementSchedule] = {}
        self._transfers = transfers
        self._account = account

    async def days(self, wanted: DaysWanted, page: Page) -> tuple[list[SettlementDay], int]:
        await trio.lowlevel.checkpoint()
        days: dict[object, SettlementDay] = {}
        for transfer in self._transfers.rows.values():
            at = transfer.completed_at
            if at is None or not self._is_settlement(transfer, wanted.merchant_id):
                continue
            day = at.astimezone(_ZONE).date()
            before = days.get(day) or SettlementDay(day=day, amount=0, transfer_count=0, last_at=at)
            days[day] = SettlementDay(
                day=day,
                amount=before.amount + transfer.amount,
                transfer_count=before.transfer_count + 1,
                last_at=max(before.last_at, at),
            )
        found = [
            one
            for one in sorted(days.values(), key=lambda one: one.day, reverse=True)
            if (wanted.since is None or one.day >= wanted.since)
            and (wanted.until is None or one.day <= wanted.until)
        ]
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def find_schedule(self, merchant_id: str) -> SettlementSchedule | None:
        await trio.lowlevel.checkpoint()
        return self.rows.get(merchant_id)

    async def put_schedule(self, schedule: SettlementSchedule) -> None:
        await trio.lowlevel.checkpoint()
        before = self.rows.get(schedule.merchant_id)
        if before is not None:
            schedule = replace(
                schedule,
                last_at=before.last_at,
                last_outcome=before.last_outcome,
                last_transfer_id=before.last_transfer_id,
            )
        self.rows[schedule.merchant_id] = schedule

    async def due(self, now: datetime, limit: int) -> Sequence[SettlementSchedule]:
        await trio.lowlevel.checkpoint()
        due = [one for one in self.rows.values() if one.next_at is not None and one.next_at <= now]
        return due[:limit]

    async def note_run(self, before: SettlementSchedule, after: SettlementSchedule) -> bool:
        await trio.lowlevel.checkpoint()
        known = self.rows[before.merchant_id]
        if (known.next_at, known.updated_at) != (before.next_at, before.updated_at):
            return False
        self.rows[before.merchant_id] = after
        return True

    def _is_settlement(self, transfer: BookTransfer, merchant_id: str) -> bool:
        source = self._account(transfer.source_account_id)
        destination = self._account(transfer.destination_account_id)
        return (
            transfer.merchant_id == merchant_id == destination.merchant_id
            and source.product_id == PIX_MERCHANT.id
            and destination.product_id == PIX_SETTLEMENT.id
        )
