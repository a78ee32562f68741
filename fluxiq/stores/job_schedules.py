"""Schedules on paper: each process may plan, and each time is planned once.

A schedule moves from the time that is not planned yet to the next one by compare and set, in the
statement that enqueues the jobs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fluxiq.ports.jobs import Planned, ScheduleRow
from fluxiq.stores import job_queue
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, record
from fluxiq.stores.statement import HAPPENED, Part, compose

# One whose timing is another now starts afresh; what it missed under the old one is not planned.
_DECLARE: Final = """
INSERT INTO job_schedules AS old (name, timing, next_run)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS declared (name, timing, next_run)
ORDER BY name
ON CONFLICT (name) DO UPDATE SET timing = excluded.timing, next_run = excluded.next_run
WHERE old.timing <> excluded.timing
"""

_PAUSED: Final = """
EXISTS (SELECT FROM job_pauses WHERE subject = 'schedule' AND job_pauses.name = job_schedules.name)
"""

_DUE: Final = f"""
SELECT *, false AS is_paused FROM job_schedules
WHERE name = ANY ($1::text[]) AND next_run <= $2 AND NOT {_PAUSED} ORDER BY name
"""  # noqa: S608 - a constant

_ALL: Final = f"SELECT *, {_PAUSED} AS is_paused FROM job_schedules ORDER BY name"  # noqa: S608

_MOVED: Final = Part(
    "happened (what)",
    """
    UPDATE job_schedules SET
        next_run = planned.next_run, last_run = coalesce(planned.last_run, job_schedules.last_run)
    FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
        AS planned (name, before, next_run, last_run)
    WHERE job_schedules.name = planned.name AND job_schedules.next_run = planned.before
        AND job_schedules.name IN (
            SELECT name FROM job_schedules WHERE name = ANY ($1::text[]) ORDER BY name FOR UPDATE
        )
    RETURNING job_schedules.name
    """,
)

_PLAN: Final = compose([_MOVED, *job_queue.ENQUEUED], HAPPENED)


async def declare(connection: Connection, rows: Sequence[ScheduleRow]) -> None:
    await connection.execute(
        _DECLARE, *columns(((one.name, one.timing, one.next_run) for one in rows), 3)
    )


async def due_schedules(
    connection: Connection, names: Sequence[str], now: datetime
) -> list[ScheduleRow]:
    return [record(ScheduleRow, row) for row in await connection.fetch(_DUE, names, now)]


async def schedules(connection: Connection) -> list[ScheduleRow]:
    return [record(ScheduleRow, row) for row in await connection.fetch(_ALL)]


async def plan(connection: Connection, batch: Sequence[Planned]) -> list[str]:
    moves = [(one.schedule, one.before, one.next_run, _last_run(one)) for one in batch]
    jobs = [(job, one.schedule) for one in batch for job in one.jobs]
    rows = await connection.fetch(_PLAN, *columns(moves, 4), *job_queue.enqueued(jobs))
    return [row["what"] for row in rows]


def _last_run(planned: Planned) -> datetime | None:
    return planned.jobs[-1].run_at if planned.jobs else None
