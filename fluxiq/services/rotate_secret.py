"""A new secret for an endpoint, with a time in which the old one signs too."""

from datetime import timedelta

from msgspec import UNSET
from msgspec.structs import replace

from fluxiq.domain.records import WebhookEndpoint
from fluxiq.domain.webhook import Rotated
from fluxiq.errors import Refused
from fluxiq.ports import Idempotency
from fluxiq.ports.webhooks import Asked
from fluxiq.services.endpoints import new_secret, own_endpoint
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.webhooks import RotateSecret, SecretView
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant


async def rotate_secret(
    tenant: Tenant,
    merchant_id: str,
    endpoint_id: str,
    request: RotateSecret,
    idempotency: Idempotency | None,
) -> Answer:
    """The new secret, which is shown only now: a replay has none. A second rotation drops the
    oldest at once.
    """
    await own_endpoint(tenant, merchant_id, endpoint_id)
    now, overlap = tenant.clock.now(), request.overlap_seconds
    change = Rotated(secret=new_secret(tenant), overlap_seconds=overlap)
    view = SecretView(
        id=endpoint_id,
        secret=change.secret,
        previous_secret_until=now + timedelta(seconds=overlap) if overlap else None,
    )
    replayed = encode(Data(replace(view, secret=UNSET)))
    asked = Asked(merchant_id=merchant_id, at=now, idempotency=idempotency, response=replayed)
    after = await tenant.webhooks.change_endpoint(endpoint_id, change, asked)
    if after is None:
        raise Refused("webhook_not_found", f"no webhook {endpoint_id}", field="webhook_id")
    if not isinstance(after, WebhookEndpoint):
        return replay(after)
    return Answer(body=encode(Data(view)))
