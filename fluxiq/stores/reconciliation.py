"""`ports.reconciliation.Reconciliation` over an institution's own schema."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fluxiq.domain.difference import DifferenceEvent, DifferenceState
from fluxiq.domain.reconciliation import (
    DifferenceKind,
    Flow,
    Name,
    OurRecord,
    StatementLine,
    Window,
    name_of,
)
from fluxiq.errors import Unavailable
from fluxiq.ports.reconciliation import (
    DifferenceRow,
    Found,
    Reconciliation,
    Run,
    Unmatched,
)
from fluxiq.stores import differences, paperwork, settled
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record

BUSY_SECONDS: Final = 60.0  # when to come again while another run is under way

_ABANDON: Final = """
UPDATE reconciliation_runs SET state = 'abandoned', ended_at = $2
WHERE state = 'under_way' AND updated_at < $1 RETURNING id
"""

_BEGIN: Final = """
INSERT INTO reconciliation_runs (id, since, until, state, step, cursor, started_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING RETURNING *
"""

_ADVANCE: Final = """
UPDATE reconciliation_runs SET
    step = $2, cursor = $3, pages = $4, lines = $5, lines_amount = $6, records = $7,
    records_amount = $8, matched = $9, matched_amount = $10, differences = $11, healed = $12,
    updated_at = $13, state = $14, ended_at = $15
WHERE id = $1 AND state = 'under_way' RETURNING id
"""

# Sorted, so that two processes take their locks in the same order.
_KEEP_LINES: Final = """
INSERT INTO statement_lines (flow, id, provider, amount, settled_at, run_id, times)
SELECT flow, id, $6, amount, settled_at, $7, times
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::integer[])
    AS said (flow, id, amount, settled_at, times)
ORDER BY flow, id
ON CONFLICT (flow, id) DO UPDATE SET
    provider = excluded.provider,
    amount = excluded.amount,
    settled_at = excluded.settled_at,
    run_id = excluded.run_id,
    times = excluded.times
        + CASE WHEN statement_lines.run_id = excluded.run_id THEN statement_lines.times ELSE 0 END
"""

_SEEN: Final = """
SELECT flow, id FROM unnest($2::text[], $3::text[]) AS asked (flow, id)
JOIN statement_lines USING (flow, id) WHERE run_id = $1
"""

_LINES: Final = """
SELECT flow, id, amount, settled_at FROM unnest($1::text[], $2::text[]) AS asked (flow, id)
JOIN statement_lines USING (flow, id)
"""

# By their time alone: by their flow they would be half of the table.
_FORGET: Final = """
WITH unseen AS MATERIALIZED (
    SELECT flow, id FROM statement_lines
    WHERE settled_at >= $2 AND settled_at < $3 AND run_id <> $1
)
DELETE FROM statement_lines USING unseen
WHERE statement_lines.flow = unseen.flow AND statement_lines.id = unseen.id
    AND unseen.flow = ANY ($4::text[])
