"""The bus as operators read it: an institution's work in the streams, and the streams whole."""

from datetime import datetime

from msgspec import Struct


class StreamConsumer(Struct, frozen=True, kw_only=True):
    """Who works on a queue. `pending` messages wait for it (its lag), `unsettled` it was given and
    has not acknowledged, `redelivered` of those it was given more than once. `pulls` wait for
    messages: none for long means that nobody is at work.
    """

    name: str
    subject: str
    pending: int
    unsettled: int
    redelivered: int
    pulls: int
    last_delivered_at: datetime | None


class StreamStanding(Struct, frozen=True, kw_only=True):
    """What a stream keeps of one institution, and the sums over its consumers."""

    name: str
    subjects: str
    messages: int
    pending: int
    unsettled: int
    redelivered: int
    consumers: list[StreamConsumer]


class StreamStandings(Struct, frozen=True, kw_only=True):
    institution: str
    streams: list[StreamStanding]


class BusLink(Struct, frozen=True, kw_only=True):
    """The administrator's connection, counted since the start of this process."""

    connected: bool
    connections: int
    published: int
    duplicates: int
    fetched: int
    settled: int
    outages: int
    last_error: str


class WholeStream(Struct, frozen=True, kw_only=True):
    """A stream as everybody fills it: messages and bytes on disk, and the numbers of the first and
    the last message. `bytes_max` null: as the disk has room.
    """

    name: str
    messages: int
    bytes: int
    bytes_max: int | None
    first_sequence: int
    last_sequence: int
    last_at: datetime | None
    consumers: int


class BusStanding(Struct, frozen=True, kw_only=True):
    link: BusLink
    streams: list[WholeStream]
