"""What goes over the bus and comes back."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct


class Message(Struct, frozen=True):
    """To publish. The stream keeps the first message of each `message_id` per duplicate window."""

    subject: str
    body: bytes
    message_id: str


class Ack(Struct, frozen=True):
    """The stream has it, at `sequence`; `duplicate` when it had it before."""

    sequence: int
    duplicate: bool


class Delivery(Struct, frozen=True):
    """A message to work on, then to acknowledge. `num_delivered` counts from 1; `message_id` is
    what it was published under, empty when it had none.
    """

    subject: str
    body: bytes
    sequence: int
    num_delivered: int
    token: str  # where its acknowledgement goes
    message_id: str = ""


class BusMessage(Struct, frozen=True):
    """A message of a plain subscription: at most once, nothing to acknowledge."""

    subject: str
    body: bytes


class Backlog(Struct, frozen=True):
    """What waits for a consumer, and what it was given and has not settled."""

    pending: int
    unsettled: int
    redelivered: int


class StreamState(Struct, frozen=True, kw_only=True):
    """What a stream keeps, in messages and bytes on disk, and the numbers of the first and the last
    of them. `by_subject` are messages under the subjects that were asked for.
    """

    name: str
    messages: int
    bytes: int
    bytes_max: int | None  # None: as many as the disk has room for
    first_sequence: int
    last_sequence: int
    last_at: datetime | None  # None: there never was a message
    consumers: int
    by_subject: Mapping[str, int]


class ConsumerState(Struct, frozen=True, kw_only=True):
    """How far a durable consumer is: `pending` waits for it, `unsettled` it was given and has not
    acknowledged, `redelivered` of those it was given more than once; `pulls` wait for messages.
    `settled_sequence` is the stream's number up to which everything is done.
    """

    name: str
    subject: str
    pending: int
    unsettled: int
    redelivered: int
    pulls: int
    delivered_sequence: int
    settled_sequence: int
    last_delivered_at: datetime | None


class BusStatistics(Struct, frozen=True, kw_only=True):
    """Totals since the start, and whether there is a connection right now."""

    connected: bool
    connections: int
    published: int
    duplicates: int
    fetched: int
    settled: int
    outages: int
    last_error: str
