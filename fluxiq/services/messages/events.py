"""Events as their merchant looks back on them."""

from datetime import datetime

import msgspec
from msgspec import Struct

from fluxiq.ports.event_log import Numbered
from fluxiq.services.messages.envelope import Json


class LoggedEventView(Struct, frozen=True, kw_only=True):
    """An event as webhooks and the websocket tell it, with its number: `data` is the record as it
    was at that time.
    """

    id: str
    sequence: int
    type: str
    created_at: datetime
    data: Json


class _Body(Struct, frozen=True):
    """What an event's frozen bytes say."""

    id: str
    type: str
    created_at: datetime
    data: Json


_decode = msgspec.json.Decoder(_Body).decode


def event_view(event: Numbered) -> LoggedEventView:
    said = _decode(event.body)
    return LoggedEventView(
        id=said.id,
        sequence=event.sequence,
        type=said.type,
        created_at=said.created_at,
        data=said.data,
    )
