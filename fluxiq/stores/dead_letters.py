"""`ports.dead_letters.DeadLetters` over an institution's own schema."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fluxiq.domain.dead_letter import DeadLetter, LetterEvent, LetterState, advance
from fluxiq.errors import Refused
from fluxiq.ports.dead_letters import DeadLetters, Failure, Noted
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of, record

_STRIKE: Final = """
UPDATE outbox
SET failures = failures + 1, failed_at = coalesce(failed_at, $3), error = $4
WHERE subject = $1 AND reference = $2 AND work IS NOT NULL
RETURNING id, failures
"""

_BURY: Final = """
WITH dead AS (DELETE FROM outbox WHERE id = $1 RETURNING *)
INSERT INTO dead_letters (
    work, subject, reference, body, payment_id, attempts, failures, error, first_failed_at, died_at
)
SELECT work, subject, reference, body, $2, attempts, failures, error, failed_at, $3 FROM dead
RETURNING *
"""

_LIST: Final = """
SELECT * FROM dead_letters WHERE $1::text IS NULL OR state = $1
ORDER BY died_at DESC, id DESC LIMIT $2
"""

# `attempts` goes on: it is part of the message's id, and the stream drops an id that it has seen.
_REANNOUNCE: Final = """
INSERT INTO outbox (subject, reference, body, work, attempts, next_attempt_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (work) DO NOTHING
"""

_DECIDE: Final = """
UPDATE dead_letters SET state = $2, decided_at = $3, reason = $4 WHERE id = $1 RETURNING *
"""

_DISCARDED: Final = """
SELECT work, max(decided_at) AS decided_at FROM dead_letters
WHERE work = ANY ($1::text[]) AND state = 'discarded' GROUP BY work
"""


class PostgresDeadLetters(DeadLetters):
    """The dead letters of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def note_failure(self, failure: Failure, failures_max: int) -> Noted | None:
        return await self._postgres.transaction(_note_failure, failure, failures_max)

    async def letters(self, state: LetterState | None, limit: int) -> list[DeadLetter]:
        return await self._postgres.run(_letters, state, limit)

    async def find(self, letter_id: int) -> DeadLetter | None:
        return await self._postgres.run(_find, letter_id)

    async def replay(self, letter_id: int, now: datetime, reason: str) -> DeadLetter:
        return await self._postgres.transaction(_replay, letter_id, now, reason)

    async def discard(self, letter_id: int, now: datetime, reason: str) -> DeadLetter:
        return await self._postgres.transaction(_discard, letter_id, now, reason)

    async def discarded(self, works: Sequence[str]) -> dict[str, datetime]:
        return await self._postgres.run(_discarded, works)

    async def close(self, works: Sequence[str]) -> None:
        await self._postgres.transaction(_close, works)

    async def waiting(self) -> int:
        return await self._postgres.run(_waiting)


async def _note_failure(
    connection: Connection, failure: Failure, failures_max: int
) -> Noted | None:
    row = await connection.fetchrow(
        _STRIKE, failure.subject, failure.reference, failure.at, failure.error
    )
    if row is None:
        return None
    if row["failures"] < failures_max:
        return Noted(failures=row["failures"])

    buried = await connection.fetchrow(_BURY, row["id"], failure.payment_id, failure.at)
    letter = record(DeadLetter, buried)
    await _file(connection, "platform", "dead_letter.died", letter)
    return Noted(failures=letter.failures, letter=letter)


async def _letters(
    connection: Connection, state: LetterState | None, limit: int
) -> list[DeadLetter]:
    return [record(DeadLetter, row) for row in await connection.fetch(_LIST, state, limit)]


async def _find(connection: Connection, letter_id: int) -> DeadLetter | None:
    row = await connection.fetchrow("SELECT * FROM dead_letters WHERE id = $1", letter_id)
    return None if row is None else record(DeadLetter, row)


async def _replay(connection: Connection, letter_id: int, now: datetime, reason: str) -> DeadLetter:
    letter = await _decide(connection, letter_id, LetterEvent.REPLAYED, now, reason)
    await connection.execute(
        _REANNOUNCE,
        letter.subject,
        letter.reference,
        letter.body,
        letter.work,
        letter.attempts,
        now,
    )
    await _file(connection, "operator", "dead_letter.replayed", letter)
    return letter


async def _discard(
    connection: Connection, letter_id: int, now: datetime, reason: str
) -> DeadLetter:
    letter = await _decide(connection, letter_id, LetterEvent.DISCARDED, now, reason)
    await _file(connection, "operator", "dead_letter.discarded", letter, closes=True)
    return letter


async def _discarded(connection: Connection, works: Sequence[str]) -> dict[str, datetime]:
    rows = await connection.fetch(_DISCARDED, works)
    return {row["work"]: row["decided_at"] for row in rows}


async def _close(connection: Connection, works: Sequence[str]) -> None:
    await paperwork.file(connection, done=works)


async def _waiting(connection: Connection) -> int:
    query = "SELECT count(*) FROM dead_letters WHERE state = 'dead'"
    found: int = await connection.fetchval(query)
    return found


async def _decide(
    connection: Connection, letter_id: int, event: LetterEvent, now: datetime, reason: str
) -> DeadLetter:
    """Runs in a transaction: the row is locked, judged, then changed."""
    row = await connection.fetchrow(
        "SELECT * FROM dead_letters WHERE id = $1 FOR UPDATE", letter_id
    )
    if row is None:
        raise Refused("dead_letter_not_found", f"no dead letter {letter_id}")

    state = advance(LetterState(row["state"]), event)
    if state is None:
        raise Refused("dead_letter_decided", f"dead letter {letter_id} was {row['state']} before")
    return record(DeadLetter, await connection.fetchrow(_DECIDE, letter_id, state, now, reason))


async def _file(
    connection: Connection, actor: str, action: str, letter: DeadLetter, *, closes: bool = False
) -> None:
    note = letter.reason or letter.error.rstrip().rpartition("\n")[2]
    line = paperwork.AuditLine(actor, action, letter.work, digest_of(letter), note=note)
    # Of an order there is no such line in the visitors' book: then nothing is closed.
    await paperwork.file(connection, audit=[line], inbox_ids=[letter.work] if closes else [])
