"""`Customers`, `PaymentSearch`, `Payers` and `Statistics` in memory, over other twins' tables.

The stores say the same in SQL, and `test_store_overview` holds both to the same expectations.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import trio

from fluxiq.domain import payout, refund, transfer
from fluxiq.domain.records import (
    Account,
    AccountStatus,
    ApiKey,
    Charge,
    ChargeStatus,
    Merchant,
    Payout,
    PayoutStage,
    Receipt,
    ReceiptReason,
    Refund,
)
from fluxiq.domain.statistics import Seconds, Span, series
from fluxiq.domain.transfer import BookTransfer
from fluxiq.domain.user import User, UserStatus
from fluxiq.domain.words import folded
from fluxiq.ports import Page
from fluxiq.ports.customers import Customer, CustomersWanted
from fluxiq.ports.payers import Payer
from fluxiq.ports.payment_search import FOUND_MAX, PaymentKind, PaymentRow, PaymentsWanted
from fluxiq.ports.statistics import Moment, PaymentStatistics
from tests.support.memory_payments import is_in_doubt

_ENDED = {PayoutStage.CONFIRMED, PayoutStage.FAILED}
_PAID = {ChargeStatus.PAID, ChargeStatus.REFUNDED}


@dataclass
class Tables:
    """The tables that are looked at, as they are kept elsewhere."""

    merchants: Mapping[str, Merchant]
    accounts: Mapping[str, Account]
    api_keys: Mapping[bytes, ApiKey]
    users: Mapping[str, User]
    charges: Mapping[str, Charge]
    payouts: Mapping[str, Payout]
    receipts: Mapping[str, Receipt] = field(default_factory=dict)
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    transfers: Mapping[str, BookTransfer] = field(default_factory=dict)


class MemoryCustomers:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def page(self, wanted: CustomersWanted, page: Page) -> tuple[list[Customer], int]:
        await trio.lowlevel.checkpoint()
        found = [
            one
            for one in self._tables.merchants.values()
            if wanted.document in {None, one.document}
            and (wanted.name is None or folded(wanted.name) in folded(one.name))
        ]
        found.sort(key=lambda one: one.id, reverse=True)
        return [self._counted(one) for one in _cut(found, page)], len(found)

    async def find(self, merchant_id: str) -> Customer | None:
        await trio.lowlevel.checkpoint()
        merchant = self._tables.merchants.get(merchant_id)
        return None if merchant is None else self._counted(merchant)

    def _counted(self, merchant: Merchant) -> Customer:
        tables = self._tables
        accounts = [one for one in tables.accounts.values() if one.merchant_id == merchant.id]
        users = [one for one in tables.users.values() if one.merchant_id == merchant.id]
        keys = [one for one in tables.api_keys.values() if one.merchant_id == merchant.id]
        return Customer(
            merchant=merchant,
            accounts=len(accounts),
            blocked_accounts=sum(one.status is AccountStatus.BLOCKED for one in accounts),
            users=sum(one.status is not UserStatus.REMOVED for one in users),
            api_keys=sum(one.revoked_at is None for one in keys),
            webhooks=0,
        )


class MemoryPaymentSearch:
    """`behind` is what other ids are about, `jobs` who holds which key."""

    def __init__(self, tables: Tables) -> None:
        self.behind: dict[str, list[str]] = {}
        self.jobs: dict[tuple[str, str], str] = {}
        self._tables = tables

    async def page(self, wanted: PaymentsWanted, page: Page) -> tuple[list[PaymentRow], int]:
        await trio.lowlevel.checkpoint()
        found = [row for row, accounts in self._rows() if _fits(row, accounts, wanted)]
        return _cut(_newest(found), page), min(len(found), FOUND_MAX)

    async def named(self, names: Sequence[str]) -> list[PaymentRow]:
        await trio.lowlevel.checkpoint()
        txids = {one.id: one.txid for one in self._tables.charges.values()}
        return _newest(
            row
            for row, _ in self._rows()
            if {row.id, row.end_to_end_id, row.gives_back, txids.get(row.id)} & set(names)
        )

    async def names_behind(self, text: str) -> list[str]:
        await trio.lowlevel.checkpoint()
        return self.behind.get(text, [text])

    async def jobs_holding(self, kind: str, keys: Sequence[str]) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [self.jobs[kind, key] for key in keys if (kind, key) in self.jobs]

    def _rows(self) -> Iterator[tuple[PaymentRow, set[str | None]]]:
        tables = self._tables
        for charge in tables.charges.values():
            yield _of_charge(charge), {charge.account_id}
        for receipt in tables.receipts.values():
            yield _of_receipt(receipt), {receipt.account_id}
        for one in tables.payouts.values():
            yield _of_payout(one), {one.account_id}
        for given in tables.refunds.values():
            yield _of_refund(given), {given.account_id}
        for moved in tables.transfers.values():
            yield _of_transfer(moved), {moved.source_account_id, moved.destination_account_id}


class MemoryPayers:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def page(self, merchant_id: str, page: Page) -> tuple[list[Payer], int]:
        await trio.lowlevel.checkpoint()
        by_document: dict[str, list[Receipt]] = {}
        for one in self._tables.receipts.values():
            if one.merchant_id == merchant_id and one.payer is not None and one.payer.document:
                by_document.setdefault(one.payer.document, []).append(one)
        found = [_payer(receipts) for receipts in by_document.values()]
        found.sort(key=lambda one: (one.last_at, one.last_payment_id), reverse=True)
        return _cut(found, page), len(found)

    async def index(self, after: str, limit: int) -> str | None:
        """All are indexed here."""
        del after, limit
        await trio.lowlevel.checkpoint()
        return None


class MemoryStatistics:
    """`waiting` is what waits for operators: dead letters and differences."""

    def __init__(self, tables: Tables, waiting: Callable[[], tuple[int, int]]) -> None:
        self._tables = tables
        self._waiting = waiting

    async def payments(self, span: Span, merchant_id: str | None) -> PaymentStatistics:
        await trio.lowlevel.checkpoint()
        created = [
            one
            for one in self._tables.charges.values()
            if span.since <= one.created_at < span.until and merchant_id in {None, one.merchant_id}
        ]
        happened = [
            *((one.created_at, "charges_created", 1, one.amount) for one in created),
            *self._ended(span.since, span.until, merchant_id),
        ]
        took = sorted(
            (one.updated_at - one.created_at).total_seconds()
            for one in self._tables.payouts.values()
            if one.stage in _ENDED
            and span.since <= one.updated_at < span.until
            and merchant_id in {None, one.merchant_id}
            and one.scheduled_for is None
            and not one.returned_amount
        )
        return PaymentStatistics(
            buckets=series(span, happened),
            charges_converted=sum(one.status in _PAID for one in created),
            payout_seconds=_seconds(took),
            charge_seconds=None,  # walks are not looked at here
        )

    async def moment(self, now: datetime, accepted_before: datetime) -> Moment:
        await trio.lowlevel.checkpoint()
        microsecond = timedelta(microseconds=1)
        counts: dict[str, int] = {}
        amount = 0
        since = now - timedelta(minutes=1) + microsecond
        for _, what, count, moved in self._ended(since, now + microsecond, None):
            counts[what] = counts.get(what, 0) + count
            amount += moved if what in {"charges_paid", "payouts_confirmed"} else 0
        orders: list[Payout | Refund] = [
            *self._tables.payouts.values(), *self._tables.refunds.values()
        ]  # fmt: skip
        doubted = [one.updated_at for one in orders if is_in_doubt(one, accepted_before)]
        dead_letters, differences = self._waiting()
        return Moment(
            charges_paid=counts.get("charges_paid", 0),
            payouts_confirmed=counts.get("payouts_confirmed", 0),
            payouts_failed=counts.get("payouts_failed", 0),
            amount=amount,
            in_doubt=len(doubted),
            oldest_in_doubt_at=min(doubted, default=None),
            dead_letters=dead_letters,
            differences=differences,
        )

    def _ended(
        self, since: datetime, until: datetime, merchant_id: str | None
    ) -> Iterator[tuple[datetime, str, int, int]]:
        def is_asked(at: datetime, whose: str | None) -> bool:
            return since <= at < until and merchant_id in {None, whose}

        tables = self._tables
        for one in tables.receipts.values():
            is_paying = one.reason is ReceiptReason.PAYS_CHARGE
            if is_paying and is_asked(one.received_at, one.merchant_id):
                yield one.received_at, "charges_paid", 1, one.amount
        for order in tables.payouts.values():
            if order.stage in _ENDED and is_asked(order.updated_at, order.merchant_id):
                yield order.updated_at, f"payouts_{order.stage}", 1, order.amount
        for given in tables.refunds.values():
            is_over = given.stage is PayoutStage.CONFIRMED
            if is_over and is_asked(given.updated_at, given.merchant_id):
                yield given.updated_at, "refunds_completed", 1, given.amount


def _cut(found: Sequence, page: Page) -> list:  # type: ignore[type-arg]  # of anything
    first = (page.number - 1) * page.size
    return list(found[first : first + page.size])


def _newest(rows: Iterable[PaymentRow]) -> list[PaymentRow]:
    return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)


def _fits(row: PaymentRow, accounts: set[str | None], wanted: PaymentsWanted) -> bool:
    return (
        wanted.kind in {None, row.kind}
        and wanted.status in {None, row.status}
        and wanted.merchant_id in {None, row.merchant_id}
        and (wanted.account_id is None or wanted.account_id in accounts)
        and (wanted.amount_min is None or row.amount >= wanted.amount_min)
        and (wanted.amount_max is None or row.amount <= wanted.amount_max)
        and (wanted.since is None or row.created_at >= wanted.since)
        and (wanted.until is None or row.created_at < wanted.until)
    )


def _of_charge(one: Charge) -> PaymentRow:
    return PaymentRow(
        id=one.id,
        kind=PaymentKind.CHARGE,
        merchant_id=one.merchant_id,
        account_id=one.account_id,
        amount=one.amount,
        status=one.status,
        end_to_end_id=one.end_to_end_id,
        created_at=one.created_at,
        ended_at=one.paid_at,
    )


def _of_receipt(one: Receipt) -> PaymentRow:
    return PaymentRow(
        id=one.id,
        kind=PaymentKind.RECEIPT,
        merchant_id=one.merchant_id,
        account_id=one.account_id,
        amount=one.amount,
        status="unidentified" if one.account_id is None else "credited",
        end_to_end_id=one.end_to_end_id,
        created_at=one.received_at,
        ended_at=one.received_at,
    )


def _of_payout(one: Payout) -> PaymentRow:
    return PaymentRow(
        id=one.id,
        kind=PaymentKind.PAYOUT,
        merchant_id=one.merchant_id,
        account_id=one.account_id,
        amount=one.amount,
        status=payout.public_status(one.stage),
        end_to_end_id=one.end_to_end_id,
        created_at=one.created_at,
        ended_at=one.updated_at if one.stage in payout.TERMINAL else None,
    )


def _of_refund(one: Refund) -> PaymentRow:
    return PaymentRow(
        id=one.id,
        kind=PaymentKind.REFUND,
        merchant_id=one.merchant_id,
        account_id=one.account_id,
        amount=one.amount,
        status=refund.public_status(one.stage),
        end_to_end_id=one.return_id,
        created_at=one.created_at,
        ended_at=one.updated_at if one.stage in _ENDED else None,
        gives_back=one.end_to_end_id,
    )


def _of_transfer(one: BookTransfer) -> PaymentRow:
    return PaymentRow(
        id=one.id,
        kind=PaymentKind.TRANSFER,
        merchant_id=one.merchant_id,
        account_id=one.source_account_id,
        amount=one.amount,
        status=transfer.PUBLIC_STATUS[one.stage],
        end_to_end_id=None,
        created_at=one.created_at,
        ended_at=one.updated_at if one.stage in transfer.TERMINAL else None,
    )


def _payer(receipts: Sequence[Receipt]) -> Payer:
    last = max(receipts, key=lambda one: one.id)
    assert last.payer is not None, "whoever is counted was named"
    return Payer(
        name=last.payer.name,
        document=last.payer.document,
        payments=len(receipts),
        amount=sum(one.amount for one in receipts),
        last_at=max(one.received_at for one in receipts),
        last_payment_id=last.id,
    )


def _seconds(took: Sequence[float]) -> Seconds | None:
    """Percentiles between the two next to them, as PostgreSQL's `percentile_cont`."""
    if not took:
        return None

    def at(part: float) -> float:
        place = part * (len(took) - 1)
        low = int(place)
        high = min(low + 1, len(took) - 1)
        return round(took[low] + (took[high] - took[low]) * (place - low), 3)

    return Seconds(count=len(took), p50=at(0.5), p95=at(0.95), p99=at(0.99))
