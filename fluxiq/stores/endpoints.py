"""Where merchants are told of events: read, and changed with the audit line of the change."""

from typing import Final

from fluxiq.domain.records import Event, WebhookEndpoint
from fluxiq.domain.webhook import Disabled, EndpointChange, changed
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Page
from fluxiq.ports.origin import origin
from fluxiq.ports.webhooks import Again, Asked
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import digest_of
from fluxiq.stores.sealed import PREVIOUS_SECRET, SECRET, House
from fluxiq.stores.sealed_records import endpoint_of

_ADD: Final = """
INSERT INTO webhook_endpoints (
    id, merchant_id, url, events, secret, created_at, disabled_at, disabled_reason, description,
    ordered, previous_secret, previous_secret_until, failing_since, deleted_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (id) DO NOTHING RETURNING id
"""

_CHANGE: Final = """
UPDATE webhook_endpoints SET
    url = $2, events = $3, secret = $4, disabled_at = $5, disabled_reason = $6, description = $7,
    ordered = $8, previous_secret = $9, previous_secret_until = $10, failing_since = $11,
    deleted_at = $12
WHERE id = $1
"""

_LIST: Final = """
SELECT * FROM webhook_endpoints WHERE merchant_id = $1 AND deleted_at IS NULL
ORDER BY created_at, id LIMIT $2 OFFSET $3
"""

_COUNT: Final = """
SELECT count(*) FROM webhook_endpoints WHERE merchant_id = $1 AND deleted_at IS NULL
"""

# Two that come at once must not both be the last that is allowed.
_LOCK_MERCHANT: Final = "SELECT FROM merchants WHERE id = $1 FOR NO KEY UPDATE"


async def add_endpoint(
    connection: Connection,
    house: House,
    endpoint: WebhookEndpoint,
    asked: Asked,
    endpoints_max: int,
) -> Fresh | Again:
    """Raises Refused `too_many_webhooks`."""
    answer = await idempotency.claim_alone(connection, house, claim_of(asked, endpoint.id))
    if not isinstance(answer, Fresh):
        return answer

    await connection.execute(_LOCK_MERCHANT, endpoint.merchant_id)
    if await connection.fetchval(_COUNT, endpoint.merchant_id) >= endpoints_max:
        raise Refused("too_many_webhooks", f"a merchant has at most {endpoints_max} endpoints")

    secret, previous_secret = _sealed_secrets(house, endpoint)
    added = await connection.fetchval(
        _ADD,
        endpoint.id,
        endpoint.merchant_id,
        endpoint.url,
        endpoint.events,
        secret,
        endpoint.created_at,
        endpoint.disabled_at,
        endpoint.disabled_reason,
        endpoint.description,
        endpoint.ordered,
        previous_secret,
        endpoint.previous_secret_until,
        endpoint.failing_since,
        endpoint.deleted_at,
    )
    if added is not None:
        await _write_down(connection, "created", endpoint, _asker(asked), b"")
    return answer


async def find_endpoint(
    connection: Connection, house: House, endpoint_id: str
) -> WebhookEndpoint | None:
    row = await connection.fetchrow("SELECT * FROM webhook_endpoints WHERE id = $1", endpoint_id)
    return None if row is None else endpoint_of(house, row)


async def list_endpoints(
    connection: Connection, house: House, merchant_id: str, page: Page
) -> tuple[list[WebhookEndpoint], int]:
    rows = await connection.fetch(_LIST, merchant_id, page.size, (page.number - 1) * page.size)
    total = await connection.fetchval(_COUNT, merchant_id)
    return [endpoint_of(house, row) for row in rows], total


async def enabled_endpoints(connection: Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT id FROM webhook_endpoints WHERE disabled_at IS NULL ORDER BY created_at, id"
    )
    return [row["id"] for row in rows]


async def change_endpoint(
    connection: Connection,
    house: House,
    endpoint_id: str,
    change: EndpointChange,
    asked: Asked,
    *,
    event: Event | None,
) -> WebhookEndpoint | Again | None:
    row = await connection.fetchrow(
        "SELECT * FROM webhook_endpoints WHERE id = $1 FOR UPDATE", endpoint_id
    )
    before = None if row is None else endpoint_of(house, row)
    if before is None or before.deleted_at is not None:
        return None

    answer = await idempotency.claim_alone(connection, house, claim_of(asked, endpoint_id))
    if not isinstance(answer, Fresh):
        return answer

    after = changed(before, change, asked.at)
    if after == before:
        return before

    await _overwrite(connection, house, after)
    actor = "platform" if isinstance(change, Disabled) else _asker(asked)
    action = type(change).__name__.lower()
    await _write_down(connection, action, after, actor, digest_of(before))
    if event is not None:
        await telling.tell(connection, house, [telling.Telling(event)])
    return after


def _asker(asked: Asked) -> str:
    return asked.actor or paperwork.asker(origin(), asked.merchant_id)


def claim_of(asked: Asked, resource_id: str) -> idempotency.Claim | None:
    """What a request under a key claims; None for one without."""
    if asked.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=asked.merchant_id,
        idempotency=asked.idempotency,
        resource_id=resource_id,
        at=asked.at,
        refused=False,
        response=asked.response,
    )


def _sealed_secrets(house: House, endpoint: WebhookEndpoint) -> tuple[bytes, bytes | None]:
    """What signs, and what signed before and still does for a while."""
    previous = endpoint.previous_secret
    return (
        house.seal_text(endpoint.secret, SECRET, endpoint.id),
        None if previous is None else house.seal_text(previous, PREVIOUS_SECRET, endpoint.id),
    )


async def _overwrite(connection: Connection, house: House, endpoint: WebhookEndpoint) -> None:
    secret, previous_secret = _sealed_secrets(house, endpoint)
    await connection.execute(
        _CHANGE,
        endpoint.id,
        endpoint.url,
        endpoint.events,
        secret,
        endpoint.disabled_at,
        endpoint.disabled_reason,
        endpoint.description,
        endpoint.ordered,
        previous_secret,
        endpoint.previous_secret_until,
        endpoint.failing_since,
        endpoint.deleted_at,
    )


async def _write_down(
    connection: Connection, action: str, endpoint: WebhookEndpoint, actor: str, before: bytes
) -> None:
    line = paperwork.AuditLine(
        actor,
        f"webhook.{action}",
        endpoint.id,
        digest_of(endpoint),
        note=endpoint.disabled_reason or "",
        before=before,
        merchant_id=endpoint.merchant_id,
    )
    await paperwork.file(connection, audit=[line])
