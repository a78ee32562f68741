"""An event on its way over the bus: its number for its merchant, and its frozen bytes."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct


class _Data(Struct, frozen=True):
    end_to_end_id: str | None = None


class Event(Struct, frozen=True):
    """What the window needs to know of an event; the rest is passed on as it is."""

    type: str
    created_at: datetime
    data: _Data


class ToldEvent(Struct, frozen=True):
    """`event` is the JSON that webhooks carry too, not read again on its way."""

    sequence: int
    event: msgspec.Raw

    @property
    def body(self) -> bytes:
        return bytes(self.event)

    def read(self) -> Event:
        return _decode_event(self.event)


def numbered(sequence: int, body: bytes) -> bytes:
    """`body` with the number in front, as the bus carries it."""
    return b'{"sequence":%d,"event":%b}' % (sequence, body)


told: Final = msgspec.json.Decoder(ToldEvent).decode
_decode_event: Final = msgspec.json.Decoder(Event).decode
