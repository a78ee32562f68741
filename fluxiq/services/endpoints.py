"""Where a merchant wants to be told of events: opened, shown, edited, deleted, given up."""

import base64

from msgspec import UNSET

from fluxiq.domain.records import DisabledReason, Event, WebhookEndpoint
from fluxiq.domain.webhook import (
    DISABLED_EVENT,
    Deleted,
    Disabled,
    Edited,
    EndpointStatus,
    changed,
    check_event_names,
    status_of,
)
from fluxiq.domain.webhook_url import parse_webhook_url
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency, Page
from fluxiq.ports.webhooks import Asked
from fluxiq.services.messages.envelope import Answer, Data, Listing, encode, listing
from fluxiq.services.messages.webhooks import (
    EditEndpoint,
    EndpointView,
    OpenEndpoint,
    endpoint_view,
)
from fluxiq.services.replay import replay, replay_if_known
from fluxiq.services.tenant import Tenant

SECRET_BYTES = 32


async def open_endpoint(
    tenant: Tenant, merchant_id: str, request: OpenEndpoint, idempotency: Idempotency | None
) -> Answer:
    """The endpoint with its secret, which is shown only now (Standard Webhooks: `whsec_…`).

    A replay has none, so that neither a key nor the paper it is on gives one away.

    Raises Refused for the url, an event nobody knows, or one endpoint too many.
    """
    try:
        await _check_url(tenant, request.url)
        events = check_event_names(request.events)
    except Refused:
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is None:
            raise
        return answer

    endpoint = WebhookEndpoint(
        id=tenant.ids.new("whk"),
        merchant_id=merchant_id,
        url=request.url,
        events=events,
        ordered=request.ordered,
        description=request.description,
        secret=new_secret(tenant),
        created_at=tenant.clock.now(),
    )
    asked = Asked(
        merchant_id=merchant_id,
        at=endpoint.created_at,
        idempotency=idempotency,
        response=encode(Data(endpoint_view(endpoint))),
    )
    endpoints_max = tenant.settings.webhooks.endpoints_max
    opening = await tenant.webhooks.add_endpoint(endpoint, asked, endpoints_max)
    if not isinstance(opening, Fresh):
        return replay(opening)

    tenant.couriers.ring([endpoint.id])
    return Answer(body=encode(Data(endpoint_view(endpoint, with_secret=True))))


async def own_endpoint(
    tenant: Tenant, merchant_id: str, endpoint_id: str, *, deleted_too: bool = False
) -> WebhookEndpoint:
    """Raises Refused("webhook_not_found"), also for one of another merchant, or deleted."""
    endpoint = await tenant.webhooks.find_endpoint(endpoint_id)
    if endpoint is None or endpoint.merchant_id != merchant_id:
        raise _not_found(endpoint_id)
    if status_of(endpoint) is EndpointStatus.DELETED and not deleted_too:
        raise _not_found(endpoint_id)
    return endpoint


async def show_endpoint(tenant: Tenant, merchant_id: str, endpoint_id: str) -> EndpointView:
    return endpoint_view(await own_endpoint(tenant, merchant_id, endpoint_id))


async def list_endpoints(tenant: Tenant, merchant_id: str, page: Page) -> Listing[EndpointView]:
    found, total = await tenant.webhooks.list_endpoints(merchant_id, page)
    return listing([endpoint_view(one) for one in found], page, total)


async def edit_endpoint(
    tenant: Tenant, merchant_id: str, endpoint_id: str, request: EditEndpoint
) -> EndpointView:
    """Enabling one that was disabled sends what it is owed. Raises Refused as opening does."""
    await own_endpoint(tenant, merchant_id, endpoint_id)
    if request.url is not UNSET:
        await _check_url(tenant, request.url)
    edited = Edited(
        url=None if request.url is UNSET else request.url,
        events=None if request.events is UNSET else check_event_names(request.events),
        enabled=None if request.enabled is UNSET else request.enabled,
        ordered=None if request.ordered is UNSET else request.ordered,
        description=None if request.description is UNSET else request.description,
    )
    asked = Asked(merchant_id=merchant_id, at=tenant.clock.now())
    after = await tenant.webhooks.change_endpoint(endpoint_id, edited, asked)
    if not isinstance(after, WebhookEndpoint):
        raise _not_found(endpoint_id)

    tenant.couriers.ring([endpoint_id])
    return endpoint_view(after)


async def delete_endpoint(tenant: Tenant, merchant_id: str, endpoint_id: str) -> None:
    """Nothing more is sent; the log of what was stays readable."""
    await own_endpoint(tenant, merchant_id, endpoint_id)
    asked = Asked(merchant_id=merchant_id, at=tenant.clock.now())
    if await tenant.webhooks.change_endpoint(endpoint_id, Deleted(), asked) is None:
        raise _not_found(endpoint_id)
    tenant.couriers.ring([endpoint_id])


async def give_endpoint_up(
    tenant: Tenant, endpoint: WebhookEndpoint, reason: DisabledReason
) -> None:
    """Disable an endpoint that is gone or keeps failing; its merchant is told at the others."""
    now = tenant.clock.now()
    change = Disabled(reason=reason)
    event = Event(
        id=tenant.ids.new("evt"),
        merchant_id=endpoint.merchant_id,
        type=DISABLED_EVENT,
        created_at=now,
        data=endpoint_view(changed(endpoint, change, now)),
    )
    asked = Asked(merchant_id=endpoint.merchant_id, at=now)
    await tenant.webhooks.change_endpoint(endpoint.id, change, asked, event)
    tenant.relay.ring()


def new_secret(tenant: Tenant) -> str:
    return "whsec_" + base64.b64encode(tenant.ids.secret(SECRET_BYTES)).decode()


async def _check_url(tenant: Tenant, url: str) -> None:
    place = parse_webhook_url(url, allow_http=tenant.settings.webhooks.allow_http)
    await tenant.addresses.check(place.host, place.port)


def _not_found(endpoint_id: str) -> Refused:
    return Refused("webhook_not_found", f"no webhook {endpoint_id}", field="webhook_id")
