"""The requests that were made lately: of one merchant for its owner, of all for the institution."""

from collections.abc import Sequence

from msgspec import Struct

from fluxiq.domain.request_log import RequestLine
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.requests import RequestView, request_view
from fluxiq.services.tenant import Tenant

_CLASS = "xx"


class RequestsWanted(Struct, frozen=True, kw_only=True):
    """Which requests; None filters nothing. `status` is a number or a class, as "4xx"; `actor` an
    API key or a user; `path` what the path begins with.
    """

    status: str | None = None
    method: str | None = None
    actor: str | None = None
    path: str | None = None
    merchant_id: str | None = None


async def list_requests(
    tenant: Tenant, merchant_id: str, wanted: RequestsWanted, page: Page
) -> Listing[RequestView]:
    """Newest first. Raises Unavailable."""
    return _listed(await tenant.request_log.of_merchant(merchant_id), wanted, page)


async def list_all_requests(
    tenant: Tenant, wanted: RequestsWanted, page: Page
) -> Listing[RequestView]:
    """Of all merchants and of the institution's own people, newest first. Raises Unavailable."""
    return _listed(await tenant.request_log.of_institution(), wanted, page)


async def show_request(tenant: Tenant, merchant_id: str, request_id: str) -> RequestView:
    """Raises Refused("request_not_found"), also for a request of another merchant; Unavailable."""
    return _found(await tenant.request_log.of_merchant(merchant_id), request_id)


async def show_any_request(tenant: Tenant, request_id: str) -> RequestView:
    """The same, whoever asked."""
    return _found(await tenant.request_log.of_institution(), request_id)


def _listed(
    lines: Sequence[RequestLine], wanted: RequestsWanted, page: Page
) -> Listing[RequestView]:
    found = [line for line in lines if _is_wanted(line, wanted)]
    first = (page.number - 1) * page.size
    shown = found[first : first + page.size]
    return listing([request_view(line) for line in shown], page, len(found))


def _found(lines: Sequence[RequestLine], request_id: str) -> RequestView:
    """Callers may use an id of theirs twice: then the newest one."""
    for line in lines:
        if line.id == request_id:
            return request_view(line)
    raise Refused("request_not_found", f"no request {request_id} is remembered", field="request_id")


def _is_wanted(line: RequestLine, wanted: RequestsWanted) -> bool:
    return (
        wanted.method in {None, line.method}
        and wanted.actor in {None, line.actor}
        and wanted.merchant_id in {None, line.merchant_id}
        and (wanted.path is None or line.path.startswith(wanted.path))
        and (wanted.status is None or _has_status(line, wanted.status))
    )


def _has_status(line: RequestLine, status: str) -> bool:
    said = str(line.status)
    return said[0] == status[0] if status.endswith(_CLASS) else said == status
