"""The request log: what was asked lately, and how it was answered. Without bodies."""

from typing import Annotated, Literal

from msgspec import Meta

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.services import show_requests as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.requests import RequestView

routes = Routes("/api/v1/requests")

Status = Annotated[str, Meta(pattern=r"^[1-5](xx|[0-9]{2})$")]
Path = Annotated[str, Meta(min_length=1, max_length=200)]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class RequestsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of requests, newest first. `status` is a number, or a class as `4xx`; `actor` an API
    key or a user; `path` what the path begins with.
    """

    status: Status | None = None
    method: Method | None = None
    actor: PathText | None = None
    path: Path | None = None

    def filters(self, merchant_id: str | None = None) -> use.RequestsWanted:
        return use.RequestsWanted(
            status=self.status,
            method=self.method,
            actor=self.actor,
            path=self.path,
            merchant_id=merchant_id,
        )


@routes.get(permission="requests:read", rate=Rate.READ, reply=Listing[RequestView])
async def list_requests(call: Call, query: RequestsAsked) -> Listing[RequestView]:
    """The merchant's last thousand requests of the last seven days, but those that read this log. A
    request is here within a second; some may be missing after an outage.
    """
    return await use.list_requests(call.tenant, call.merchant_id, query.filters(), query.wanted)


@routes.get(
    "/{request_id}",
    permission="requests:read",
    rate=Rate.READ,
    reply=Data[RequestView],
    refuses=("request_not_found",),
)
async def show_request(call: Call, request_id: PathText) -> Data[RequestView]:
    """One request, by the id that its answer had in `X-Request-Id`."""
    return Data(await use.show_request(call.tenant, call.merchant_id, request_id))
