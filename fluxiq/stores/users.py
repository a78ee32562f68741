"""`ports.users.Users` over the institution's own schema: what is a person's own is sealed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
from msgspec.structs import asdict, replace

from fluxiq.domain.session import EndReason
from fluxiq.domain.user import (
    ENDS_SESSIONS,
    Locked,
    Removed,
    RoleGiven,
    User,
    UserChange,
    UserStatus,
    changed,
    is_acting_owner,
)
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Opening, Page
from fluxiq.ports.sealing import Place, Sealer
from fluxiq.ports.users import UserChanged, UserOpening, Users
from fluxiq.stores import idempotency, paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of, record
from fluxiq.stores.sealed import House

TABLE: Final = "users"
DOCUMENT: Final = "document"  # what its blind index is of

# Texts are sealed as UTF-8; NULL stays NULL.
_TEXTS: Final = ("document", "name")
_SECRETS: Final = ("totp_secret", "totp_pending")

_COLUMNS: Final = (
    "merchant_id",
    "document_index",
    "document",
    "name",
    "role",
    "status",
    "password_hash",
    "one_time_until",
    "totp_secret",
    "totp_pending",
    "totp_step",
    "recovery_codes",
    "failures",
    "locked_until",
    "created_at",
    "updated_at",
    "last_login_at",
)
_ADD: Final = f"""
INSERT INTO users (id, {", ".join(_COLUMNS)})
VALUES ($1, {", ".join(f"${number}" for number in range(2, len(_COLUMNS) + 2))})
ON CONFLICT (id) DO NOTHING RETURNING id
"""  # noqa: S608 - constants
_CHANGE: Final = f"""
UPDATE users SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_COLUMNS, start=2))}
WHERE id = $1
"""  # noqa: S608 - constants

FIND_FOR_UPDATE: Final = "SELECT * FROM users WHERE id = $1 FOR UPDATE"

# Two owners who remove each other at once must not both be the one who stays.
_LOCK_OWNERS: Final = """
SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.owners', 0))
"""
_OTHER_OWNERS: Final = """
SELECT EXISTS (
    SELECT FROM users WHERE {whose} AND role = 'owner' AND status = 'active' AND id <> $2
)
"""
_OF_MERCHANT: Final = "merchant_id = $1"
_OF_INSTITUTION: Final = "merchant_id IS NULL AND $1::text IS NULL"

_END_SESSIONS: Final = """
UPDATE sessions SET ended_at = $2, end_reason = $3
WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 RETURNING id
"""


class PostgresUsers(Users):
    """The people of an institution, through its own role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)
        self._sealer = sealer

    async def open_user(self, opening: UserOpening) -> Opening:
        return await self._postgres.transaction(_open_user, self._house, opening)

    async def find_user(self, user_id: str) -> User | None:
        row = await self._postgres.run(_find_row, user_id)
        return None if row is None else user_of(self._sealer, row)

    async def list_users(self, merchant_id: str | None, page: Page) -> tuple[list[User], int]:
        rows, total = await self._postgres.run(_list_rows, merchant_id, page)
        return [user_of(self._sealer, row) for row in rows], total

    async def change_user(
        self, user_id: str, changes: Sequence[UserChange], actor: str, at: datetime
    ) -> UserChanged | None:
        return await self._postgres.transaction(
            _change_user, self._sealer, user_id, changes, actor=actor, at=at
        )


def user_of(sealer: Sealer, row: Mapping[str, Any]) -> User:
    """A row of users as a record: opened."""
    values = dict(row)
    for column in (*_TEXTS, *_SECRETS):
        if (sealed := values[column]) is not None:
            plain = sealer.open(sealed, Place(TABLE, column, values["id"]))
            values[column] = plain.decode() if column in _TEXTS else plain
    return record(User, values)


def paper_of(user: User) -> bytes:
    """What the trail keeps of a user: neither a person's data nor a secret, which a digest of so
    few possibilities would give away.
    """
    bare = {"document": "", "name": "", "password_hash": "", "recovery_codes": ()}
    return digest_of(replace(user, totp_secret=None, totp_pending=None, **bare))


async def end_sessions(
    connection: Connection, user_id: str, reason: EndReason, at: datetime
) -> tuple[str, ...]:
    """End all sessions of a user; says which."""
    return tuple(row["id"] for row in await connection.fetch(_END_SESSIONS, user_id, at, reason))


