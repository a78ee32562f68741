"""PIX out: pay somebody, or a thousand."""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec
from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import (
    Json,
    Page,
    Request,
    data,
    get,
    new_key,
    page_of,
    path,
    post,
    said,
    whole,
)
from fluxiq.sdk.resources.shared import Failure


class Holder(Struct, frozen=True, kw_only=True):
    name: str
    document: str


class RecipientAccount(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account to pay where there is no PIX key. `type`: CACC (checking), SVGS (savings), TRAN
    (payment) or SLRY (salary). Nobody confirms the holder before the payee's institution does; the
    answer has the holder's document masked.
    """

    ispb: str
    number: str
    type: str
    holder: Holder
    branch: str | None = None


class Recipient(Struct, frozen=True, kw_only=True):
    """Who owns a key, as DICT says; of an account, who was named as its holder."""

    name: str
    ispb: str
    pix_key: str | None = None
    pix_key_type: str | None = None
    account: RecipientAccount | None = None


class Payout(Struct, frozen=True, kw_only=True):
    """`status`: scheduled, processing, confirmed, failed, returned or cancelled."""

    id: str
    status: str
    amount: int
    currency: str
    description: str
    account_id: str
    end_to_end_id: str
    recipient: Recipient
    failure: Failure | None
    returned_amount: int
    created_at: datetime
    updated_at: datetime
    metadata: Json
    scheduled_for: date | None = None


class PayoutOrder(Struct, frozen=True, kw_only=True):
    """A line of a batch. Without an idempotency key it gets a new one: then only the call itself is
    safe to repeat, not a batch that is made again after a restart.
    """

    amount: int
    pix_key: str | None = None
    pix_key_type: str | None = None
    account: RecipientAccount | None = None
    description: str | None = None
    account_id: str | None = None
    metadata: Json | None = None
    idempotency_key: str | None = None


class LineError(Struct, frozen=True, kw_only=True):
    code: str
    message: str
    details: Json


class BatchLine(Struct, frozen=True, kw_only=True):
    """What became of the order at `index` (from 0). `status`: accepted, with a payout; refused,
    with an error; or unknown: send it again under the same key, or ask for it.
    """

    index: int
    status: str
    replayed: bool = False
    payout: Payout | None = None
    error: LineError | None = None


class BatchMeta(Struct, frozen=True, kw_only=True):
    accepted: int
    refused: int
    unknown: int


class Batch(Struct, frozen=True, kw_only=True):
    """`data` has a line for each order, in their order."""

    data: tuple[BatchLine, ...]
    meta: BatchMeta


class Payouts(Resource[C]):
    @Call
    def create(
        self,
        *,
        amount: int,
        pix_key: str | None = None,
        pix_key_type: str | None = None,
        account: RecipientAccount | None = None,
        description: str | None = None,
        account_id: str | None = None,
        metadata: Json | None = None,
        scheduled_for: date | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Payout]:
        """Pay `amount` centavos to who owns `pix_key`, or into `account`: one of the two. Accepted
        means held; the end is an event.

        Give your own `idempotency_key` (your order's number, say): then it is paid once even if
        your program dies in between and makes the call again. `scheduled_for` is a day in São
        Paulo, from tomorrow on.
        """
        body = said(
            amount=amount,
            recipient=said(pix_key=pix_key, pix_key_type=pix_key_type, account=account),
            description=description,
            account_id=account_id,
            metadata=metadata,
            scheduled_for=scheduled_for,
        )
        return post("/pix/payouts", data(Payout), body, idempotency_key)

    @Call
    def create_many(
        self, orders: Iterable[PayoutOrder], *, account_id: str | None = None
    ) -> Request[Batch]:
        """Pay up to 1,000 at once; no line is held up or undone by another. `account_id` pays what
        names no account.
        """
        body = said(payouts=[_line(order) for order in orders], account_id=account_id)
        return post("/pix/payouts/batch", whole(Batch), body)

    @Call
    def get(self, payout_id: str) -> Request[Payout]:
        return get(path("/pix/payouts/{}", payout_id), data(Payout))

    @Call
    def cancel(self, payout_id: str) -> Request[Payout]:
        """One that is scheduled, before its day. Twice is once."""
        return post(path("/pix/payouts/{}/cancel", payout_id), data(Payout))

    @List
    def list(
        self,
        *,
        status: str | None = None,
        account_id: str | None = None,
        end_to_end_id: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[Page[Payout]]:
        """Newest first; the days are UTC, both included."""
        return page_of(
            "/pix/payouts",
            Payout,
            status=status,
            account_id=account_id,
            end_to_end_id=end_to_end_id,
            start_date=start_date,
            end_date=end_date,
        )


def _line(order: PayoutOrder) -> Json:
    values = msgspec.structs.asdict(order)
    recipient = said(**{name: values.pop(name) for name in ("pix_key", "pix_key_type", "account")})
    key = values.pop("idempotency_key") or new_key()
    return said(**values, recipient=recipient, idempotency_key=key)
