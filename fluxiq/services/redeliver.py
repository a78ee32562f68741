"""What a merchant did not get, or wants again: one delivery, a range of them, or a test event.

All of them go the way of every delivery, so what works here works.
"""

from fluxiq.domain.records import Event, WebhookEndpoint
from fluxiq.domain.webhook import TEST_EVENT, delivery_id
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency, Page
from fluxiq.ports.webhooks import (
    Again,
    Asked,
    DeliveriesWanted,
    DeliveryLogged,
    DeliveryStatus,
    Redelivered,
)
from fluxiq.services.endpoints import own_endpoint
from fluxiq.services.messages.envelope import Answer, Data, Listing, encode, listing
from fluxiq.services.messages.webhooks import (
    DeliveryView,
    RedeliveredView,
    RedeliverRange,
    SentView,
    delivery_view,
)
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant


async def list_deliveries(
    tenant: Tenant, merchant_id: str, endpoint_id: str, wanted: DeliveriesWanted, page: Page
) -> Listing[DeliveryView]:
    """The log, also of an endpoint that was deleted."""
    await own_endpoint(tenant, merchant_id, endpoint_id, deleted_too=True)
    found, total = await tenant.webhooks.list_deliveries(endpoint_id, wanted, page)
    return listing([delivery_view(one) for one in found], page, total)


async def show_delivery(
    tenant: Tenant, merchant_id: str, endpoint_id: str, wanted_id: str
) -> DeliveryView:
    await own_endpoint(tenant, merchant_id, endpoint_id, deleted_too=True)
    return delivery_view(await _own_delivery(tenant, endpoint_id, wanted_id))


async def send_test_event(
    tenant: Tenant, merchant_id: str, endpoint_id: str, idempotency: Idempotency | None
) -> Answer:
    """A `webhook.test` for this endpoint only, whatever events it lists."""
    endpoint = await _working_endpoint(tenant, merchant_id, endpoint_id)
    event = Event(
        id=tenant.ids.new("evt"),
        merchant_id=merchant_id,
        type=TEST_EVENT,
        created_at=tenant.clock.now(),
        data={"id": endpoint_id, "url": endpoint.url},
    )
    sent = SentView(event_id=event.id, delivery_id=delivery_id(event.id, endpoint_id))
    body = encode(Data(sent))
    asked = Asked(
        merchant_id=merchant_id, at=event.created_at, idempotency=idempotency, response=body
    )
    return _rung(
        tenant, endpoint_id, await tenant.webhooks.send_to_one(endpoint_id, event, asked), body
    )


async def redeliver(
    tenant: Tenant,
    merchant_id: str,
    endpoint_id: str,
    wanted_id: str,
    idempotency: Idempotency | None,
) -> Answer:
    """Send one again, now; its retry schedule starts over."""
    await _working_endpoint(tenant, merchant_id, endpoint_id)
    logged = await _own_delivery(tenant, endpoint_id, wanted_id)
    body = encode(Data(SentView(event_id=logged.event_id, delivery_id=logged.id)))
    asked = Asked(
        merchant_id=merchant_id, at=tenant.clock.now(), idempotency=idempotency, response=body
    )
    return _rung(tenant, endpoint_id, await tenant.webhooks.redeliver(wanted_id, asked), body)


async def redeliver_range(
    tenant: Tenant,
    merchant_id: str,
    endpoint_id: str,
    request: RedeliverRange,
    idempotency: Idempotency | None,
) -> Answer:
    """Send again what ended between two moments. Raises Refused when there is nothing between."""
    asked = Asked(merchant_id=merchant_id, at=tenant.clock.now(), idempotency=idempotency)
    done = await _again(tenant, endpoint_id, request, asked)
    return Answer(body=_redelivered(done)) if isinstance(done, Redelivered) else replay(done)


async def redeliver_as_operator(
    tenant: Tenant, actor: str, endpoint_id: str, request: RedeliverRange, reason: str
) -> Redelivered:
    """The same for the endpoint of any merchant, whose audit line says who did it and why."""
    endpoint = await tenant.webhooks.find_endpoint(endpoint_id)
    if endpoint is None:
        raise Refused("webhook_not_found", f"no webhook {endpoint_id}", field="webhook_id")
    asked = Asked(
        merchant_id=endpoint.merchant_id, at=tenant.clock.now(), actor=actor, reason=reason
    )
    done = await _again(tenant, endpoint_id, request, asked)
    assert isinstance(done, Redelivered), "without a key nothing is replayed"
    return done


async def _again(
    tenant: Tenant, endpoint_id: str, request: RedeliverRange, asked: Asked
) -> Redelivered | Again:
    if request.end <= request.start:
        raise Refused("validation_failed", "is not after start", field="end")

    await _working_endpoint(tenant, asked.merchant_id, endpoint_id)
    wanted = DeliveriesWanted(
        status=DeliveryStatus.FAILED if request.status == "failed" else None,
        since=request.start,
        until=request.end,
    )
    done = await tenant.webhooks.redeliver_range(endpoint_id, wanted, asked, _redelivered)
    if isinstance(done, Redelivered):
        tenant.couriers.ring([endpoint_id])
    return done


async def _working_endpoint(tenant: Tenant, merchant_id: str, endpoint_id: str) -> WebhookEndpoint:
    """Raises Refused("webhook_disabled"): what is sent again would only wait."""
    endpoint = await own_endpoint(tenant, merchant_id, endpoint_id)
    if endpoint.disabled_at is not None:
        raise Refused(
            "webhook_disabled",
            f"the webhook is disabled: {endpoint.disabled_reason}",
            details={"reason": endpoint.disabled_reason},
        )
    return endpoint


async def _own_delivery(tenant: Tenant, endpoint_id: str, wanted_id: str) -> DeliveryLogged:
    logged = await tenant.webhooks.find_delivery(wanted_id)
    if logged is None or logged.endpoint_id != endpoint_id:
        raise Refused("delivery_not_found", f"no delivery {wanted_id}", field="delivery_id")
    return logged


def _rung(tenant: Tenant, endpoint_id: str, opening: Fresh | Again, body: bytes) -> Answer:
    if not isinstance(opening, Fresh):
        return replay(opening)
    tenant.couriers.ring([endpoint_id])
    return Answer(body=body)


def _redelivered(done: Redelivered) -> bytes:
    return encode(Data(RedeliveredView(scheduled=done.scheduled, next_start=done.next_start)))
