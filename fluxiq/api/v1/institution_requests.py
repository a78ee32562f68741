"""The request log of a whole institution, for its own people."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.v1.requests import RequestsAsked
from fluxiq.services import show_requests as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.requests import RequestView

routes = Routes("/api/v1/institution/requests", institution=True)

READ = "institution:read"


class AllRequestsAsked(RequestsAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, also of one merchant."""

    merchant_id: PathText | None = None


@routes.get(permission=READ, rate=Rate.READ, reply=Listing[RequestView])
async def list_all_requests(call: Call, query: AllRequestsAsked) -> Listing[RequestView]:
    """The last five thousand requests of the last seven days, of all merchants and of the
    institution's own people, but those that read a log of requests.
    """
    wanted = query.filters(query.merchant_id)
    return await use.list_all_requests(call.tenant, wanted, query.wanted)


@routes.get(
    "/{request_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[RequestView],
    refuses=("request_not_found",),
)
async def show_any_request(call: Call, request_id: PathText) -> Data[RequestView]:
    """One request, by the id that its answer had in `X-Request-Id`."""
    return Data(await use.show_any_request(call.tenant, request_id))
