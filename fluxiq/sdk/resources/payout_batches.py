"""Payouts that one person writes down together, and another one releases."""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Json, Page, Request, data, get, page_of, path, post, said


class Instruction(Struct, frozen=True, kw_only=True):
    """A line to be paid: `amount` in centavos; `reference` is your own name for it."""

    amount: int
    pix_key: str
    pix_key_type: str | None = None
    description: str | None = None
    reference: str | None = None


class LineFault(Struct, frozen=True, kw_only=True):
    """What is wrong with line `number`, from 1."""

    number: int
    code: str
    field: str | None
    message: str


class PayoutBatch(Struct, frozen=True, kw_only=True):
    """`status`: awaiting_release (until `expires_at`), releasing, released, rejected or expired."""

    id: str
    name: str
    status: str
    account_id: str
    line_count: int
    amount: int
    currency: str
    created_by: str
    decided_by: str | None
    decided_at: datetime | None
    reason: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime


class WrittenBatch(PayoutBatch, frozen=True, kw_only=True):
    """`skipped` are the lines that were left out as invalid."""

    skipped: tuple[LineFault, ...]


class PayoutBatchLine(Struct, frozen=True, kw_only=True):
    """`status` is that of its payout; before there is one waiting, or refused for `error_code`."""

    number: int
    status: str
    amount: int
    pix_key: str
    pix_key_type: str
    description: str
    reference: str
    payout_id: str | None
    error_code: str | None


class PayoutBatchTotal(Struct, frozen=True, kw_only=True):
    status: str
    line_count: int
    amount: int


class PayoutBatchWithLines(PayoutBatch, frozen=True, kw_only=True):
    totals: tuple[PayoutBatchTotal, ...]
    lines: tuple[PayoutBatchLine, ...]


class PayoutBatches(Resource[C]):
    @Call
    def create(
        self,
        lines: Iterable[Instruction],
        *,
        name: str,
        account_id: str | None = None,
        skip_invalid: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[WrittenBatch]:
        """Write up to 1,000 payouts down for somebody else to release. Nothing is held before."""
        body = said(
            name=name,
            lines=[_line(one) for one in lines],
            account_id=account_id,
            skip_invalid=skip_invalid,
        )
        return post("/pix/payout-batches", data(WrittenBatch), body, idempotency_key)

    @Call
    def get(self, payout_batch_id: str) -> Request[PayoutBatchWithLines]:
        where = path("/pix/payout-batches/{}", payout_batch_id)
        return get(where, data(PayoutBatchWithLines))

    @Call
    def release(self, payout_batch_id: str) -> Request[PayoutBatch]:
        """By somebody else than its maker. Twice is once."""
        return post(path("/pix/payout-batches/{}/release", payout_batch_id), data(PayoutBatch))

    @Call
    def reject(self, payout_batch_id: str, *, reason: str) -> Request[PayoutBatch]:
        """By its maker, or by who may release it. Twice is once."""
        where = path("/pix/payout-batches/{}/reject", payout_batch_id)
        return post(where, data(PayoutBatch), said(reason=reason))

    @List
    def list(
        self,
        *,
        status: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[Page[PayoutBatch]]:
        """Newest first; the days are UTC, both included."""
        return page_of(
            "/pix/payout-batches",
            PayoutBatch,
            status=status,
            start_date=start_date,
            end_date=end_date,
        )


def _line(one: Instruction) -> Json:
    return said(
        amount=one.amount,
        recipient=said(pix_key=one.pix_key, pix_key_type=one.pix_key_type),
        description=one.description,
        reference=one.reference,
    )
