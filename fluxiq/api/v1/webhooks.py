"""Where a merchant wants to be told of events, and what it was told."""

from typing import Annotated

from msgspec import Meta

from fluxiq.api.contract import NO_CONTENT, Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked, PageAsked
from fluxiq.ports.webhooks import DeliveriesWanted, DeliveryStatus
from fluxiq.services import endpoints, redeliver, rotate_secret
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.webhooks import (
    At,
    DeliveryView,
    EditEndpoint,
    EndpointView,
    OpenEndpoint,
    RedeliveredView,
    RedeliverRange,
    RotateSecret,
    SecretView,
    SentView,
)

routes = Routes("/api/v1/webhooks")

_ONE = ("webhook_not_found",)
_URL = ("webhook_url_invalid", "webhook_url_forbidden", "webhook_event_unknown")
_KEY = ("idempotency_key_reused", "idempotency_in_progress")


class DeliveriesAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of the delivery log, newest event first."""

    status: DeliveryStatus | None = None
    event_type: Annotated[str, Meta(max_length=64)] | None = None


@routes.post(
    permission="webhooks:write",
    rate=Rate.WRITE,
    reply=Data[EndpointView],
    status=201,
    refuses=(*_URL, *_KEY, "too_many_webhooks"),
)
async def open_endpoint(call: Call, body: OpenEndpoint) -> Reply:
    """Add an endpoint; its secret is shown only now."""
    idempotency = call.idempotency(body)
    return answered(await endpoints.open_endpoint(call.tenant, call.merchant_id, body, idempotency))


@routes.get(permission="webhooks:read", rate=Rate.READ, reply=Listing[EndpointView])
async def list_endpoints(call: Call, query: PageAsked) -> Listing[EndpointView]:
    """The merchant's endpoints, oldest first."""
    return await endpoints.list_endpoints(call.tenant, call.merchant_id, query.wanted)


@routes.get(
    "/{webhook_id}",
    permission="webhooks:read",
    rate=Rate.READ,
    reply=Data[EndpointView],
    refuses=_ONE,
)
async def show_endpoint(call: Call, webhook_id: PathText) -> Data[EndpointView]:
    """One endpoint, with the reason when it is disabled."""
    return Data(await endpoints.show_endpoint(call.tenant, call.merchant_id, webhook_id))


@routes.patch(
    "/{webhook_id}",
    permission="webhooks:write",
    rate=Rate.WRITE,
    reply=Data[EndpointView],
    refuses=(*_ONE, *_URL),
)
async def edit_endpoint(call: Call, webhook_id: PathText, body: EditEndpoint) -> Data[EndpointView]:
    """Change an endpoint, or enable and disable it; what is left out stays."""
    return Data(await endpoints.edit_endpoint(call.tenant, call.merchant_id, webhook_id, body))


@routes.delete("/{webhook_id}", permission="webhooks:write", rate=Rate.WRITE, refuses=_ONE)
async def delete_endpoint(call: Call, webhook_id: PathText) -> Reply:
    """Send nothing more to an endpoint. Its delivery log stays."""
    await endpoints.delete_endpoint(call.tenant, call.merchant_id, webhook_id)
    return NO_CONTENT


@routes.post(
    "/{webhook_id}/test",
    permission="webhooks:write",
    rate=Rate.WRITE,
    reply=Data[SentView],
    status=202,
    refuses=(*_ONE, *_KEY, "webhook_disabled"),
)
async def send_test_event(call: Call, webhook_id: PathText) -> Reply:
    """Send a `webhook.test` event to this endpoint only."""
    idempotency = call.idempotency(At(path=f"{webhook_id}/test"))
    return answered(
        await redeliver.send_test_event(call.tenant, call.merchant_id, webhook_id, idempotency)
    )


@routes.post(
    "/{webhook_id}/secret/rotate",
    permission="webhooks:write",
    rate=Rate.WRITE,
    reply=Data[SecretView],
    status=200,
    refuses=(*_ONE, *_KEY),
)
async def rotate(call: Call, webhook_id: PathText, body: RotateSecret) -> Reply:
    """Make a new secret, shown only now; both sign until the overlap is over."""
    idempotency = call.idempotency(At(path=f"{webhook_id}/secret/rotate", body=body))
    return answered(
        await rotate_secret.rotate_secret(
            call.tenant, call.merchant_id, webhook_id, body, idempotency
        )
    )


@routes.get(
    "/{webhook_id}/deliveries",
    permission="webhooks:read",
    rate=Rate.READ,
    reply=Listing[DeliveryView],
    refuses=_ONE,
)
async def list_deliveries(
    call: Call, webhook_id: PathText, query: DeliveriesAsked
) -> Listing[DeliveryView]:
    """What was sent to an endpoint, with every attempt and its answer."""
    wanted = DeliveriesWanted(
        status=query.status,
        event_type=query.event_type,
        since=query.since(),
        until=query.until(),
    )
    return await redeliver.list_deliveries(
        call.tenant, call.merchant_id, webhook_id, wanted, query.wanted
    )


@routes.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    permission="webhooks:read",
    rate=Rate.READ,
    reply=Data[DeliveryView],
    refuses=(*_ONE, "delivery_not_found"),
)
async def show_delivery(
    call: Call, webhook_id: PathText, delivery_id: PathText
) -> Data[DeliveryView]:
    """One delivery."""
    return Data(
        await redeliver.show_delivery(call.tenant, call.merchant_id, webhook_id, delivery_id)
    )


@routes.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    permission="webhooks:write",
    rate=Rate.WRITE,
    reply=Data[SentView],
    status=202,
    refuses=(*_ONE, *_KEY, "webhook_disabled", "delivery_not_found"),
)
async def redeliver_one(call: Call, webhook_id: PathText, delivery_id: PathText) -> Reply:
    """Send one delivery again, now."""
    idempotency = call.idempotency(At(path=f"{webhook_id}/{delivery_id}/redeliver"))
    return answered(
        await redeliver.redeliver(
            call.tenant, call.merchant_id, webhook_id, delivery_id, idempotency
        )
    )


@routes.post(
    "/{webhook_id}/redeliver",
    permission="webhooks:write",
    rate=Rate.WRITE,
    reply=Data[RedeliveredView],
    status=202,
    refuses=(*_ONE, *_KEY, "webhook_disabled"),
)
async def redeliver_range(call: Call, webhook_id: PathText, body: RedeliverRange) -> Reply:
    """Send again what ended in a range of time, up to 10,000 deliveries, oldest event first."""
    idempotency = call.idempotency(At(path=f"{webhook_id}/redeliver", body=body))
    return answered(
        await redeliver.redeliver_range(
            call.tenant, call.merchant_id, webhook_id, body, idempotency
        )
    )
