"""`ports.Store` in memory: the promises of the Postgres store, kept with dictionaries.

Each method is one transaction: it waits once, at its beginning, and then does all or nothing. The
ledger is looked into for `prove_books` only. Faults, clock and the rest are in `memory_world`.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import trio

from fluxiq.domain.fee import NO_FEE, AgreedFee
from fluxiq.domain.payout import NOT_ORDERED, TERMINAL, TRANSITIONS
from fluxiq.domain.postings import payout_hold_id
from fluxiq.domain.records import (
    Account,
    ApiKey,
    Charge,
    ChargeStatus,
    Event,
    InboxEntry,
    Merchant,
    OutboxEntry,
    Payout,
    PayoutStage,
    PixKey,
    Receipt,
    ReceiptReason,
    Refund,
    Step,
    TransferFlags,
)
from fluxiq.errors import Refused, Unavailable
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports import (
    Archived,
    Books,
    ChargeOpening,
    Differs,
    Enrollment,
    Fresh,
    HoldSettled,
    Idempotency,
    Limited,
    NoticeRecorded,
    Opening,
    OutboxDraft,
    OutcomeArchived,
    Page,
    PayoutOpening,
    ReceiptArchived,
    ReceiptContext,
    Replay,
    Running,
)
from tests.support.memory_limits import MemoryLimitRows
from tests.support.memory_webhooks import MemoryWebhooks

KEY_LIFE = timedelta(days=30)
FIRST_RETURN_SECONDS = 10.0
RETURN_SECONDS_MAX = 300.0

_STEPS = {(a, b) for (a, _), b in TRANSITIONS.items() if a not in NOT_ORDERED}
_AT_PROVIDER = {PayoutStage.SENT, PayoutStage.IN_DOUBT}


@dataclass
class Answered:
    """An idempotency key: what it stands for, and what a replay gets (None: being worked on)."""

    digest: bytes
    resource_id: str
    at: datetime
    replay: Replay | None = None


@dataclass
class Owed:
    """A row of the outbox; with `work` it comes back until that work is done."""

    entry: OutboxEntry
    work: str | None
    due_at: datetime


class MemoryStore:
    """The records of one institution. Public attributes are the tables, for tests to look at."""

    def __init__(self, ispb: str, ledger: ModelLedger) -> None:
        self.ispb = ispb
        self.api_keys: dict[bytes, ApiKey] = {}
        self.merchants: dict[str, Merchant] = {}
        self.accounts: dict[str, Account] = {}
        self.pix_keys: dict[str, PixKey] = {}
        self.charges: dict[str, Charge] = {}
        self.receipts: dict[str, Receipt] = {}
        self.payouts_by_id: dict[str, Payout] = {}
        self.agreed_fees: dict[str, list[AgreedFee]] = {}  # `memory_fees` keeps them
        self.refunds_by_id: dict[str, Refund] = {}  # `memory_refunds` keeps them
        self.limits = MemoryLimitRows()
        self.answers: dict[tuple[str, str], Answered] = {}
        self.inbox: dict[tuple[str, str], InboxEntry] = {}
        self.inbox_done: set[str] = set()
        self.outbox: dict[int, Owed] = {}
        self.events: list[Event] = []
        self.webhooks = MemoryWebhooks()
        self.steps: list[Step] = []
        self.notes: list[str] = []  # why notices changed nothing
        self._ledger = ledger
        self._numbers = itertools.count(1)

    # who

    async def find_api_key(self, key_hash: bytes) -> ApiKey | None:
        await trio.lowlevel.checkpoint()
        return self.api_keys.get(key_hash)

    async def enroll(self, enrollment: Enrollment) -> Opening:
        if enrollment.idempotency is not None:
            known = self._claim(
                self.ispb,
                enrollment.idempotency,
                enrollment.merchant.id,
                enrollment.merchant.created_at,
                Replay(True, enrollment.refusal),
            )
            if known is not None:
                return known
        await self.add_account(enrollment.account, enrollment.keys, enrollment.event)
        await self.add_merchant(enrollment.merchant)
        await self.add_api_key(enrollment.api_key)
        if enrollment.fee is not None:
            self.agreed_fees[enrollment.merchant.id] = [enrollment.fee]
        return Fresh()

    async def add_merchant(self, merchant: Merchant) -> None:
        await trio.lowlevel.checkpoint()
        self.merchants.setdefault(merchant.id, merchant)

    async def find_merchant(self, merchant_id: str) -> Merchant | None:
        await trio.lowlevel.checkpoint()
        return self.merchants.get(merchant_id)

    async def add_api_key(self, key: ApiKey) -> None:
        await trio.lowlevel.checkpoint()
        self.api_keys[key.key_hash] = key

    async def add_account(self, account: Account, keys: Sequence[PixKey], event: Event) -> None:
        await trio.lowlevel.checkpoint()
        for key in keys:
            if self.pix_keys.get(key.key, key).account_id != account.id:
                raise Refused("pix_key_taken", "this PIX key is taken", field="pix_key")

        if account.id not in self.accounts:
            self.accounts[account.id] = account
            self.pix_keys.update({key.key: key for key in keys})
            self._tell(event, None)

    async def find_account(self, account_id: str) -> Account | None:
        await trio.lowlevel.checkpoint()
        return self.accounts.get(account_id)

    async def list_accounts(self, merchant_id: str, page: Page) -> tuple[list[Account], int]:
        await trio.lowlevel.checkpoint()
        own = [one for one in self.accounts.values() if one.merchant_id == merchant_id]
        first = (page.number - 1) * page.size
        return own[first : first + page.size], len(own)

    async def pix_keys_of(self, account_id: str) -> list[PixKey]:
        await trio.lowlevel.checkpoint()
        return [one for one in self.pix_keys.values() if one.account_id == account_id]

    async def find_pix_key(self, key: str) -> PixKey | None:
        await trio.lowlevel.checkpoint()
        return self.pix_keys.get(key)

    # PIX in

    async def open_charge(self, opening: ChargeOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        charge = opening.charge
        if opening.idempotency is not None:
            done = Replay(False, opening.response)
            known = self._claim(
                charge.merchant_id, opening.idempotency, charge.id, charge.created_at, done
            )
            if known is not None:
                return known

        self.charges[charge.id] = charge
        return Fresh(self._tell(opening.event, None))

    async def find_charge(self, charge_id: str) -> Charge | None:
        await trio.lowlevel.checkpoint()
        return self.charges.get(charge_id)

    async def overdue_charges(self, before: datetime, limit: int) -> list[Charge]:
        await trio.lowlevel.checkpoint()
        pending = [one for one in self.charges.values() if one.status is ChargeStatus.PENDING]
        return [one for one in pending if one.expires_at < before][:limit]

    async def archive_expiries(self, batch: Sequence[tuple[Charge, Event]]) -> Archived:
        await trio.lowlevel.checkpoint()
        told: list[str] = []
        for charge, event in batch:
            known = self.charges[charge.id]
            if known.status is ChargeStatus.PENDING:
                expired = msgspec.structs.replace(known, status=ChargeStatus.EXPIRED)
                self.charges[charge.id] = expired
                told += self._tell(event, None)
        return _archived(told)

    async def record_notices(self, batch: Sequence[NoticeRecorded]) -> list[bool]:
        await trio.lowlevel.checkpoint()
        new = []
        for one in batch:
            name = (one.entry.provider, one.entry.notice.event_id)
            new.append(name not in self.inbox)
            if new[-1]:
                self.inbox[name] = one.entry
                self.steps += one.steps
                self._announce(one.message, one.entry.id, one.entry.received_at)
        return new

    async def receipt_contexts(self, entries: Sequence[InboxEntry]) -> list[ReceiptContext]:
        await trio.lowlevel.checkpoint()
        return [self._context(entry) for entry in entries]

    async def archive_receipts(self, batch: Sequence[ReceiptArchived]) -> Archived:
        await trio.lowlevel.checkpoint()
        told: list[str] = []
        stands = [one for one in batch if one.receipt is None or self._stands(one.receipt)]
        for one in stands:
            if one.receipt is not None and one.receipt.end_to_end_id not in self.receipts:
                told += self._keep(one.receipt, one.event)
            self.steps += one.steps
        self._done(one.inbox_id for one in stands)
        if len(stands) < len(batch):
            raise Unavailable("archive", "a charge changed while its receipt was studied")
        return _archived(told)

    # PIX out

    async def find_opening(
        self, merchant_id: str, idempotency: Idempotency, now: datetime
    ) -> Replay | Running | Differs | None:
        await trio.lowlevel.checkpoint()
        known = self.answers.get((merchant_id, idempotency.key))
        if known is None or known.at <= now - KEY_LIFE:
            return None
        if known.digest != idempotency.digest:
            return Differs()
        return known.replay or Running(known.resource_id)

    async def open_payout(self, opening: PayoutOpening) -> Opening | Limited:
        await trio.lowlevel.checkpoint()
        payout = opening.payout
        if opening.bounds is not None and not self.limits.fits([(payout, opening.bounds)]):
            return Limited()

        known = self._claim(
            payout.merchant_id, opening.idempotency, payout.id, payout.created_at, None
        )
        if known is not None:
            return known

        if opening.bounds is not None:
            self.limits.count(payout, opening.bounds)
        self.payouts_by_id[payout.id] = payout
        self.steps += opening.steps
        return Fresh()

    async def settle_hold(self, settled: HoldSettled) -> Archived:
        await trio.lowlevel.checkpoint()
        hold = settled.hold
        payout = self.payouts_by_id[hold.payout_id]
        if payout.stage is not PayoutStage.CREATED:
            return Archived()

        refused = hold.failure_code is not None
        self.payouts_by_id[payout.id] = msgspec.structs.replace(
            payout,
            stage=PayoutStage.FAILED if refused else PayoutStage.HELD,
            updated_at=hold.at,
            failure_code=hold.failure_code,
        )
        if refused:
            self.limits.give_back(payout)
        for answered in self.answers.values():
            if answered.resource_id == payout.id and answered.replay is None:
                answered.replay = Replay(refused, settled.response)

        self.steps += settled.steps
        if settled.order is not None:
            self._announce(settled.order, payout.id, hold.at)
        return _archived(self._tell(settled.event, payout.end_to_end_id))

    async def find_payout(self, payout_id: str) -> Payout | None:
        await trio.lowlevel.checkpoint()
        return self.payouts_by_id.get(payout_id)

    async def payouts(self, end_to_end_ids: Sequence[str]) -> dict[str, Payout]:
        await trio.lowlevel.checkpoint()
        wanted = set(end_to_end_ids)
        return {
            one.end_to_end_id: one
            for one in self.payouts_by_id.values()
            if one.end_to_end_id in wanted
        }

    async def mark_sent(self, payouts: Sequence[Payout], steps: Sequence[Step]) -> None:
        await trio.lowlevel.checkpoint()
        for asked in payouts:
            known = self.payouts_by_id[asked.id]
            if asked.stage in _AT_PROVIDER:
                if known.stage is asked.stage or (known.stage, asked.stage) in _STEPS:
                    self.payouts_by_id[known.id] = msgspec.structs.replace(
                        known,
                        stage=asked.stage,
                        updated_at=max(known.updated_at, asked.updated_at),
                    )
                self._done([known.id])
        self.steps += steps

    async def archive_outcomes(self, batch: Sequence[OutcomeArchived]) -> Archived:
        await trio.lowlevel.checkpoint()
        told: list[str] = []
        for one in batch:
            told += self._end(one)
            self.steps += one.steps
            if one.inbox_id is not None:
                self._done([one.inbox_id])
        return _archived(told)

    async def unheld_payouts(self, before: datetime, limit: int) -> list[Payout]:
        await trio.lowlevel.checkpoint()
        return self._left_since(before, {PayoutStage.CREATED}, limit)

    async def unanswered_payouts(self, before: datetime, limit: int) -> list[Payout]:
        await trio.lowlevel.checkpoint()
        return self._left_since(before, _AT_PROVIDER, limit)

    # telling

    async def record_steps(self, steps: Sequence[Step]) -> None:
        await trio.lowlevel.checkpoint()
        self.steps += steps

    async def payment_owner(self, end_to_end_id: str) -> str | None:
        await trio.lowlevel.checkpoint()
        if (receipt := self.receipts.get(end_to_end_id)) is not None:
            return receipt.merchant_id
        out = (p for p in self.payouts_by_id.values() if p.end_to_end_id == end_to_end_id)
        return next((payout.merchant_id for payout in out), None)

    async def walk(self, end_to_end_id: str) -> list[Step]:
        await trio.lowlevel.checkpoint()
        own = {step for step in self.steps if step.end_to_end_id == end_to_end_id}
        return sorted(own, key=lambda step: (step.entered_at, step.left_at))

    async def prove_books(self) -> Books:
        await trio.lowlevel.checkpoint()
        balances = [one.balance for one in self._ledger.cluster.all_accounts()]
        stages = Counter(one.stage.value for one in self.payouts_by_id.values())
        return Books(
            debits_posted=sum(one.debits_posted for one in balances),
            credits_posted=sum(one.credits_posted for one in balances),
            debits_pending=sum(one.debits_pending for one in balances),
            credits_pending=sum(one.credits_pending for one in balances),
            payouts_open=sum(
                p.stage not in TERMINAL and p.stage is not PayoutStage.SCHEDULED
                for p in self.payouts_by_id.values()
            ),
            payouts_by_stage=dict(stages),
            refunds_open=sum(one.stage not in TERMINAL for one in self.refunds_by_id.values()),
            refunds_by_stage=dict(Counter(one.stage.value for one in self.refunds_by_id.values())),
            inbox_open=len(self.inbox) - len(self.inbox_done),
            mismatches=tuple(self._mismatches()),
        )

    # what is owed to the bus

    async def due_outbox(self, now: datetime, limit: int) -> list[OutboxEntry]:
        await trio.lowlevel.checkpoint()
        due = [one for one in self.outbox.values() if one.due_at <= now]
        due.sort(key=lambda one: (one.due_at, one.entry.id))
        return [msgspec.structs.replace(one.entry, due_at=one.due_at) for one in due[:limit]]

    async def outbox_published(self, entries: Sequence[OutboxEntry], now: datetime) -> None:
        await trio.lowlevel.checkpoint()
        for entry in entries:
            owed = self.outbox.get(entry.id)
            if owed is None:
                continue
            if owed.work is None:
                del self.outbox[entry.id]
                continue
            tried = owed.entry.attempt
            pause = min(FIRST_RETURN_SECONDS * 2 ** min(tried, 20), RETURN_SECONDS_MAX)
            owed.due_at = now + timedelta(seconds=pause)
            owed.entry = msgspec.structs.replace(owed.entry, attempt=tried + 1)

    # Helpers, in call order. None of them waits.

    def _claim(
        self,
        merchant_id: str,
        asked: Idempotency,
        resource_id: str,
        at: datetime,
        done: Replay | None,
    ) -> Opening | None:
        """None when the key is free, and then it is taken."""
        known = self.answers.get((merchant_id, asked.key))
        if known is None or known.at <= at - KEY_LIFE:
            self.answers[merchant_id, asked.key] = Answered(asked.digest, resource_id, at, done)
            return None
        if known.digest != asked.digest:
            return Differs()
        return known.replay or Running(known.resource_id)

    def _context(self, entry: InboxEntry) -> ReceiptContext:
        notice = entry.notice
        named = (one for one in self.charges.values() if one.txid == notice.txid)
        charge = next(named, None)
        key = self.pix_keys.get(notice.pix_key or "")
        key_owner = self.accounts[key.account_id] if key else None
        charge_owner = self.accounts[charge.account_id] if charge else None
        credited = key_owner or charge_owner
        agreed = self.agreed_fees.get(credited.merchant_id, []) if credited else []
        return ReceiptContext(
            charge=charge,
            key_owner=key_owner,
            charge_owner=charge_owner,
            receipt=self.receipts.get(notice.end_to_end_id),
            fee=agreed[-1].plan if agreed else NO_FEE,
        )

    def _stands(self, receipt: Receipt) -> bool:
        """The charge has the last word: one that is not pending is not paid."""
        if receipt.reason is not ReceiptReason.PAYS_CHARGE:
            return True
        if receipt.end_to_end_id in self.receipts:
            return True
        return self.charges[receipt.charge_id or ""].status is ChargeStatus.PENDING

    def _keep(self, receipt: Receipt, event: Event | None) -> tuple[str, ...]:
        if receipt.reason is ReceiptReason.PAYS_CHARGE:
            assert receipt.charge_id is not None, "what pays a charge names it"
            charge = self.charges[receipt.charge_id]
            self.charges[charge.id] = msgspec.structs.replace(
                charge,
                status=ChargeStatus.PAID,
                paid_at=receipt.received_at,
                end_to_end_id=receipt.end_to_end_id,
                fee=receipt.fee,
            )

        self.receipts[receipt.end_to_end_id] = receipt
        return () if event is None else self._tell(event, receipt.end_to_end_id)

    def _end(self, one: OutcomeArchived) -> tuple[str, ...]:
        outcome = one.outcome
        if outcome is None:
            self.notes.append(one.note)
            return ()

        known = self.payouts_by_id[outcome.payout.id]
        self._done([known.id])
        if (known.stage, outcome.stage) not in _STEPS:
            self.notes.append(one.note or "the payout had ended before")
            return ()

        self.payouts_by_id[known.id] = msgspec.structs.replace(
            known,
            stage=outcome.stage,
            updated_at=outcome.at,
            failure_code=outcome.failure_code,
            reason_code=outcome.reason_code,
        )
        if outcome.stage is PayoutStage.FAILED:
            self.limits.give_back(known)
        return () if one.event is None else self._tell(one.event, known.end_to_end_id)

    def _tell(self, event: Event, reference: str | None) -> tuple[str, ...]:
        """An event, its announcement, and what is owed to the endpoints that want it."""
        self.events.append(event)
        body = msgspec.json.encode(event)
        subject = f"FLUXIQ.{self.ispb}.events.{event.merchant_id}"
        draft = OutboxDraft(subject=subject, reference=event.id, body=body)
        self._announce(draft, None, event.created_at)

        return self.webhooks.owe(event, body, reference)

    def _announce(self, draft: OutboxDraft, work: str | None, due_at: datetime) -> None:
        number = next(self._numbers)
        entry = OutboxEntry(
            id=number,
            subject=draft.subject,
            reference=draft.reference,
            body=draft.body,
            attempt=0,
        )
        self.outbox[number] = Owed(entry, work, due_at)

    def _done(self, works: Iterable[str]) -> None:
        """Close the visitors' book and take the announcements of this work out of the outbox."""
        ended = set(works)
        self.inbox_done |= ended & {entry.id for entry in self.inbox.values()}
        self.outbox = {k: one for k, one in self.outbox.items() if one.work not in ended}

    def _left_since(self, before: datetime, stages: set[PayoutStage], limit: int) -> list[Payout]:
        left = [
            one
            for one in self.payouts_by_id.values()
            if one.stage in stages and one.updated_at < before
        ]
        return sorted(left, key=lambda one: one.updated_at)[:limit]

    def _mismatches(self) -> Iterable[str]:
        """Payouts whose end on record is not the end of their hold."""
        wanted = {
            PayoutStage.CONFIRMED: TransferFlags.POST_PENDING_TRANSFER,
            PayoutStage.FAILED: TransferFlags.VOID_PENDING_TRANSFER,
            PayoutStage.RETURNED: TransferFlags.POST_PENDING_TRANSFER,
        }
        for payout in self.payouts_by_id.values():
            hold = payout_hold_id(self.ispb, payout.end_to_end_id)
            ending = self._ledger.cluster.resolutions.get(hold)
            was_held = hold in self._ledger.cluster.transfers
            may_lack = payout.stage in {PayoutStage.FAILED, PayoutStage.CANCELLED}
            never_held = may_lack and not was_held
            if payout.stage in TERMINAL and not never_held:
                flags = None if ending is None else ending.flags
                if flags is None or flags != wanted.get(payout.stage):
                    yield f"{payout.end_to_end_id} is {payout.stage} but its hold says {flags!r}"


def _archived(endpoint_ids: Iterable[str]) -> Archived:
    return Archived(endpoint_ids=tuple(sorted(set(endpoint_ids))))
