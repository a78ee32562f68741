"""Where a merchant wants to be told of events."""

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.services import endpoints as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.webhooks import EndpointView, OpenEndpoint

routes = Routes("/api/v1/webhooks")


@routes.post(permission="webhooks:write", rate=Rate.WRITE, reply=Data[EndpointView], status=201)
async def add_endpoint(call: Call, body: OpenEndpoint) -> Data[EndpointView]:
    """Add an endpoint; its secret is shown only now."""
    return Data(await use.add_endpoint(call.tenant, call.merchant_id, body))


@routes.get(permission="webhooks:read", rate=Rate.READ, reply=Data[list[EndpointView]])
async def list_endpoints(call: Call) -> Data[list[EndpointView]]:
    """The merchant's endpoints."""
    return Data(await use.list_endpoints(call.tenant, call.merchant_id))
