"""`ports.event_log.EventLog` over an institution's own schema.

Numbers are given where events are announced, after the commit that wrote them: a number that the
commit itself gave would need a counter row per merchant, on which every payment of that merchant
would wait for the one before (docs/decisions/0011).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fluxiq.ports import Page
from fluxiq.ports.event_log import EventLog, EventsWanted, Numbered, Unnumbered
from fluxiq.ports.sealing import Sealer
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns
from fluxiq.stores.sealed import EVENT_BODY, House
from fluxiq.stores.sealed_records import those_that_open

# One at a time in an institution, whatever the process. Each statement after it sees what the one
# before has committed: numbers are read and taken in a statement of their own.
_LOCK: Final = """
SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.event_sequence', 0))
"""

_NUMBER: Final = """
WITH asked AS (
    SELECT event_id, merchant_id, place
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (event_id, merchant_id, place)
), known AS (
    SELECT event_id, sequence FROM event_sequence WHERE event_id = ANY ($1::text[])
), fresh AS (
    SELECT
        event_id, merchant_id, row_number() OVER (PARTITION BY merchant_id ORDER BY place) AS step
    FROM asked WHERE event_id NOT IN (SELECT event_id FROM known)
), reached AS (
    SELECT merchant_id, (
        SELECT coalesce(max(sequence), 0) FROM event_sequence AS told
        WHERE told.merchant_id = merchant.merchant_id
    ) AS sequence
    FROM (SELECT DISTINCT merchant_id FROM fresh) AS merchant
), numbered AS (
    INSERT INTO event_sequence (merchant_id, sequence, event_id)
    SELECT merchant_id, reached.sequence + step, event_id
    FROM fresh JOIN reached USING (merchant_id)
    RETURNING event_id, sequence
)
SELECT event_id, sequence FROM known UNION ALL SELECT event_id, sequence FROM numbered
"""

_LAST: Final = """
SELECT merchant_id, (
    SELECT coalesce(max(sequence), 0) FROM event_sequence AS told
    WHERE told.merchant_id = asked.merchant_id
) AS sequence
FROM unnest($1::text[]) AS asked (merchant_id)
"""

_AFTER: Final = """
SELECT sequence, events.id, body FROM event_sequence JOIN events ON events.id = event_id
WHERE event_sequence.merchant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
"""

_NUMBERED: Final = """
FROM event_sequence JOIN events ON events.id = event_id WHERE event_sequence.merchant_id = $1
"""
_FIND: Final = f"SELECT sequence, events.id, body {_NUMBERED} AND events.id = $2"


class PostgresEventLog(EventLog):
    """The events of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def number(self, events: Sequence[Unnumbered]) -> Mapping[str, int]:
        if not events:
            return {}
        return await self._postgres.transaction(_number, events)

    async def last(self, merchant_ids: Iterable[str]) -> Mapping[str, int]:
        return await self._postgres.run(_last, list(merchant_ids))

    async def after(self, merchant_id: str, sequence: int, limit: int) -> Sequence[Numbered]:
        return await self._postgres.run(_after, self._house, merchant_id, sequence, limit)

    async def page(
        self, merchant_id: str, wanted: EventsWanted, page: Page
    ) -> tuple[Sequence[Numbered], int]:
        return await self._postgres.run(_page, self._house, merchant_id, wanted, page)

    async def find(self, merchant_id: str, event_id: str) -> Numbered | None:
        return await self._postgres.run(_find, self._house, merchant_id, event_id)


async def _number(connection: Connection, events: Sequence[Unnumbered]) -> dict[str, int]:
    await connection.execute(_LOCK)
    asked = columns(((one.event_id, one.merchant_id) for one in events), 2)
    rows = await connection.fetch(_NUMBER, *asked)
    return {row["event_id"]: row["sequence"] for row in rows}


async def _last(connection: Connection, merchant_ids: Sequence[str]) -> dict[str, int]:
    rows = await connection.fetch(_LAST, merchant_ids)
    return {row["merchant_id"]: row["sequence"] for row in rows}


async def _after(
    connection: Connection, house: House, merchant_id: str, sequence: int, limit: int
) -> list[Numbered]:
    rows = await connection.fetch(_AFTER, merchant_id, sequence, limit)
    return those_that_open(partial(_numbered_of, house), rows)


async def _page(
    connection: Connection, house: House, merchant_id: str, wanted: EventsWanted, page: Page
) -> tuple[list[Numbered], int]:
    exact, begins = _types(wanted.type)
    asked = {
        "type = {}": exact,
        "starts_with(type, {})": begins,
        "created_at >= {}": wanted.since,
        "created_at < {}": wanted.until,
    }
    given = {text: value for text, value in asked.items() if value is not None}
    where = "".join(
        f" AND {text.format(f'${number}')}" for number, text in enumerate(given, start=2)
    )
    arguments = [merchant_id, *given.values()]
    size, before = page.size, (page.number - 1) * page.size
    rows = await connection.fetch(
        f"""
        SELECT sequence, events.id, body {_NUMBERED} {where}
        ORDER BY sequence DESC LIMIT ${len(arguments) + 1} OFFSET ${len(arguments) + 2}
        """,
        *arguments,
        size,
        before,
    )
    if 0 < len(rows) < size:
        total = before + len(rows)
    else:
        total = await connection.fetchval(f"SELECT count(*) {_NUMBERED} {where}", *arguments)
    return [_numbered_of(house, row) for row in rows], total


def _types(wanted: str | None) -> tuple[str | None, str | None]:
    """The type, or how types begin."""
    if wanted is None or not wanted.endswith("*"):
        return wanted, None
    return None, wanted.removesuffix("*")


async def _find(
    connection: Connection, house: House, merchant_id: str, event_id: str
) -> Numbered | None:
    row = await connection.fetchrow(_FIND, merchant_id, event_id)
    return None if row is None else _numbered_of(house, row)


def _numbered_of(house: House, row: Mapping[str, Any]) -> Numbered:
    return Numbered(row["sequence"], house.open(row["body"], EVENT_BODY, row["id"]))
