"""The request log: what you asked lately, and how it was answered."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, get, page_of, path


class LoggedRequest(Struct, frozen=True, kw_only=True):
    """`id` is what an answer says in `X-Request-Id`. Bodies are not kept."""

    id: str
    at: datetime
    method: str
    path: str
    status: int
    error_code: str | None
    milliseconds: float
    actor: str
    merchant_id: str | None
    address: str
    idempotency_key: str | None


class Requests(Resource[C]):
    @Call
    def get(self, request_id: str) -> Request[LoggedRequest]:
        return get(path("/requests/{}", request_id), data(LoggedRequest))

    @List
    def list(
        self,
        *,
        status: str | None = None,
        method: str | None = None,
        actor: str | None = None,
        path: str | None = None,
    ) -> Request[Page[LoggedRequest]]:
        """The last thousand of seven days, newest first. `status` is a number or a class, "4xx";
        `path` what the path begins with.
        """
        return page_of(
            "/requests", LoggedRequest, status=status, method=method, actor=actor, path=path
        )
