"""Differences on paper: each is locked, judged by `domain.difference`, and written with its line in
the audit trail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fluxiq.domain.difference import DifferenceEvent, DifferenceState, advance
from fluxiq.domain.reconciliation import DifferenceKind
from fluxiq.errors import Refused
from fluxiq.ports.reconciliation import DifferenceRow, Found, Run
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of, record

_KNOWN: Final = """
SELECT known.* FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (flow, record_id, kind)
JOIN reconciliation_differences AS known USING (flow, record_id, kind)
ORDER BY id FOR UPDATE OF known
"""

_KEEP_DIFFERENCES: Final = """
INSERT INTO reconciliation_differences AS known (
    flow, record_id, kind, ours, theirs, settled_at, detail, state, run_id, found_at, seen_at,
    changed_at
)
SELECT flow, record_id, kind, ours, theirs, settled_at, detail, state, $9, $10, $10, $10
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[],
    $8::text[]
) AS found (flow, record_id, kind, ours, theirs, settled_at, detail, state)
ORDER BY flow, record_id, kind
ON CONFLICT (flow, record_id, kind) DO UPDATE SET
    ours = excluded.ours,
    theirs = excluded.theirs,
    settled_at = excluded.settled_at,
    detail = excluded.detail,
    state = excluded.state,
    run_id = excluded.run_id,
    seen_at = excluded.seen_at,
    changed_at = CASE WHEN known.state = excluded.state THEN known.changed_at
        ELSE excluded.changed_at END
RETURNING *
"""

# Doubled lines that were seen once this time.
_SINGLE: Final = """
SELECT found.id FROM reconciliation_differences AS found
JOIN statement_lines AS line ON line.flow = found.flow AND line.id = found.record_id
WHERE found.state IN ('open', 'healing') AND kind = 'doubled_there'
    AND line.run_id = $1 AND line.times = 1
"""

_LOOK: Final = """
UPDATE reconciliation_differences SET looked_at = $1 WHERE id IN (
    SELECT id FROM reconciliation_differences
    WHERE state IN ('open', 'healing') AND (looked_at IS NULL OR looked_at < $1)
    ORDER BY looked_at NULLS FIRST, id LIMIT $2
    FOR UPDATE SKIP LOCKED
)
RETURNING *
"""

_CHANGE: Final = """
UPDATE reconciliation_differences AS known SET state = new.state, changed_at = $3
FROM unnest($1::bigint[], $2::text[]) AS new (id, state)
WHERE known.id = new.id RETURNING known.*
"""

_RESOLVE: Final = """
UPDATE reconciliation_differences SET state = $2, changed_at = $3, reason = $4
WHERE id = $1 RETURNING *
"""

_LIST: Final = """
SELECT * FROM reconciliation_differences WHERE $1::text IS NULL OR state = $1
ORDER BY id DESC LIMIT $2
"""


_OPEN_COUNTS: Final = """
SELECT kind, count(*) AS number FROM reconciliation_differences
WHERE state = 'open' GROUP BY kind
"""


async def look(connection: Connection, now: datetime, limit: int) -> list[DifferenceRow]:
    return _rows(await connection.fetch(_LOOK, now, limit))


async def differences(
    connection: Connection, state: DifferenceState | None, limit: int
) -> list[DifferenceRow]:
    return _rows(await connection.fetch(_LIST, state, limit))


async def find(connection: Connection, difference_id: int) -> DifferenceRow | None:
    query = "SELECT * FROM reconciliation_differences WHERE id = $1"
    row = await connection.fetchrow(query, difference_id)
    return None if row is None else record(DifferenceRow, row)


async def open_counts(connection: Connection) -> dict[DifferenceKind, int]:
    rows = await connection.fetch(_OPEN_COUNTS)
    return {DifferenceKind(row["kind"]): row["number"] for row in rows}


async def heal_singles(connection: Connection, run: Run) -> None:
    """What was doubled before, and was not so in this run."""
    single = await connection.fetch(_SINGLE, run.id)
    gone = {row["id"]: DifferenceEvent.GONE for row in single}
    await change(connection, gone, run.updated_at)


async def keep(connection: Connection, run: Run, found: Sequence[Found]) -> list[DifferenceRow]:
    """Each is locked, judged and written; those whose state changes are news."""
    asked = [(f.difference.flow, f.difference.id, f.difference.kind) for f in found]
    known = _rows(await connection.fetch(_KNOWN, *columns(asked, 3)))
    before = {(one.flow, one.record_id, one.kind): one.state for one in known}
    kept = []
    for one, key in zip(found, asked, strict=True):
        if before.get(key) is DifferenceState.RESOLVED:
            continue  # as the operator left it
        state, told = advance(before.get(key), one.event), one.difference
        assert state is not None, f"{one.event} is of every difference"
        amounts = (told.ours, told.theirs, told.settled_at, told.detail)
        kept.append((*key, *amounts, state))

    rows = _rows(
        await connection.fetch(_KEEP_DIFFERENCES, *columns(kept, 8), run.id, run.updated_at)
    )
    news = [row for row in rows if before.get((row.flow, row.record_id, row.kind)) is not row.state]
    await paperwork.file(connection, audit=[_line("platform", row) for row in news])
    return news


async def change(
    connection: Connection, changes: Mapping[int, DifferenceEvent], now: datetime
) -> list[DifferenceRow]:
    if not changes:
        return []
    query = """
        SELECT * FROM reconciliation_differences WHERE id = ANY ($1::bigint[])
        ORDER BY id FOR UPDATE
    """
    known = _rows(await connection.fetch(query, list(changes)))
    states = [(one.id, advance(one.state, changes[one.id])) for one in known]
    moved = [(difference_id, state) for difference_id, state in states if state is not None]
    changed = _rows(await connection.fetch(_CHANGE, *columns(moved, 2), now))
    await paperwork.file(connection, audit=[_line("platform", row) for row in changed])
    return changed


async def resolve(
    connection: Connection, difference_id: int, now: datetime, reason: str
) -> DifferenceRow:
    query = "SELECT * FROM reconciliation_differences WHERE id = $1 FOR UPDATE"
    row = await connection.fetchrow(query, difference_id)
    if row is None:
        raise Refused("difference_not_found", f"no difference {difference_id}")

    state = advance(DifferenceState(row["state"]), DifferenceEvent.DECIDED)
    if state is None:
        raise Refused("difference_ended", f"difference {difference_id} is {row['state']}")
    done = await connection.fetchrow(_RESOLVE, difference_id, state, now, reason)
    resolved = record(DifferenceRow, done)
    await paperwork.file(connection, audit=[_line("operator", resolved)])
    return resolved


def _line(actor: str, row: DifferenceRow) -> paperwork.AuditLine:
    note = row.reason or f"{row.kind}: {row.theirs} there, {row.ours} here"
    subject = f"{row.flow} {row.record_id}"
    return paperwork.AuditLine(actor, f"difference.{row.state}", subject, digest_of(row), note=note)


def _rows(found: Sequence[Mapping[str, Any]]) -> list[DifferenceRow]:
    return [record(DifferenceRow, row) for row in found]
