"""What a merchant was told, by webhooks and over the websocket or not at all: the event log."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.ports.event_log import EventsWanted
from fluxiq.services import list_events as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.events import LoggedEventView

routes = Routes("/api/v1/events")

READ = "pix:read"

Moment = Annotated[datetime, Meta(tz=True)]


class EventsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`type` as webhooks write it: `pix.charge.paid`, or `pix.charge.*` for all that begin so.
    `since` is included, `until` is not.
    """

    type: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    since: Moment | None = None
    until: Moment | None = None


@routes.get(
    permission=READ,
    rate=Rate.READ,
    reply=Listing[LoggedEventView],
    refuses=("webhook_event_unknown",),
)
async def list_events(call: Call, query: EventsAsked) -> Listing[LoggedEventView]:
    """The merchant's events of the last days, the last first, with the websocket's numbers."""
    wanted = EventsWanted(type=query.type, since=query.since, until=query.until)
    return await use.list_events(call.tenant, call.merchant_id, wanted, query.wanted)


@routes.get(
    "/{event_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[LoggedEventView],
    refuses=("event_not_found",),
)
async def show_event(call: Call, event_id: PathText) -> Data[LoggedEventView]:
    """One event."""
    return Data(await use.show_event(call.tenant, call.merchant_id, event_id))
