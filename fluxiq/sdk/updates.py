"""What a live connection tells, as types; docs/live.md has the words of the protocol."""

from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from fluxiq.sdk.request import Json
from fluxiq.sdk.resources.accounts import Balance
from fluxiq.sdk.signatures import Event

PAYMENTS: Final = "payments"


class EventUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """An event, as webhooks tell it. Keep `sequence` with what you did about it: a connection that
    begins with `since=sequence` goes on behind it.
    """

    topic: str
    sequence: int
    event: Event


class AccountBalance(Balance, frozen=True, kw_only=True):
    account_id: str


class BalanceUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="balance"):
    """After a movement; the last one is the balance as it is."""

    topic: str
    balance: AccountBalance


class DeliveryEnd(Struct, frozen=True, kw_only=True):
    """`outcome`: delivered, retrying, or failed for good."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    attempt: int
    outcome: str
    status: int | None
    error: str
    at: datetime
    retry_at: datetime | None


class DeliveryUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="delivery"):
    """How an attempt to deliver a webhook ended."""

    topic: str
    delivery: DeliveryEnd


class LiveDataUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="live_data"):
    """`data` is the rate, flag or provider (`kind`) as it is now."""

    topic: str
    kind: str
    data: Json


class Refetch(Struct, frozen=True, kw_only=True, tag_field="type", tag="refetch"):
    """Some updates will not come: read the API again. Of events you were told all up to `since`,
    and the next is numbered above `sequence`; both are None for topics without numbers.
    """

    topics: tuple[str, ...]
    since: int | None = None
    sequence: int | None = None


Update: TypeAlias = EventUpdate | BalanceUpdate | DeliveryUpdate | LiveDataUpdate | Refetch


class Ready(Struct, frozen=True, kw_only=True, tag_field="type", tag="ready"):
    """Let in. Events up to `sequence` are on paper; None where no events were asked for."""

    topics: tuple[str, ...]
    sequence: int | None = None


class Ping(Struct, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """Is anybody there?"""


class ErrorSaid(Struct, frozen=True):
    code: str
    message: str
    details: Json = {}


class ErrorMeta(Struct, frozen=True):
    request_id: str | None = None


class Complaint(Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Why the server is about to hang up."""

    error: ErrorSaid
    meta: ErrorMeta = ErrorMeta()


Message: TypeAlias = Update | Ready | Ping | Complaint


def read(text: str) -> Message | None:
    """None for a word that came into the protocol after this package. Raises msgspec.DecodeError
    for what is no message of it.
    """
    return _decode(text) if _kind(text).type in _KNOWN else None


class _Kind(Struct, frozen=True):
    type: str


_KINDS: Final[tuple[Any, ...]] = (
    EventUpdate,
    BalanceUpdate,
    DeliveryUpdate,
    LiveDataUpdate,
    Refetch,
    Ready,
    Ping,
    Complaint,
)
_KNOWN = frozenset(one.__struct_config__.tag for one in _KINDS)
_kind = msgspec.json.Decoder(_Kind).decode
_decode = msgspec.json.Decoder(Message).decode