"""


class PostgresReconciliation(Reconciliation):
    """Runs, lines and differences of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def begin(self, run: Run, stale_before: datetime) -> Run:
        return await self._postgres.transaction(_begin, run, stale_before)

    async def finish(self, run: Run) -> None:
        await self._postgres.transaction(_finish, run)

    async def runs(self, limit: int) -> list[Run]:
        query = "SELECT * FROM reconciliation_runs ORDER BY started_at DESC, id DESC LIMIT $1"
        return [record(Run, row) for row in await self._postgres.run(_fetch, query, limit)]

    async def records(self, names: Sequence[Name]) -> dict[Name, OurRecord]:
        return await self._postgres.run(settled.records, names)

    async def seen(self, run_id: str, names: Sequence[Name]) -> set[Name]:
        rows = await self._postgres.run(_fetch, _SEEN, run_id, *columns(names, 2))
        return {(Flow(row["flow"]), row["id"]) for row in rows}

    async def lines(self, names: Sequence[Name]) -> dict[Name, StatementLine]:
        rows = await self._postgres.run(_fetch, _LINES, *columns(names, 2))
        return {name_of(line): line for line in (record(StatementLine, row) for row in rows)}

    async def file_page(
        self, run: Run, provider: str, lines: Sequence[StatementLine], found: Sequence[Found]
    ) -> list[DifferenceRow]:
        return await self._postgres.transaction(_file_page, run, provider, lines, found)

    async def forget_vanished(self, run: Run, flows: Sequence[Flow], window: Window) -> int:
        said = await self._postgres.run(
            _execute, _FORGET, run.id, window.since, window.until, list(flows)
        )
        return int(said.rpartition(" ")[2])

    async def totals(self, flow: Flow, window: Window) -> tuple[int, int]:
        return await self._postgres.run(settled.totals, flow, window)

    async def unmatched(self, flow: Flow, window: Window, after: str, limit: int) -> Unmatched:
        return await self._postgres.run(settled.unmatched, flow, window, after, limit)

    async def look(self, now: datetime, limit: int) -> list[DifferenceRow]:
        return await self._postgres.run(differences.look, now, limit)

    async def change(
        self, changes: Mapping[int, DifferenceEvent], now: datetime
    ) -> list[DifferenceRow]:
        return await self._postgres.transaction(differences.change, changes, now)

    async def differences(self, state: DifferenceState | None, limit: int) -> list[DifferenceRow]:
        return await self._postgres.run(differences.differences, state, limit)

    async def find(self, difference_id: int) -> DifferenceRow | None:
        return await self._postgres.run(differences.find, difference_id)

    async def resolve(self, difference_id: int, now: datetime, reason: str) -> DifferenceRow:
        return await self._postgres.transaction(differences.resolve, difference_id, now, reason)

    async def done_since(self, begun: datetime) -> set[Window]:
        query = """
            SELECT since, until FROM reconciliation_runs WHERE started_at >= $1 AND state = 'done'
        """
        rows = await self._postgres.run(_fetch, query, begun)
        return {Window(row["since"], row["until"]) for row in rows}

    async def reached(self) -> datetime | None:
        query = """
            SELECT until FROM reconciliation_runs WHERE state = 'done'
            ORDER BY started_at DESC, id DESC LIMIT 1
        """
        rows = await self._postgres.run(_fetch, query)
        return rows[0]["until"] if rows else None

    async def open_counts(self) -> dict[DifferenceKind, int]:
        return await self._postgres.run(differences.open_counts)


async def _begin(connection: Connection, run: Run, stale_before: datetime) -> Run:
    query = "SELECT * FROM reconciliation_runs WHERE id = $1 FOR UPDATE"
    if (known := await connection.fetchrow(query, run.id)) is not None:
        return record(Run, known)

    abandoned = await connection.fetch(_ABANDON, stale_before, run.started_at)
    begun = await connection.fetchrow(
        _BEGIN,
        run.id,
        run.since,
        run.until,
        run.state,
        run.step,
        run.cursor,
        run.started_at,
        run.updated_at,
    )
    if begun is None:
        raise Unavailable("reconciliation", "another run is under way", retry_after=BUSY_SECONDS)
    lines = [paperwork.AuditLine("platform", "reconciliation.begun", run.id, digest_of(run))]
    lines += [
        paperwork.AuditLine("platform", "reconciliation.abandoned", row["id"], b"")
        for row in abandoned
    ]
    await paperwork.file(connection, audit=lines)
    return record(Run, begun)


async def _finish(connection: Connection, run: Run) -> None:
    await _advance(connection, run)
    await differences.heal_singles(connection, run)
    line = paperwork.AuditLine("platform", "reconciliation.done", run.id, digest_of(run))
    await paperwork.file(connection, audit=[line])


async def _file_page(
    connection: Connection,
    run: Run,
    provider: str,
    lines: Sequence[StatementLine],
    found: Sequence[Found],
) -> list[DifferenceRow]:
    await _advance(connection, run)
    if lines:
        times = Counter(map(name_of, lines))
        last = {name_of(line): line for line in lines}
        rows = (
            (one.flow, one.id, one.amount, one.settled_at, times[name])
            for name, one in last.items()
        )
        await connection.execute(_KEEP_LINES, *columns(rows, 5), provider, run.id)
    return await differences.keep(connection, run, found) if found else []


async def _advance(connection: Connection, run: Run) -> None:
    done = await connection.fetchval(
        _ADVANCE,
        run.id,
        run.step,
        run.cursor,
        run.pages,
        run.lines,
        run.lines_amount,
        run.records,
        run.records_amount,
        run.matched,
        run.matched_amount,
        run.differences,
        run.healed,
        run.updated_at,
        run.state,
        run.ended_at,
    )
    if done is None:
        raise Unavailable("reconciliation", f"{run.id} was ended by somebody else")


async def _fetch(connection: Connection, query: str, *arguments: object) -> list[Mapping[str, Any]]:
    return list(await connection.fetch(query, *arguments))


async def _execute(connection: Connection, query: str, *arguments: object) -> str:
    return str(await connection.execute(query, *arguments))
