"""Webhooks of all merchants: who is behind, and sending again (docs/webhooks.md)."""

from typing import Annotated

from msgspec import Meta, convert

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.v1.operations.room import DEED_AT_ONE, LOOK_AT_ONE, READ, WRITE, OfInstitution, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.webhooks import (
    DeliveriesResent,
    ResendDeliveries,
    WebhooksHealth,
)

routes = room()


class EndpointsAsked(OfInstitution, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Those in trouble first."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


@routes.get(
    "/webhooks", permission=READ, rate=Rate.READ, reply=Data[WebhooksHealth], refuses=LOOK_AT_ONE
)
async def show_webhooks_health(call: Call, query: EndpointsAsked) -> Data[WebhooksHealth]:
    """Every endpoint of the institution's merchants: backlog, attempts and how many succeeded."""
    answer = await call.operations.look(call.operator, "webhooks", limit=query.limit, **query.asked)
    return Data(convert(answer, WebhooksHealth))


@routes.post(
    "/webhooks/{webhook_id}/resend",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[DeliveriesResent],
    status=200,
    refuses=(*DEED_AT_ONE, "webhook_disabled"),
)
async def resend_deliveries(
    call: Call, webhook_id: PathText, query: OfInstitution, body: ResendDeliveries
) -> Data[DeliveriesResent]:
    """Send an endpoint again what ended, or ended badly, between two moments."""
    answer = await call.operations.act(
        call.operator,
        "webhooks_resend",
        reason=body.reason,
        id=webhook_id,
        since=body.since.isoformat(),
        until=body.until.isoformat(),
        all=body.status == "all",
        **query.asked,
    )
    return Data(convert(answer, DeliveriesResent))
