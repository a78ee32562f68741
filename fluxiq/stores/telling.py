"""What others are told: an event, what is owed to webhook endpoints, and its announcement.

These are written in the transaction that changed the record, so an event exists exactly when its
change does: mostly as parts of the very statement (see `statement`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from fluxiq.domain.records import Event
from fluxiq.domain.webhook import delivery_id
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns
from fluxiq.stores.sealed import EVENT_BODY, House
from fluxiq.stores.statement import GIVEN, NOTHING, Part, compose

TOLD: Final = Part(
    "told",
    f"""
    INSERT INTO events (id, merchant_id, type, created_at, body, reference)
    SELECT id, merchant_id, type, created_at, body, reference
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bytea[], $6::text[], $7::text[]
    ) AS event (id, merchant_id, type, created_at, body, reference, given)
    WHERE {GIVEN}
    ON CONFLICT (id) DO NOTHING
    RETURNING id, merchant_id, type, created_at, body
    """,  # noqa: S608 - a constant
)

# An announcement carries its event as it is kept, sealed to the event's own row.
ANNOUNCED: Final = Part(
    "announced",
    """
    INSERT INTO outbox (subject, reference, body, next_attempt_at)
    SELECT $1::text || merchant_id, id, body, created_at FROM told ORDER BY created_at, id
    """,
)

# A delivery's id is derived (`domain.webhook.delivery_id`). An endpoint that lists no events wants
# all of them (`domain.webhook.wants`).
OWED: Final = Part(
    "owed",
    """
    INSERT INTO deliveries (id, endpoint_id, event_id, next_attempt_at, created_at)
    SELECT
        'dlv_' || substr(told.id, 5, 10) || upper(left(encode(
            sha256(convert_to(told.id || ':' || endpoint.id, 'UTF8')), 'hex'
        ), 16)),
        endpoint.id, told.id, told.created_at, told.created_at
    FROM told
    JOIN webhook_endpoints AS endpoint USING (merchant_id)
    WHERE endpoint.disabled_at IS NULL AND (
        cardinality(endpoint.events) = 0 OR EXISTS (
            SELECT FROM unnest(endpoint.events) AS wanted
            WHERE wanted = told.type
                OR (right(wanted, 1) = '*' AND starts_with(told.type, rtrim(wanted, '*')))
        )
    )
    RETURNING event_id, endpoint_id
    """,
)

# Owed to one endpoint, whatever it lists, and announced to nobody else.
_OWED_TO_ONE: Final = Part(
    "owed",
    """
    INSERT INTO deliveries (id, endpoint_id, event_id, next_attempt_at, created_at)
    SELECT $2, $1, id, created_at, created_at FROM told
    RETURNING event_id, endpoint_id
    """,
)

TELLING: Final = (TOLD, ANNOUNCED, OWED)

# What happened, without endpoints, and then the events that somebody is owed.
RESULT: Final = """
SELECT what, NULL::text[] AS endpoint_ids FROM happened
UNION ALL
SELECT event_id, array_agg(endpoint_id ORDER BY endpoint_id) FROM owed GROUP BY event_id
"""

_TELL: Final = compose([NOTHING, *TELLING], RESULT)
_TELL_ONE: Final = compose([NOTHING, TOLD, _OWED_TO_ONE], RESULT)


class Telling(Struct, frozen=True):
    """An event with the end-to-end id whose walk it belongs to (None: it has none)."""

    event: Event
    reference: str | None = None
    given: str | None = None


class Told(Struct, frozen=True):
    """What happened, and which webhook endpoints have a new delivery, by event id."""

    happened: frozenset[str] = frozenset()
    by_event: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """From RESULT."""
        found = {row["what"]: row["endpoint_ids"] for row in rows}
        return cls(
            frozenset(what for what, ids in found.items() if ids is None),
            {what: tuple(ids) for what, ids in found.items() if ids is not None},
        )

    def of(self, event: Event) -> tuple[str, ...]:
        return self.by_event.get(event.id, ())

    @property
    def endpoint_ids(self) -> tuple[str, ...]:
        return tuple(sorted({one for ids in self.by_event.values() for one in ids}))


def told(house: House, tellings: Iterable[Telling]) -> list[Any]:
    """The arguments of TELLING."""
    return [*_events(house, tellings), f"FLUXIQ.{house.ispb}.events."]


async def tell(connection: Connection, house: House, tellings: Sequence[Telling]) -> Told:
    """Write events, in a transaction that has written what they tell of."""
    if not tellings:
        return Told()

    return Told.of_rows(await connection.fetch(_TELL, *told(house, tellings)))


async def tell_one(connection: Connection, house: House, endpoint_id: str, event: Event) -> None:
    """Write an event that is owed to one endpoint only."""
    name = delivery_id(event.id, endpoint_id)
    await connection.fetch(_TELL_ONE, *_events(house, [Telling(event)]), endpoint_id, name)


def body_of(event: Event) -> bytes:
    """The event as merchants see it: `id`, `type`, `created_at` (UTC, with Z), `data`."""
    return msgspec.json.encode(
        {
            "id": event.id,
            "type": event.type,
            "created_at": _utc(event.created_at),
            "data": event.data,
        }
    )


def _events(house: House, tellings: Iterable[Telling]) -> list[Any]:
    """The arguments of TOLD."""
    rows = (
        (
            one.event.id,
            one.event.merchant_id,
            one.event.type,
            one.event.created_at,
            house.seal(body_of(one.event), EVENT_BODY, one.event.id),
            one.reference,
            one.given,
        )
        for one in tellings
    )
    return columns(rows, 7)


def _utc(at: datetime) -> datetime:
    assert at.tzinfo is not None, "a naive time says nothing"
    return at.astimezone(UTC)
