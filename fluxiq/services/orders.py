"""What payouts and refunds have in common once they are held: both are orders to a provider.

The Gate (`dispatch_orders`) sends and asks, the Vault and the Archive (`settle_orders`) end them;
both do so for either kind. What differs is said by an `OrderKind`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import Payout, Refund, Step, Transfer
from fluxiq.ports import OrderAnswer, OutboxDraft
from fluxiq.services.tenant import Tenant

O = TypeVar("O", Payout, Refund)  # noqa: E741  an order


class Verdict(Struct, Generic[O], frozen=True, kw_only=True):
    """Somebody said that an order ended so: a notice of the visitors' book, or an enquiry."""

    order: O | None  # None: no order has this id
    order_id: str
    event: PayoutEvent
    reason_code: str | None = None
    inbox_id: str | None = None
    said_at: datetime | None = None


class Judged(Struct, Generic[O], frozen=True, kw_only=True):
    """What a verdict did: `ended` is the order as it is now, None when nothing changed."""

    verdict: Verdict[O]
    ended: O | None
    steps: tuple[Step, ...] = ()
    note: str = ""  # why nothing changed; goes to the audit trail


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKind(Generic[O]):
    """One kind of order: where its records are, how it is sent, and what ends its hold."""

    find: Callable[[Tenant, Sequence[str]], Awaitable[Mapping[str, O]]]  # by order id
    unanswered: Callable[[Tenant, datetime, int], Awaitable[Sequence[O]]]
    draft: Callable[[Tenant, O], OutboxDraft]  # what announces a held one to its worker
    send: Callable[[Tenant, O], Awaitable[OrderAnswer]]
    mark_sent: Callable[[Tenant, Sequence[O], Sequence[Step]], Awaitable[None]]

    # What posts (CONFIRMED) or voids (FAILED) the hold: one transfer, or a chain of them.
    resolve: Callable[[Tenant, O, PayoutEvent], Sequence[Transfer]]

    # One transaction; returns the webhook endpoints that have something to deliver.
    archive: Callable[[Tenant, Sequence[Judged[O]]], Awaitable[Sequence[str]]]
