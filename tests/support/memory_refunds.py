"""`ports.refunds.Refunds` over the memory store's dictionaries."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import trio

from fluxiq.domain.records import ChargeStatus, PayoutReturn, PayoutStage, Receipt, Refund, Step
from fluxiq.domain.refund import TRANSITIONS
from fluxiq.ports import Archived, Fresh, Opening, Page, Replay
from fluxiq.ports.refunds import (
    RefundEnded,
    RefundHeld,
    RefundOpening,
    Refunds,
    RefundsWanted,
    ReturnArchived,
)
from tests.support.memory import MemoryStore

_STEPS = {(a, b) for (a, _), b in TRANSITIONS.items() if a is not PayoutStage.CREATED}
_AT_PROVIDER = {PayoutStage.SENT, PayoutStage.IN_DOUBT}


class MemoryRefunds:
    """Public attributes are the tables, for tests to look at."""

    def __init__(self, store: MemoryStore) -> None:
        self.by_id: dict[str, Refund] = store.refunds_by_id
        self.returns: dict[str, PayoutReturn] = {}
        self._store = store

    async def find_receipt(self, end_to_end_id: str) -> Receipt | None:
        await trio.lowlevel.checkpoint()
        return self._store.receipts.get(end_to_end_id)

    async def receipt_named(self, receipt_id: str) -> Receipt | None:
        await trio.lowlevel.checkpoint()
        return next((one for one in self._store.receipts.values() if one.id == receipt_id), None)

    async def open_refund(self, opening: RefundOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        refund = opening.refund
        known = self._store._claim(
            refund.merchant_id, opening.idempotency, refund.id, refund.created_at, None
        )
        if known is not None:
            return known

        self.by_id[refund.id] = refund
        self._store.steps += opening.steps
        return Fresh()

    async def settle_hold(self, held: RefundHeld) -> Archived:
        await trio.lowlevel.checkpoint()
        refund, store = held.refund, self._store
        if self.by_id[refund.id].stage is not PayoutStage.CREATED:
            return Archived()

        self.by_id[refund.id] = refund
        for answered in store.answers.values():
            if answered.resource_id == refund.id:
                answered.replay = Replay(refund.failure_code is not None, held.response)
        store.steps += held.steps
        if held.order is not None:
            store._announce(held.order, refund.id, refund.updated_at)
        return _archived(store._tell(held.event, refund.return_id))

    async def find_refund(self, refund_id: str) -> Refund | None:
        await trio.lowlevel.checkpoint()
        return self.by_id.get(refund_id)

    async def list_refunds(self, wanted: RefundsWanted, page: Page) -> tuple[list[Refund], int]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.by_id.values() if _is_wanted(one, wanted)]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def refunds(self, return_ids: Sequence[str]) -> dict[str, Refund]:
        await trio.lowlevel.checkpoint()
        return {one.return_id: one for one in self.by_id.values() if one.return_id in return_ids}

    async def mark_sent(self, refunds: Sequence[Refund], steps: Sequence[Step]) -> None:
        await trio.lowlevel.checkpoint()
        for asked in refunds:
            known = self.by_id[asked.id]
            if asked.stage in _AT_PROVIDER:
                if known.stage is asked.stage or (known.stage, asked.stage) in _STEPS:
                    self.by_id[known.id] = msgspec.structs.replace(
                        known,
                        stage=asked.stage,
                        updated_at=max(known.updated_at, asked.updated_at),
                    )
                self._store._done([known.id])
        self._store.steps += steps

    async def archive_ends(self, batch: Sequence[RefundEnded]) -> Archived:
        await trio.lowlevel.checkpoint()
        told: list[str] = []
        for one in batch:
            told += self._end(one)
            self._store.steps += one.steps
            if one.inbox_id is not None:
                self._store._done([one.inbox_id])
        return _archived(told)

    async def unheld_refunds(self, before: datetime, limit: int) -> list[Refund]:
        await trio.lowlevel.checkpoint()
        return self._left_since(before, {PayoutStage.CREATED}, limit)

    async def unanswered_refunds(self, before: datetime, limit: int) -> list[Refund]:
        await trio.lowlevel.checkpoint()
        return self._left_since(before, _AT_PROVIDER, limit)

    async def find_returns(self, return_ids: Sequence[str]) -> dict[str, PayoutReturn]:
        await trio.lowlevel.checkpoint()
        return {one: self.returns[one] for one in return_ids if one in self.returns}

    async def archive_returns(self, batch: Sequence[ReturnArchived]) -> Archived:
        await trio.lowlevel.checkpoint()
        told: list[str] = []
        for one in batch:
            self._store._done([one.inbox_id])
            if one.returned is None:
                self._store.notes.append(one.note)
            elif one.returned.return_id not in self.returns:
                told += self._count(one, one.returned)
        return _archived(told)

    # Helpers, in call order. None of them waits.

    def _end(self, one: RefundEnded) -> tuple[str, ...]:
        if one.refund is None:
            self._store.notes.append(one.note)
            return ()

        known = self.by_id[one.refund.id]
        self._store._done([known.id])
        if (known.stage, one.refund.stage) not in _STEPS:
            self._store.notes.append(one.note or "the refund had ended before")
            return ()

        self.by_id[known.id] = one.refund
        if one.refund.stage is PayoutStage.CONFIRMED and one.refund.charge_id is not None:
            self._give_back(one.refund.charge_id, one.refund.amount)
        return () if one.event is None else self._store._tell(one.event, known.return_id)

    def _give_back(self, charge_id: str, amount: int) -> None:
        charge = self._store.charges[charge_id]
        total = charge.refunded_amount + amount
        self._store.charges[charge_id] = msgspec.structs.replace(
            charge,
            refunded_amount=total,
            status=ChargeStatus.REFUNDED if total == charge.amount else charge.status,
        )

    def _left_since(self, before: datetime, stages: set[PayoutStage], limit: int) -> list[Refund]:
        left = [
            one for one in self.by_id.values() if one.stage in stages and one.updated_at < before
        ]
        return sorted(left, key=lambda one: one.updated_at)[:limit]

    def _count(self, one: ReturnArchived, returned: PayoutReturn) -> tuple[str, ...]:
        self.returns[returned.return_id] = returned
        payout = self._store.payouts_by_id[returned.payout_id]
        total = payout.returned_amount + returned.amount
        self._store.payouts_by_id[payout.id] = msgspec.structs.replace(
            payout,
            returned_amount=total,
            updated_at=max(payout.updated_at, returned.returned_at),
            stage=PayoutStage.RETURNED if total == payout.amount else payout.stage,
        )
        self._store.steps += one.steps
        return () if one.event is None else self._store._tell(one.event, payout.end_to_end_id)


def _is_wanted(refund: Refund, wanted: RefundsWanted) -> bool:
    return (
        refund.merchant_id == wanted.merchant_id
        and wanted.charge_id in {None, refund.charge_id}
        and wanted.end_to_end_id in {None, refund.end_to_end_id}
        and (wanted.stages is None or refund.stage in wanted.stages)
        and (wanted.since is None or refund.created_at >= wanted.since)
        and (wanted.until is None or refund.created_at < wanted.until)
    )


def _archived(endpoint_ids: Iterable[str]) -> Archived:
    return Archived(endpoint_ids=tuple(sorted(set(endpoint_ids))))


def keeps_its_promises(refunds: MemoryRefunds) -> Refunds:
    """The twin is a port: said here so that the type checker looks."""
    return refunds
