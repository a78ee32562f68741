"""What other ids are about: events, deliveries, lines of the visitors' book, requests, jobs."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from fluxiq.domain.identifiers import IdPrefix, parse_id
from fluxiq.domain.ulid import ULID_LENGTH, ulid_milliseconds
from fluxiq.errors import Refused
from fluxiq.stores.pool import Connection
from fluxiq.stores.sealed import EVENT_BODY, House

# A request's id says when it came; its lines were written when it was carried out.
_BEFORE: Final = timedelta(seconds=5)  # processes whose clocks differ
_AFTER: Final = timedelta(minutes=10)

_EVENT: Final = "SELECT id, body, reference FROM events WHERE id = $1"
_DELIVERED: Final = "SELECT event_id FROM deliveries WHERE id = $1"
# A receipt has the time of its notice; who came at the same time is told apart by the walk.
_NOTICED: Final = """
SELECT receipts.end_to_end_id
FROM inbox JOIN receipts ON receipts.received_at = inbox.received_at
WHERE inbox.id = $1 AND EXISTS (
    SELECT FROM walk_steps
    WHERE walk_steps.end_to_end_id = receipts.end_to_end_id AND detail = inbox.id
)
"""
_REQUESTED: Final = """
SELECT DISTINCT subject FROM audit_trail WHERE at >= $1 AND at < $2 AND request_id = $3
"""
_JOBS: Final = "SELECT job_id FROM job_keys WHERE kind = $1 AND key = ANY ($2::text[])"


async def names_behind(connection: Connection, house: House, text: str) -> list[str]:
    """See `ports.payment_search.PaymentSearch`."""
    match text.partition("_")[0]:
        case IdPrefix.EVENT:
            return await _of_event(connection, house, text)
        case IdPrefix.DELIVERY:
            event_id = await connection.fetchval(_DELIVERED, text)
            return [] if event_id is None else await _of_event(connection, house, event_id)
        case IdPrefix.REQUEST:
            return await _of_request(connection, text)
    return [text]


async def jobs_holding(connection: Connection, kind: str, keys: Sequence[str]) -> list[str]:
    return [row["job_id"] for row in await connection.fetch(_JOBS, kind, keys)]


async def _of_event(connection: Connection, house: House, event_id: str) -> list[str]:
    row = await connection.fetchrow(_EVENT, event_id)
    if row is None:
        return [one["end_to_end_id"] for one in await connection.fetch(_NOTICED, event_id)]

    body = msgspec.json.decode(house.open(row["body"], EVENT_BODY, row["id"]))
    return [one for one in (row["reference"], _id_of(body["data"])) if one is not None]


async def _of_request(connection: Connection, request_id: str) -> list[str]:
    with suppress(Refused):
        parse_id(IdPrefix.REQUEST, request_id)
        milliseconds = ulid_milliseconds(request_id[-ULID_LENGTH:])
        came = datetime.fromtimestamp(milliseconds / 1000, UTC)
        rows = await connection.fetch(_REQUESTED, came - _BEFORE, came + _AFTER, request_id)
        return [row["subject"] for row in rows]
    return []


def _id_of(data: Any) -> str | None:
    """The record that an event shows. Some show what has none: an endpoint's test."""
    found = data.get("id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None
