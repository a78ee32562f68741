"""The log of deliveries: read in pages, and made due again."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fluxiq.domain.records import Event
from fluxiq.ports import Fresh, Page
from fluxiq.ports.origin import origin
from fluxiq.ports.webhooks import (
    REDELIVERIES_MAX,
    Again,
    Asked,
    AttemptLogged,
    DeliveriesWanted,
    DeliveryLogged,
    DeliveryStatus,
    Redelivered,
)
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.endpoints import claim_of
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import digest_of, record
from fluxiq.stores.sealed import House

ATTEMPTS_SHOWN_MAX: Final = 20  # of a delivery, the newest: asking again is not bounded

_COLUMNS: Final = """
deliveries.id, endpoint_id, event_id, events.type AS event_type, deliveries.created_at, attempts,
next_attempt_at, delivered_at, given_up_at
"""

_FITTING: Final = """
FROM deliveries JOIN events ON events.id = event_id
WHERE endpoint_id = $1
    AND ($2::text IS NULL OR $2 = CASE
        WHEN next_attempt_at IS NOT NULL THEN 'pending'
        WHEN delivered_at IS NOT NULL THEN 'delivered'
        ELSE 'failed'
    END)
    AND ($3::text IS NULL OR events.type = $3)
    AND ($4::timestamptz IS NULL OR deliveries.created_at >= $4)
    AND ($5::timestamptz IS NULL OR deliveries.created_at < $5)
"""

_FIND: Final = f"""
SELECT {_COLUMNS} FROM deliveries JOIN events ON events.id = event_id WHERE deliveries.id = $1
"""  # noqa: S608 - a constant

_LIST: Final = f"""
SELECT {_COLUMNS} {_FITTING} ORDER BY deliveries.created_at DESC, deliveries.id DESC
LIMIT $6 OFFSET $7
"""

_ATTEMPTS: Final = """
SELECT made.* FROM unnest($1::text[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT * FROM delivery_attempts WHERE delivery_id = wanted.id
    ORDER BY attempt DESC LIMIT $2
) AS made
ORDER BY delivery_id, attempt
"""

_AGAIN: Final = """
UPDATE deliveries SET
    next_attempt_at = $2, delivered_at = NULL, given_up_at = NULL, leased_until = NULL,
    attempts_before = attempts
WHERE id = $1 AND (leased_until IS NULL OR leased_until <= $2)
RETURNING id
"""

_AGAIN_RANGE: Final = """
WITH wanted AS (
    SELECT id FROM deliveries
    WHERE endpoint_id = $1 AND next_attempt_at IS NULL
        AND created_at >= $3 AND created_at < $4 AND ($5 OR delivered_at IS NULL)
    ORDER BY created_at, id LIMIT $6 FOR UPDATE
)
UPDATE deliveries SET
    next_attempt_at = $2, delivered_at = NULL, given_up_at = NULL, leased_until = NULL,
    attempts_before = attempts
FROM wanted WHERE deliveries.id = wanted.id
RETURNING deliveries.created_at
"""


async def find_delivery(connection: Connection, delivery_id: str) -> DeliveryLogged | None:
    row = await connection.fetchrow(_FIND, delivery_id)
    if row is None:
        return None
    [logged] = await _with_attempts(connection, [row])
    return logged


async def list_deliveries(
    connection: Connection, endpoint_id: str, wanted: DeliveriesWanted, page: Page
) -> tuple[list[DeliveryLogged], int]:
    fitting = (endpoint_id, wanted.status, wanted.event_type, wanted.since, wanted.until)
    rows = await connection.fetch(_LIST, *fitting, page.size, (page.number - 1) * page.size)
    total = await connection.fetchval(f"SELECT count(*) {_FITTING}", *fitting)
    return await _with_attempts(connection, rows), total


async def send_to_one(
    connection: Connection, house: House, endpoint_id: str, event: Event, asked: Asked
) -> Fresh | Again:
    answer = await idempotency.claim_alone(connection, house, claim_of(asked, event.id))
    if isinstance(answer, Fresh):
        await telling.tell_one(connection, house, endpoint_id, event)
        await _write_down(connection, asked, "tested", endpoint_id, event.id)
    return answer


async def redeliver(
    connection: Connection, house: House, delivery_id: str, asked: Asked
) -> Fresh | Again:
    answer = await idempotency.claim_alone(connection, house, claim_of(asked, delivery_id))
    if isinstance(answer, Fresh) and await connection.fetchval(_AGAIN, delivery_id, asked.at):
        await _write_down(connection, asked, "redelivered", delivery_id, "")
    return answer


async def redeliver_range(
    connection: Connection,
    house: House,
    endpoint_id: str,
    wanted: DeliveriesWanted,
    asked: Asked,
    *,
    respond: Callable[[Redelivered], bytes],
) -> Redelivered | Again:
    claim = claim_of(asked, endpoint_id)
    answer = await idempotency.claim_alone(connection, house, claim)
    if not isinstance(answer, Fresh):
        return answer

    delivered_too = wanted.status is not DeliveryStatus.FAILED
    rows = await connection.fetch(
        _AGAIN_RANGE,
        endpoint_id,
        asked.at,
        wanted.since,
        wanted.until,
        delivered_too,
        REDELIVERIES_MAX,
    )
    is_full = len(rows) == REDELIVERIES_MAX
    last = max((row["created_at"] for row in rows), default=None) if is_full else None
    done = Redelivered(scheduled=len(rows), next_start=last)
    await _write_down(connection, asked, "redelivered", endpoint_id, f"{len(rows)} deliveries")
    if claim is not None:
        await idempotency.answer(connection, house, claim, respond(done))
    return done


async def _with_attempts(
    connection: Connection, rows: Sequence[Mapping[str, Any]]
) -> list[DeliveryLogged]:
    logs: defaultdict[str, list[AttemptLogged]] = defaultdict(list)
    ids = [row["id"] for row in rows]
    for made in await connection.fetch(_ATTEMPTS, ids, ATTEMPTS_SHOWN_MAX):
        logs[made["delivery_id"]].append(record(AttemptLogged, made))
    return [record(DeliveryLogged, {**row, "log": logs[row["id"]]}) for row in rows]


async def _write_down(
    connection: Connection, asked: Asked, action: str, subject: str, note: str
) -> None:
    line = paperwork.AuditLine(
        asked.actor or paperwork.asker(origin(), asked.merchant_id),
        f"webhook.{action}",
        subject,
        digest_of(asked),
        note=f"{note}: {asked.reason}" if asked.reason else note,
        merchant_id=asked.merchant_id,
    )
    await paperwork.file(connection, audit=[line])
