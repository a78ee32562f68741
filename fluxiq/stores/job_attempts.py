"""Attempts at jobs: prolonged while they run, ended once, and those that fell silent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import to_builtins

from fluxiq.domain.job import ENDED, Job, JobEvent, JobState, advance
from fluxiq.ports.jobs import Ending
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_RENEW: Final = """
UPDATE jobs SET lease_until = $3
FROM unnest($1::text[], $2::int[]) AS held (id, attempt)
WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND state = 'executing'
    AND jobs.id IN (SELECT id FROM jobs WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE)
RETURNING jobs.id, jobs.attempt
"""

# Locked in the order of their ids, as renewals lock theirs. `what` names the attempt.
_ENDED: Final = Part(
    "happened (what)",
    """
    UPDATE jobs SET
        state = told.state,
        run_at = coalesce(told.run_at, jobs.run_at),
        lease_until = NULL,
        ended_at = told.ended_at,
        given_back = jobs.given_back + told.given_back,
        errors = coalesce(told.errors, jobs.errors)
    FROM unnest(
        $1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[],
        $7::jsonb[], $8::timestamptz[]
    ) AS told (id, attempt, state, run_at, ended_at, given_back, errors, stalled_at)
    WHERE jobs.id = told.id AND jobs.attempt = told.attempt AND jobs.state = 'executing'
        AND (told.stalled_at IS NULL OR jobs.lease_until <= told.stalled_at)
        AND jobs.id IN (SELECT id FROM jobs WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE)
    RETURNING jobs.id || '/' || jobs.attempt
    """,
)

_RELEASED: Final = Part(
    "released",
    f"""
    DELETE FROM job_keys WHERE until IS NULL AND job_id IN (
        SELECT id FROM unnest($1::text[], $2::text[]) AS over (id, given) WHERE {GIVEN}
    )
    """,  # noqa: S608 - a constant
)

_END: Final = compose([_ENDED, _RELEASED, paperwork.AUDITED], HAPPENED)

_STALLED: Final = """
SELECT * FROM jobs WHERE state = 'executing' AND lease_until <= $1 ORDER BY lease_until LIMIT $2
"""


async def renew(
    connection: Connection, attempts: Sequence[tuple[str, int]], lease_until: datetime
) -> list[tuple[str, int]]:
    rows = await connection.fetch(_RENEW, *columns(attempts, 2), lease_until)
    return [(row["id"], row["attempt"]) for row in rows]


async def end(connection: Connection, endings: Sequence[Ending]) -> list[bool]:
    """Each answer says whether that ending is the one that counted."""
    chosen = {_attempt(one): one for one in sorted(endings, key=_owners_last)}
    told = [(one, _state_after(one)) for one in chosen.values()]
    over = [(one.job_id, _attempt(one)) for one, state in told if state in ENDED]
    given_up = [_discarded(one) for one, state in told if state is JobState.DISCARDED]
    rows = await connection.fetch(
        _END,
        *columns((_told(one, state) for one, state in told), 8),
        *columns(over, 2),
        *paperwork.audited(given_up),
    )
    happened = {row["what"] for row in rows}
    return [chosen[_attempt(one)] is one and _attempt(one) in happened for one in endings]


async def stalled(connection: Connection, now: datetime, limit: int) -> list[Job]:
    return [record(Job, row) for row in await connection.fetch(_STALLED, now, limit)]


def _attempt(ending: Ending) -> str:
    return f"{ending.job_id}/{ending.attempt}"


def _owners_last(ending: Ending) -> bool:
    """The worker knows better how its attempt ended than whoever takes it for dead."""
    return ending.stalled_at is None


def _state_after(ending: Ending) -> JobState:
    state = advance(JobState.EXECUTING, ending.event)
    assert state is not None, f"{ending.event} ends no attempt"
    return state


def _told(ending: Ending, state: JobState) -> tuple[object, ...]:
    return (
        ending.job_id,
        ending.attempt,
        state,
        ending.run_at,
        ending.at if state in ENDED else None,
        int(ending.event is JobEvent.GIVEN_BACK),
        None if ending.errors is None else to_builtins(ending.errors),
        ending.stalled_at,
    )


def _discarded(ending: Ending) -> paperwork.AuditLine:
    note = ending.errors[-1].text[-200:] if ending.errors else ""
    return paperwork.AuditLine(
        "platform",
        "job.discarded",
        ending.job_id,
        digest_of(ending),
        note=note,
        given=_attempt(ending),
    )
