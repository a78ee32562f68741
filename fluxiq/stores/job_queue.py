"""Jobs from paper to hand: enqueued, due, claimed under a lease. Their ends: `job_attempts`.

Other rooms enqueue inside their own statement, so that the job is there exactly when their change
is:

    compose([..., *job_queue.ENQUEUED], ...), *job_queue.enqueued((job, given) for ...)

or, in a transaction of several statements, with `enqueue`. Afterwards `tenant.workers.ring()` saves
up to a second of waiting.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from fluxiq.domain.job import Job, JobState
from fluxiq.ports.jobs import NewJob, Wanted
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, record
from fluxiq.stores.statement import GIVEN, NOTHING, Part, compose

# A key is taken over once its time is up. Sorted, against deadlocks; it waits for an unfinished
# rival, so of any number of equal jobs one is made.
_KEYED: Final = Part(
    "keyed (job_id)",
    f"""
    INSERT INTO job_keys AS old (kind, key, job_id, claimed_at, until)
    SELECT kind, key, job_id, claimed_at, until
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[]
    ) AS asked (kind, key, job_id, claimed_at, until, given)
    WHERE {GIVEN} AND NOT EXISTS (SELECT FROM jobs WHERE jobs.id = asked.job_id)
    ORDER BY kind, key
    ON CONFLICT (kind, key) DO UPDATE SET
        job_id = excluded.job_id, claimed_at = excluded.claimed_at, until = excluded.until
    WHERE old.until <= excluded.claimed_at
    RETURNING job_id
    """,  # noqa: S608 - a constant
)

_MADE: Final = Part(
    "enqueued (id)",
    f"""
    INSERT INTO jobs (
        id, kind, version, args, state, priority, attempts_max, run_at, created_at, unique_key,
        schedule
    )
    SELECT
        id, kind, version, args, state, priority, attempts_max, run_at, created_at, unique_key,
        schedule
    FROM unnest(
        $1::text[], $2::text[], $3::int[], $4::jsonb[], $5::text[], $6::int2[], $7::int[],
        $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[]
    ) AS asked (
        id, kind, version, args, state, priority, attempts_max, run_at, created_at, unique_key,
        schedule, given
    )
    WHERE {GIVEN} AND (unique_key IS NULL OR id IN (SELECT job_id FROM keyed))
    ON CONFLICT (id) DO NOTHING
    RETURNING id
    """,  # noqa: S608 - a constant
)

ENQUEUED: Final = (_KEYED, _MADE)
_ENQUEUE: Final = compose([NOTHING, *ENQUEUED], "SELECT id FROM enqueued")

_MAKE_DUE: Final = """
UPDATE jobs SET state = 'available' WHERE id IN (
    SELECT id FROM jobs WHERE state IN ('scheduled', 'retryable') AND run_at <= $1
    ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""

# One claim of an institution at a time, or two processes would each count what runs and then run
# too much. Only claims wait for it, and they are short.
_CLAIM_LOCK: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('fluxiq.jobs.' || current_schema(), 0))
"""

_CLAIM: Final = """
WITH room AS (
    SELECT kind, version, concurrency - (
        SELECT count(*) FROM jobs WHERE jobs.kind = wanted.kind AND state = 'executing'
    ) AS free
    FROM unnest($1::text[], $2::int[], $3::int[]) AS wanted (kind, version, concurrency)
    WHERE NOT EXISTS (
        SELECT FROM job_pauses WHERE subject = 'kind' AND name = wanted.kind
    )
), due AS (
    SELECT picked.id FROM room CROSS JOIN LATERAL (
        SELECT id, priority, run_at FROM jobs
        WHERE jobs.kind = room.kind AND state = 'available' AND jobs.version <= room.version
        ORDER BY priority, run_at, id
        LIMIT least(greatest(room.free, 0), $6)
        FOR UPDATE SKIP LOCKED
    ) AS picked
    ORDER BY picked.priority, picked.run_at, picked.id LIMIT $6
), claimed AS (
    UPDATE jobs SET
        state = 'executing', attempt = attempt + 1, attempted_at = $4, lease_until = $5
    FROM due WHERE jobs.id = due.id
    RETURNING jobs.*
)
SELECT * FROM claimed ORDER BY priority, run_at, id
"""


def enqueued(jobs: Iterable[tuple[NewJob, str | None]]) -> list[list[Any]]:
    """The arguments of ENQUEUED: jobs, each with what it is `given`. Of those of one statement that
    share a kind and a unique key, the first is made.
    """
    asked = list(_first_of_each_key(jobs))
    keys = [
        (job.kind, job.unique_key, job.id, job.created_at, job.unique_until, given)
        for job, given in asked
        if job.unique_key is not None
    ]
    return [
        *columns(keys, 6),
        *columns(((*_row(job), given) for job, given in asked), 12),
    ]


async def enqueue(connection: Connection, jobs: Sequence[NewJob]) -> list[bool]:
    """Put on paper what is new; False where the id is there already or the unique key is taken."""
    rows = await connection.fetch(_ENQUEUE, *enqueued((job, None) for job in jobs))
    made = {row["id"] for row in rows}
    answers = []
    for job in jobs:
        answers.append(job.id in made)
        made.discard(job.id)  # the same job twice in one batch is made once
    return answers


async def make_due(connection: Connection, now: datetime, limit: int) -> int:
    return int((await connection.execute(_MAKE_DUE, now, limit)).rpartition(" ")[2])


async def claim(
    connection: Connection,
    wanted: Sequence[Wanted],
    now: datetime,
    lease_until: datetime,
    limit: int,
) -> list[Job]:
    await connection.execute(_CLAIM_LOCK)
    # A statement of its own: its snapshot is younger than the lock, and sees the last claim.
    rows = await connection.fetch(
        _CLAIM,
        *columns(((one.kind, one.version, one.concurrency) for one in wanted), 3),
        now,
        lease_until,
        limit,
    )
    return [record(Job, row) for row in rows]


def _first_of_each_key(
    jobs: Iterable[tuple[NewJob, str | None]],
) -> Iterable[tuple[NewJob, str | None]]:
    seen: set[tuple[str, str]] = set()
    for job, given in jobs:
        if job.unique_key is not None:
            if (job.kind, job.unique_key) in seen:
                continue
            seen.add((job.kind, job.unique_key))
        yield job, given


def _row(job: NewJob) -> tuple[object, ...]:
    is_due = job.run_at <= job.created_at
    return (
        job.id,
        job.kind,
        job.version,
        job.args,
        JobState.AVAILABLE if is_due else JobState.SCHEDULED,
        job.priority,
        job.attempts_max,
        job.run_at,
        job.created_at,
        job.unique_key,
        job.schedule,
    )
