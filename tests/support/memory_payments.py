"""`ports.payments.Payments` and `ports.api_keys.ApiKeys` over the memory store's dictionaries."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec
import trio

from fluxiq.domain.records import (
    ApiKey,
    Charge,
    ChargeStatus,
    Payout,
    PayoutStage,
    Refund,
    Room,
    Step,
)
from fluxiq.errors import Refused
from fluxiq.ports import (
    Archived,
    Differs,
    Fresh,
    HoldSettled,
    Idempotency,
    Limited,
    Opening,
    Page,
    PayoutOpening,
    Replay,
    Running,
)
from fluxiq.ports.api_keys import KeyOpening, KeyRotation
from fluxiq.ports.payments import (
    ChargeCancelling,
    ChargesWanted,
    InDoubt,
    NotPending,
    PayoutsWanted,
)
from fluxiq.stores.in_doubt import tried_and_answered
from tests.support.memory import MemoryStore
from tests.support.memory_jobs import MemoryJobs

Listed = TypeVar("Listed", Charge, Payout, ApiKey)


class OnePayoutAtATime(Protocol):
    """What the batches are made of."""

    async def find_opening(
        self, merchant_id: str, idempotency: Idempotency, now: datetime
    ) -> Replay | Running | Differs | None: ...

    async def open_payout(self, opening: PayoutOpening) -> Opening | Limited: ...

    async def settle_hold(self, settled: HoldSettled) -> Archived: ...


class PayoutBatches:
    """Batches as if one by one."""

    def __init__(self, one: OnePayoutAtATime) -> None:
        self._one = one

    async def find_openings(
        self, merchant_id: str, asked: Sequence[Idempotency], now: datetime
    ) -> list[Replay | Running | Differs | None]:
        return [await self._one.find_opening(merchant_id, one, now) for one in asked]

    async def open_payouts(self, openings: Sequence[PayoutOpening]) -> list[Opening | Limited]:
        return [await self._one.open_payout(one) for one in openings]

    async def settle_holds(self, batch: Sequence[HoldSettled]) -> list[Archived]:
        return [await self._one.settle_hold(one) for one in batch]


class MemoryPayments(PayoutBatches):
    def __init__(self, store: MemoryStore, jobs: MemoryJobs) -> None:
        super().__init__(store)
        self._store, self._jobs = store, jobs

    async def open_payouts(self, openings: Sequence[PayoutOpening]) -> list[Opening | Limited]:
        bounded = [(one.payout, one.bounds) for one in openings if one.bounds is not None]
        limited = {
            account_id
            for account_id in {payout.account_id for payout, _ in bounded}
            if not self._store.limits.fits(
                (payout, bounds) for payout, bounds in bounded if payout.account_id == account_id
            )
        }
        return [
            Limited()
            if one.bounds is not None and one.payout.account_id in limited
            else await self._store.open_payout(one)
            for one in openings
        ]

    async def list_charges(
        self, merchant_id: str, wanted: ChargesWanted, page: Page
    ) -> tuple[list[Charge], int]:
        await trio.lowlevel.checkpoint()
        return charges_page(self._store.charges.values(), merchant_id, wanted, page)

    async def cancel_charge(self, cancelling: ChargeCancelling) -> Opening | NotPending:
        await trio.lowlevel.checkpoint()
        charge, store = cancelling.charge, self._store
        known = store.charges[charge.id]
        if known.status is not ChargeStatus.PENDING:
            return NotPending(known.status)
        if cancelling.idempotency is not None:
            done = Replay(False, cancelling.response)
            before = store._claim(
                charge.merchant_id, cancelling.idempotency, charge.id, cancelling.at, done
            )
            if before is not None:
                return before

        store.charges[charge.id] = charge
        if cancelling.jobs:
            await self._jobs.enqueue(cancelling.jobs)
        return Fresh(store._tell(cancelling.event, None))

    async def list_payouts(
        self, merchant_id: str, wanted: PayoutsWanted, page: Page
    ) -> tuple[list[Payout], int]:
        await trio.lowlevel.checkpoint()
        return payouts_page(self._store.payouts_by_id.values(), merchant_id, wanted, page)

    async def payouts_in_doubt(self, before: datetime, page: Page) -> tuple[list[InDoubt], int]:
        await trio.lowlevel.checkpoint()
        return in_doubt_page(self._store.payouts_by_id.values(), self._store.steps, before, page)


class MemoryApiKeys:
    """`keys` are the store's, by hash. Keeps the answers of idempotency keys by itself."""

    def __init__(self, keys: MutableMapping[bytes, ApiKey]) -> None:
        self._keys = keys
        self._answers: dict[str, tuple[bytes, bytes]] = {}
        self._uses: dict[str, datetime] = {}

    async def open_key(self, opening: KeyOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        if opening.idempotency is not None:
            name = self._name(opening)
            digest, response = self._answers.setdefault(
                name, (opening.idempotency.digest, opening.response)
            )
            if digest != opening.idempotency.digest:
                return Differs()
            if response is not opening.response:
                return Replay(False, response)
        self._keys[opening.key.key_hash] = opening.key
        return Fresh()

    async def list_keys(self, merchant_id: str, page: Page) -> tuple[list[ApiKey], int]:
        await trio.lowlevel.checkpoint()
        return _page([one for one in self._keys.values() if one.merchant_id == merchant_id], page)

    async def find_key(self, merchant_id: str, key_id: str) -> ApiKey | None:
        await trio.lowlevel.checkpoint()
        return self._find(merchant_id, key_id)

    async def revoke_key(
        self, merchant_id: str, key_id: str, actor: str, at: datetime
    ) -> ApiKey | None:
        del actor
        await trio.lowlevel.checkpoint()
        key = self._find(merchant_id, key_id)
        if key is not None:
            key = msgspec.structs.replace(key, revoked_at=key.revoked_at or at)
            self._keys[key.key_hash] = key
        return key

    async def rotate_key(self, rotation: KeyRotation) -> Opening:
        new = rotation.opening.key
        old = self._find(new.merchant_id, rotation.replaces)
        if old is None:
            raise Refused("api_key_not_found", "no such key", field="key_id")
        is_replay = (
            rotation.opening.idempotency is not None
            and self._name(rotation.opening) in self._answers
        )
        if not is_replay:
            old.require_replaceable(new.created_at)
        answer = await self.open_key(rotation.opening)
        if isinstance(answer, Fresh):
            self._keys[old.key_hash] = old.replaced(new.id, new.created_at, rotation.until)
        return answer

    async def dead_keys(self, key_ids: Sequence[str], at: datetime) -> AbstractSet[str]:
        await trio.lowlevel.checkpoint()
        keys = self._keys.values()
        return {one.id for one in keys if one.id in key_ids and not one.works_at(at)}

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        await trio.lowlevel.checkpoint()
        for key_id, at in uses.items():
            self._uses[key_id] = max(at, self._uses.get(key_id, at))

    async def last_uses(self, key_ids: Sequence[str]) -> Mapping[str, datetime]:
        await trio.lowlevel.checkpoint()
        return {one: self._uses[one] for one in key_ids if one in self._uses}

    def _find(self, merchant_id: str, key_id: str) -> ApiKey | None:
        wanted = (key_id, merchant_id)
        keys = self._keys.values()
        return next((one for one in keys if (one.id, one.merchant_id) == wanted), None)

    @staticmethod
    def _name(opening: KeyOpening) -> str:
        assert opening.idempotency is not None, "it has a key"
        return f"{opening.key.merchant_id} {opening.idempotency.key}"


def charges_page(
    charges: Iterable[Charge], merchant_id: str, wanted: ChargesWanted, page: Page
) -> tuple[list[Charge], int]:
    found = [
        one
        for one in charges
        if one.merchant_id == merchant_id
        and wanted.status in {None, one.status}
        and wanted.account_id in {None, one.account_id}
        and wanted.txid in {None, one.txid}
        and _within(one.created_at, wanted)
    ]
    return _page(found, page)


def in_doubt_page(
    payouts: Iterable[Payout], steps: Sequence[Step], before: datetime, page: Page
) -> tuple[list[InDoubt], int]:
    """As the store's: the oldest first, each with its last step through the gate."""
    gates = {one.end_to_end_id: one for one in steps if one.room is Room.GATE}
    found = sorted(
        (one for one in payouts if is_in_doubt(one, before)),
        key=lambda one: (one.created_at, one.id),
    )
    first = (page.number - 1) * page.size
    views = [_in_doubt(one, gates.get(one.end_to_end_id)) for one in found]
    return views[first : first + page.size], len(found)


def is_in_doubt(order: Payout | Refund, before: datetime) -> bool:
    """Nobody answered for it, or it was accepted before then and has not ended."""
    is_late = order.stage is PayoutStage.SENT and order.created_at < before
    return order.stage is PayoutStage.IN_DOUBT or is_late


def _in_doubt(payout: Payout, gate: Step | None) -> InDoubt:
    tried, answered = tried_and_answered(None if gate is None else gate.detail)
    return InDoubt(
        id=payout.id,
        merchant_id=payout.merchant_id,
        account_id=payout.account_id,
        end_to_end_id=payout.end_to_end_id,
        amount=payout.amount,
        stage=payout.stage,
        created_at=payout.created_at,
        tried=tried,
        tried_at=None if gate is None else gate.left_at,
        answered=answered,
    )


def payouts_page(
    payouts: Iterable[Payout], merchant_id: str, wanted: PayoutsWanted, page: Page
) -> tuple[list[Payout], int]:
    found = [
        one
        for one in payouts
        if one.merchant_id == merchant_id
        and (wanted.stages is None or one.stage in wanted.stages)
        and wanted.account_id in {None, one.account_id}
        and wanted.end_to_end_id in {None, one.end_to_end_id}
        and _within(one.created_at, wanted)
    ]
    return _page(found, page)


def _within(at: datetime, wanted: Any) -> bool:
    return (wanted.since is None or at >= wanted.since) and (
        wanted.until is None or at < wanted.until
    )


def _page(found: list[Listed], page: Page) -> tuple[list[Listed], int]:
    found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
    first = (page.number - 1) * page.size
    return found[first : first + page.size], len(found)
