"""A merchant looks back on what it was told, whether a webhook brought it or not."""

import msgspec

from fluxiq.domain.webhook import check_event_names
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.event_log import EventsWanted
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.events import LoggedEventView, event_view
from fluxiq.services.tenant import Tenant


async def list_events(
    tenant: Tenant, merchant_id: str, wanted: EventsWanted, page: Page
) -> Listing[LoggedEventView]:
    """The last first. Raises Refused("webhook_event_unknown") for a type that nothing has."""
    if wanted.type is not None:
        check_event_names([wanted.type])
    if wanted.type == "*":
        wanted = msgspec.structs.replace(wanted, type=None)
    events, total = await tenant.events.page(merchant_id, wanted, page)
    return listing([event_view(one) for one in events], page, total)


async def show_event(tenant: Tenant, merchant_id: str, event_id: str) -> LoggedEventView:
    """Raises Refused("event_not_found"), also for another merchant's."""
    event = await tenant.events.find(merchant_id, event_id)
    if event is None:
        raise Refused("event_not_found", f"no event {event_id}", field="event_id")
    return event_view(event)
