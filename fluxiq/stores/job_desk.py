"""Jobs as operators see and order them, and the end of those that ended long ago."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fluxiq.domain.job import OPEN, Job, JobEvent, JobState, states_before
from fluxiq.errors import Refused
from fluxiq.ports.jobs import Backlog, Pruning, Subject
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of, record

_LIST: Final = """
SELECT * FROM jobs
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
ORDER BY created_at DESC, id DESC LIMIT $3
"""

_COUNTS: Final = "SELECT kind, state, count(*) AS jobs FROM jobs GROUP BY kind, state"

_BACKLOG: Final = """
SELECT kind, count(*) AS waiting, min(run_at) AS oldest FROM jobs
WHERE state = 'available' GROUP BY kind ORDER BY kind
"""

# All attempts are before it again, and its fence has only grown.
_REVIVE: Final = """
UPDATE jobs SET state = 'available', run_at = $2, ended_at = NULL, given_back = attempt
WHERE id = $1 RETURNING *
"""

_HOLD_KEY: Final = """
INSERT INTO job_keys AS old (kind, key, job_id, claimed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key) DO UPDATE SET
    job_id = excluded.job_id, claimed_at = excluded.claimed_at, until = NULL
WHERE old.until <= excluded.claimed_at OR old.job_id = excluded.job_id
RETURNING job_id
"""

_CALL_OFF: Final = """
UPDATE jobs SET state = 'cancelled', ended_at = $2, lease_until = NULL WHERE id = $1 RETURNING *
"""

_PAUSE: Final = """
INSERT INTO job_pauses (subject, name, reason, paused_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (subject, name) DO NOTHING RETURNING name
"""

_RESUME: Final = "DELETE FROM job_pauses WHERE subject = $1 AND name = $2 RETURNING name"

# The kinds that there are, each by one look into the index; then the oldest of each kind and state.
_PRUNE: Final = """
WITH RECURSIVE kinds (kind) AS (
    (SELECT kind FROM jobs WHERE ended_at IS NOT NULL ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (
        SELECT jobs.kind FROM jobs WHERE ended_at IS NOT NULL AND jobs.kind > kinds.kind
        ORDER BY jobs.kind LIMIT 1
    ) FROM kinds WHERE kinds.kind IS NOT NULL
), rules AS (
    SELECT kinds.kind, usual.state, coalesce(own.before, usual.before) AS before
    FROM kinds
    CROSS JOIN unnest($1::text[], $2::timestamptz[]) AS usual (state, before)
    LEFT JOIN unnest($3::text[], $4::text[], $5::timestamptz[]) AS own (kind, state, before)
        ON own.kind = kinds.kind AND own.state = usual.state
    WHERE kinds.kind IS NOT NULL
), old AS (
    SELECT picked.id FROM rules CROSS JOIN LATERAL (
        SELECT id FROM jobs
        WHERE jobs.kind = rules.kind AND jobs.state = rules.state AND ended_at < rules.before
        ORDER BY ended_at LIMIT $6 FOR UPDATE SKIP LOCKED
    ) AS picked LIMIT $6
)
DELETE FROM jobs USING old WHERE jobs.id = old.id
"""

# Keys whose time is up, and keys without a time whose job is not open: none, unless a job was taken
# out by hand.
_PRUNE_KEYS: Final = """
DELETE FROM job_keys WHERE until <= $1 OR (until IS NULL AND NOT EXISTS (
    SELECT FROM jobs WHERE jobs.id = job_keys.job_id AND state = ANY ($2::text[])
))
"""


async def find(connection: Connection, job_id: str) -> Job | None:
    row = await connection.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)
    return None if row is None else record(Job, row)


async def jobs(
    connection: Connection, state: JobState | None, kind: str | None, limit: int
) -> list[Job]:
    return [record(Job, row) for row in await connection.fetch(_LIST, state, kind, limit)]


async def counts(connection: Connection) -> dict[tuple[str, JobState], int]:
    rows = await connection.fetch(_COUNTS)
    return {(row["kind"], JobState(row["state"])): row["jobs"] for row in rows}


async def backlog(connection: Connection) -> list[Backlog]:
    return [record(Backlog, row) for row in await connection.fetch(_BACKLOG)]


async def pauses(connection: Connection) -> dict[tuple[Subject, str], str]:
    rows = await connection.fetch("SELECT subject, name, reason FROM job_pauses")
    return {(Subject(row["subject"]), row["name"]): row["reason"] for row in rows}


async def revive(connection: Connection, job_id: str, now: datetime, reason: str) -> Job:
    """Runs in a transaction: the row is locked, judged, then changed."""
    job = await _locked(connection, job_id)
    if job.state not in states_before(JobEvent.REVIVED):
        raise Refused("job_not_waiting", f"{job_id} is {job.state}")

    if job.unique_key is not None:
        holder = await connection.fetchval(_HOLD_KEY, job.kind, job.unique_key, job_id, now)
        if holder is None:
            raise Refused("job_not_unique", f"another {job.kind} holds {job.unique_key!r}")

    row = await connection.fetchrow(_REVIVE, job_id, now)
    return await _noted(connection, job, record(Job, row), "job.revived", reason)


async def call_off(connection: Connection, job_id: str, now: datetime, reason: str) -> Job:
    """Runs in a transaction. Whoever executes the job finds its attempt ended."""
    job = await _locked(connection, job_id)
    if job.state not in states_before(JobEvent.CALLED_OFF):
        raise Refused("job_ended", f"{job_id} is {job.state}")

    await connection.execute("DELETE FROM job_keys WHERE job_id = $1 AND until IS NULL", job_id)
    row = await connection.fetchrow(_CALL_OFF, job_id, now)
    return await _noted(connection, job, record(Job, row), "job.cancelled", reason)


async def pause(
    connection: Connection, subject: Subject, name: str, now: datetime, reason: str
) -> None:
    if await connection.fetchval(_PAUSE, subject, name, reason, now) is not None:
        await _note(connection, f"job_{subject}.paused", name, reason)


async def resume(connection: Connection, subject: Subject, name: str, reason: str) -> None:
    if await connection.fetchval(_RESUME, subject, name) is not None:
        await _note(connection, f"job_{subject}.resumed", name, reason)


async def prune(connection: Connection, rules: Sequence[Pruning], now: datetime, limit: int) -> int:
    own = [(kind, rule.state, before) for rule in rules for kind, before in rule.of_kinds.items()]
    done = await connection.execute(
        _PRUNE,
        *columns(((rule.state, rule.before) for rule in rules), 2),
        *columns(own, 3),
        limit,
    )
    await connection.execute(_PRUNE_KEYS, now, sorted(OPEN))
    return int(done.rpartition(" ")[2])


async def _locked(connection: Connection, job_id: str) -> Job:
    row = await connection.fetchrow("SELECT * FROM jobs WHERE id = $1 FOR UPDATE", job_id)
    if row is None:
        raise Refused("job_not_found", f"no job {job_id}")
    return record(Job, row)


async def _noted(connection: Connection, before: Job, job: Job, action: str, reason: str) -> Job:
    line = paperwork.AuditLine(
        "operator", action, job.id, digest_of(job), note=reason, before=digest_of(before)
    )
    await paperwork.file(connection, audit=[line])
    return job


async def _note(connection: Connection, action: str, name: str, reason: str) -> None:
    line = paperwork.AuditLine("operator", action, name, b"", note=reason)
    await paperwork.file(connection, audit=[line])
