"""Where a merchant wants to be told of events."""

import base64

from fluxiq.domain.records import WebhookEndpoint
from fluxiq.services.messages.webhooks import EndpointView, OpenEndpoint, endpoint_view
from fluxiq.services.tenant import Tenant


async def add_endpoint(tenant: Tenant, merchant_id: str, request: OpenEndpoint) -> EndpointView:
    """The endpoint with its secret, which is shown only now (Standard Webhooks: `whsec_…`)."""
    endpoint = WebhookEndpoint(
        id=tenant.ids.new("whk"),
        merchant_id=merchant_id,
        url=request.url,
        events=request.events,
        secret="whsec_" + base64.b64encode(tenant.ids.secret(32)).decode(),
        created_at=tenant.clock.now(),
    )
    await tenant.store.add_endpoint(endpoint)
    tenant.couriers.ring([endpoint.id])
    return endpoint_view(endpoint, with_secret=True)


async def list_endpoints(tenant: Tenant, merchant_id: str) -> list[EndpointView]:
    return [endpoint_view(one) for one in await tenant.store.endpoints(merchant_id)]
