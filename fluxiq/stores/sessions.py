"""`ports.sessions.Sessions` over the institution's own schema."""

from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from fluxiq.domain.session import SESSIONS_MAX, EndReason, RefreshToken, Session
from fluxiq.domain.user import LockOut, User, begin_attempt
from fluxiq.ports.sealing import Sealer
from fluxiq.ports.sessions import Attempt, Failed, LoggedIn, LogIn, Refreshed, Reused, Sessions
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of, record
from fluxiq.stores.users import DOCUMENT, FIND_FOR_UPDATE, user_of

NOBODY: Final = "unknown"  # the subject of a failed log-in under a document that nobody has
KEPT_DAYS: Final = 90  # a session that is over goes when its owner logs in again after this

_WHOSE: Final = "SELECT merchant_id FROM users WHERE id = $1"

_FIND_BY_DOCUMENT: Final = "SELECT * FROM users WHERE document_index = $1 FOR UPDATE"

_COUNT: Final = "UPDATE users SET failures = $2, locked_until = $3 WHERE id = $1"

_TAKE_BACK: Final = """
UPDATE users SET failures = $2, locked_until = $3 WHERE id = $1 AND failures = $2 + 1
"""

_FORGET: Final = "UPDATE users SET failures = 0, locked_until = NULL WHERE id = $1"

# Whoever logged in with a password that was changed a moment ago, or with a code that was used up
# a moment ago, did not log in.
_WIN: Final = """
UPDATE users SET
    failures = 0, locked_until = NULL, last_login_at = $3,
    totp_step = coalesce($4, totp_step),
    recovery_codes = CASE WHEN $5::bytea IS NULL THEN recovery_codes
        ELSE array_remove(recovery_codes, $5::bytea) END,
    password_hash = coalesce($6, password_hash)
WHERE id = $1 AND status = 'active' AND password_hash = $2
    AND ($4::bigint IS NULL OR totp_step < $4::bigint)
    AND ($5::bytea IS NULL OR $5::bytea = ANY (recovery_codes))
RETURNING *
"""

_ADD_SESSION: Final = """
INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, address, client)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

_ADD_REFRESH: Final = """
INSERT INTO refresh_tokens (digest, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)
"""

_CROWD_OUT: Final = """
UPDATE sessions SET ended_at = $2, end_reason = 'crowded_out'
WHERE id = ANY (ARRAY(
    SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
    ORDER BY created_at DESC, id DESC OFFSET $3
))
RETURNING id
"""

_FORGET_OLD: Final = f"""
DELETE FROM sessions WHERE user_id = $1
    AND coalesce(ended_at, expires_at) < $2::timestamptz - interval '{KEPT_DAYS} days'
"""  # noqa: S608 - a constant

_FIND_REFRESH: Final = """
SELECT token.session_id, token.expires_at, token.used_at, session.user_id
FROM refresh_tokens AS token JOIN sessions AS session ON session.id = token.session_id
WHERE token.digest = $1 FOR UPDATE OF token, session
"""

_USE_UP: Final = "UPDATE refresh_tokens SET used_at = $2 WHERE digest = $1"

_PRUNE_TOKENS: Final = "DELETE FROM refresh_tokens WHERE session_id = $1 AND expires_at < $2"

_TOUCH: Final = """
UPDATE sessions SET last_used_at = $2
WHERE id = $1 AND ended_at IS NULL AND expires_at > $2 RETURNING *
"""

_IS_LIVE: Final = """
SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND ended_at IS NULL AND expires_at > $2)
"""

_LIST: Final = """
SELECT * FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
ORDER BY created_at DESC, id DESC
"""

# One that is over stays over as it was; the row is locked either way.
_END: Final = """
UPDATE sessions AS session SET
    ended_at = coalesce(session.ended_at, $3), end_reason = coalesce(session.end_reason, $4)
FROM (SELECT id, ended_at FROM sessions WHERE id = $1 AND user_id = $2 FOR UPDATE) AS old
WHERE session.id = old.id
RETURNING session.*, old.ended_at IS NULL AS is_new
"""


class LockedOut(Struct, frozen=True, kw_only=True):
    """What the trail keeps the digest of."""

    failures: int
    until: datetime


class PostgresSessions(Sessions):
    """The sessions of an institution's people, through its own role."""

    def __init__(self, postgres: Postgres, sealer: Sealer) -> None:
        self._postgres = postgres
        self._sealer = sealer

    async def begin_login(self, document: str, lock_out: LockOut, now: datetime) -> Attempt | None:
        index = self._sealer.index(document, DOCUMENT)
        return await self._begin(_FIND_BY_DOCUMENT, index, lock_out, now)

    async def begin_proof(self, user_id: str, lock_out: LockOut, now: datetime) -> Attempt | None:
        return await self._begin(FIND_FOR_UPDATE, user_id, lock_out, now)

    async def take_back(self, user: User) -> None:
        await self._postgres.run(_execute, _TAKE_BACK, user.id, user.failures, user.locked_until)

    async def forget_failures(self, user_id: str) -> None:
        await self._postgres.run(_execute, _FORGET, user_id)

    async def log_in(self, login: LogIn) -> LoggedIn | None:
        return await self._postgres.transaction(_log_in, self._sealer, login)

    async def note_failed(self, failed: Failed) -> None:
        await self._postgres.run(_note_failed, failed)

    async def refresh(self, digest: bytes, fresh: RefreshToken) -> Refreshed | Reused | None:
        return await self._postgres.transaction(_refresh, self._sealer, digest, fresh)

    async def is_live(self, session_id: str, now: datetime) -> bool:
        return await self._postgres.run(_is_live, session_id, now)

    async def list_sessions(self, user_id: str, now: datetime) -> list[Session]:
        return await self._postgres.run(_list_sessions, user_id, now)

    async def end_session(
        self, user_id: str, session_id: str, reason: EndReason, at: datetime
    ) -> bool:
        return await self._postgres.transaction(_end_session, user_id, session_id, reason, at)

    async def _begin(
        self, find: str, whom: str | bytes, lock_out: LockOut, now: datetime
    ) -> Attempt | None:
        return await self._postgres.transaction(
            _begin, self._sealer, find, whom, lock_out=lock_out, now=now
        )


