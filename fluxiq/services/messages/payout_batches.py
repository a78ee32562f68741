"""Many payouts in one request: what merchants say, and what they are told of each line."""

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.payouts import OpenPayout

P = TypeVar("P")


class PayoutLine(OpenPayout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An order with an idempotency key of its own: a batch that is sent again pays nobody twice."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)]


class OpenPayoutBatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`account_id` pays the lines that name none."""

    payouts: Annotated[tuple[PayoutLine, ...], Meta(min_length=1)]
    account_id: str | None = None


class LineError(Struct, frozen=True, kw_only=True):
    code: str
    message: str
    details: Json


class LineView(Struct, Generic[P], frozen=True, kw_only=True, omit_defaults=True):
    """What became of the line at `index` (from 0). `unknown`: it is on paper and will end by
    itself; ask for it, or send it again under the same key. Only `accepted` has a `payout`: to
    callers a PayoutView, here the bytes of one, as it was answered first.
    """

    index: int
    status: Literal["accepted", "refused", "unknown"]
    replayed: bool = False
    payout: P | None = None
    error: LineError | None = None


class BatchMeta(Struct, frozen=True, kw_only=True):
    accepted: int
    refused: int
    unknown: int


class BatchView(Struct, Generic[P], frozen=True, kw_only=True):
    """The lines in the order in which they were said."""

    data: list[LineView[P]]
    meta: BatchMeta