async def _open_user(connection: Connection, house: House, opening: UserOpening) -> Opening:
    answer = await idempotency.claim_alone(connection, house, _claim(opening))
    if not isinstance(answer, Fresh):
        return answer

    user = opening.user
    try:
        added = await connection.fetchval(_ADD, user.id, *_values(house.sealer, user))
    except asyncpg.UniqueViolationError:
        raise Refused(
            "user_exists", "somebody with this document is a user already", field="document"
        ) from None
    except asyncpg.ForeignKeyViolationError:
        raise Refused(
            "merchant_not_found", f"no merchant {user.merchant_id}", field="merchant_id"
        ) from None

    if added is not None:
        line = paperwork.AuditLine(
            opening.actor,
            "user.created",
            user.id,
            paper_of(user),
            note=user.role,
            merchant_id=user.merchant_id,
        )
        await paperwork.file(connection, audit=[line])
    return answer


async def _change_user(
    connection: Connection,
    sealer: Sealer,
    user_id: str,
    changes: Sequence[UserChange],
    *,
    actor: str,
    at: datetime,
) -> UserChanged | None:
    if any(isinstance(one, (RoleGiven, Locked, Removed)) for one in changes):
        await connection.execute(_LOCK_OWNERS)
    row = await connection.fetchrow(FIND_FOR_UPDATE, user_id)
    if row is None:
        return None

    before = after = user_of(sealer, row)
    lines: list[paperwork.AuditLine] = []
    ends = False
    for change in changes:
        was, after = after, changed(after, change, at)
        if after != was:
            lines.append(_line(actor, change, was, after))
            ends |= isinstance(change, ENDS_SESSIONS)
    if not lines:
        return UserChanged(user=before)

    if is_acting_owner(before) and not is_acting_owner(after):
        await _leave_an_owner(connection, before)
    await connection.execute(_CHANGE, after.id, *_values(sealer, after))
    ended: tuple[str, ...] = ()
    if ends:
        ended = await end_sessions(connection, user_id, EndReason.USER_CHANGED, at)
    await paperwork.file(connection, audit=lines)
    return UserChanged(user=after, ended=ended)


def _line(actor: str, change: UserChange, before: User, after: User) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"user.{_word(change)}",
        after.id,
        paper_of(after),
        note=_note(before, after),
        before=paper_of(before),
        merchant_id=after.merchant_id,
    )


async def _leave_an_owner(connection: Connection, user: User) -> None:
    whose = _OF_INSTITUTION if user.merchant_id is None else _OF_MERCHANT
    others = _OTHER_OWNERS.format(whose=whose)
    if not await connection.fetchval(others, user.merchant_id, user.id):
        raise Refused("last_owner", "there would be no owner left: make another one first")


async def _find_row(connection: Connection, user_id: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = await connection.fetchrow(
        "SELECT * FROM users WHERE id = $1", user_id
    )
    return found


async def _list_rows(
    connection: Connection, merchant_id: str | None, page: Page
) -> tuple[list[Mapping[str, Any]], int]:
    whose = _OF_INSTITUTION if merchant_id is None else _OF_MERCHANT
    rows = await connection.fetch(
        f"""
        SELECT * FROM users WHERE {whose} ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3
        """,  # noqa: S608 - constants
        merchant_id,
        page.size,
        (page.number - 1) * page.size,
    )
    total = await connection.fetchval(
        f"SELECT count(*) FROM users WHERE {whose}",  # noqa: S608 - constants
        merchant_id,
    )
    return rows, total


def _values(sealer: Sealer, user: User) -> list[Any]:
    """The values of _COLUMNS: sealed."""
    values = asdict(user)
    gone = user.status is UserStatus.REMOVED
    values["document_index"] = None if gone else sealer.index(user.document, DOCUMENT)
    for column in (*_TEXTS, *_SECRETS):
        if (plain := values[column]) is not None:
            data = plain.encode() if column in _TEXTS else plain
            values[column] = sealer.seal(data, Place(TABLE, column, user.id))
    return [values[name] for name in _COLUMNS]


def _word(change: UserChange) -> str:
    """`RoleGiven` is `role_given` in the trail."""
    name = type(change).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _note(before: User, after: User) -> str:
    return "" if before.role is after.role else f"{before.role} -> {after.role}"


def _claim(opening: UserOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=opening.claimed_by,
        idempotency=opening.idempotency,
        resource_id=opening.user.id,
        at=opening.user.created_at,
        refused=False,
        response=opening.response,
    )