async def _begin(
    connection: Connection,
    sealer: Sealer,
    find: str,
    whom: str | bytes,
    *,
    lock_out: LockOut,
    now: datetime,
) -> Attempt | None:
    row = await connection.fetchrow(find, whom)
    if row is None:
        return None

    user = user_of(sealer, row)
    begun = begin_attempt(user, lock_out, now)
    if begun is not None:
        await connection.execute(_COUNT, user.id, begun.failures, begun.locked_until)
        if begun.locked_until is not None:
            locked_out = LockedOut(failures=begun.failures, until=begun.locked_until)
            await _write_down(connection, user.id, "login.locked_out", user.id, locked_out)
    return Attempt(user=user, begun=begun is not None)


async def _log_in(connection: Connection, sealer: Sealer, login: LogIn) -> LoggedIn | None:
    user, session, at = login.user, login.session, login.session.created_at
    row = await connection.fetchrow(
        _WIN,
        user.id,
        user.password_hash,
        at,
        login.totp_step,
        login.recovery_code,
        login.password_hash,
    )
    if row is None:
        return None

    await connection.execute(
        _ADD_SESSION,
        session.id,
        session.user_id,
        session.created_at,
        session.last_used_at,
        session.expires_at,
        session.address,
        session.client,
    )
    await _add_token(connection, login.token, session.id)
    crowded = await connection.fetch(_CROWD_OUT, user.id, at, SESSIONS_MAX)
    await connection.execute(_FORGET_OLD, user.id, at)
    await _write_down(connection, user.id, "session.opened", session.id, session)
    return LoggedIn(user=user_of(sealer, row), ended=tuple(one["id"] for one in crowded))


async def _note_failed(connection: Connection, failed: Failed) -> None:
    who = failed.user_id or NOBODY
    await _write_down(connection, who, "login.failed", who, failed, note=failed.why)


async def _refresh(
    connection: Connection, sealer: Sealer, digest: bytes, fresh: RefreshToken
) -> Refreshed | Reused | None:
    now = fresh.created_at
    token = await connection.fetchrow(_FIND_REFRESH, digest)
    if token is None:
        return None

    user_id, session_id = token["user_id"], token["session_id"]
    if token["used_at"] is not None:
        await _end_reused(connection, user_id, session_id, now)
        return Reused(user_id=user_id, session_id=session_id)

    if token["expires_at"] <= now:
        return None

    row = await connection.fetchrow(_TOUCH, session_id, now)
    if row is None:
        return None

    await connection.execute(_USE_UP, digest, now)
    await connection.execute(_PRUNE_TOKENS, session_id, now)
    await _add_token(connection, fresh, session_id)
    await _write_down(connection, user_id, "session.refreshed", session_id, record(Session, row))
    user = await connection.fetchrow("SELECT * FROM users WHERE id = $1", user_id)
    return Refreshed(user=user_of(sealer, user), session=record(Session, row))


async def _end_reused(connection: Connection, user_id: str, session_id: str, now: datetime) -> None:
    """Every return of an old token is written down, also when the family had ended before."""
    row = await connection.fetchrow(_END, session_id, user_id, now, EndReason.REUSED)
    session = record(Session, row)
    await _write_down(connection, user_id, "session.refresh_reused", session_id, session)


async def _add_token(connection: Connection, token: RefreshToken, session_id: str) -> None:
    await connection.execute(
        _ADD_REFRESH, token.digest, session_id, token.created_at, token.expires_at
    )


async def _is_live(connection: Connection, session_id: str, now: datetime) -> bool:
    found: bool = await connection.fetchval(_IS_LIVE, session_id, now)
    return found


async def _list_sessions(connection: Connection, user_id: str, now: datetime) -> list[Session]:
    return [record(Session, row) for row in await connection.fetch(_LIST, user_id, now)]


async def _end_session(
    connection: Connection, user_id: str, session_id: str, reason: EndReason, at: datetime
) -> bool:
    row = await connection.fetchrow(_END, session_id, user_id, at, reason)
    if row is not None and row["is_new"]:
        session = record(Session, row)
        await _write_down(connection, user_id, f"session.{reason}", session_id, session)
    return row is not None


async def _execute(connection: Connection, statement: str, *arguments: Any) -> None:
    await connection.execute(statement, *arguments)


async def _write_down(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    written: Struct,
    *,
    note: str = "",
) -> None:
    """The actor is the user whose session it is; the line is their merchant's to see."""
    merchant_id = await connection.fetchval(_WHOSE, actor)
    line = paperwork.AuditLine(
        actor, action, subject, digest_of(written), note=note, merchant_id=merchant_id
    )
    await paperwork.file(connection, audit=[line])
