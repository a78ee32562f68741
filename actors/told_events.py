"""An event on its way over the bus: its number for its merchant, its id, and its bytes, sealed."""

from collections.abc import Callable
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
    """`body` is the JSON that webhooks carry too, not read again on its way."""

    sequence: int
    body: bytes

    def read(self) -> Event:
        return _decode_event(self.body)


def numbered(sequence: int, event_id: str, sealed: bytes) -> bytes:
    """`sealed` with number and id in front, as the bus carries it."""
    return b"%d %b %b" % (sequence, event_id.encode(), sealed)


def told(message: bytes, opened: Callable[[bytes, str], bytes]) -> ToldEvent:
    """`opened(sealed, event_id)` opens what is sealed; raises what that raises."""
    sequence, event_id, sealed = message.split(b" ", 2)
    return ToldEvent(int(sequence), opened(sealed, event_id.decode()))


_decode_event: Final = msgspec.json.Decoder(Event).decode
