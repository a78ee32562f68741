"""In-memory twins of `ports.users.Users` and `ports.sessions.Sessions`: one set of people."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import trio
from msgspec.structs import replace

from fluxiq.domain.roles import Role
from fluxiq.domain.session import SESSIONS_MAX, EndReason, RefreshToken, Session
from fluxiq.domain.user import (
    ENDS_SESSIONS,
    LockOut,
    User,
    UserChange,
    UserStatus,
    begin_attempt,
    changed,
    is_acting_owner,
)
from fluxiq.errors import Refused
from fluxiq.ports import Differs, Fresh, Opening, Page, Replay
from fluxiq.ports.sessions import Attempt, Failed, LoggedIn, LogIn, Refreshed, Reused, Sessions
from fluxiq.ports.users import UserChanged, UserOpening, Users
from fluxiq.services.access_tokens import AccessTokens
from fluxiq.services.passwords import Passwords
from fluxiq.services.signing_keys import SigningKeys
from fluxiq.settings.identity import Identity


class MemorySessions(Sessions):
    """`people` by id; `trail` are the lines: who, what, note."""

    def __init__(self, people: dict[str, User]) -> None:
        self.people = people
        self.sessions: dict[str, Session] = {}
        self.tokens: dict[bytes, tuple[RefreshToken, bool]] = {}
        self.trail: list[tuple[str, str, str]] = []

    async def begin_login(self, document: str, lock_out: LockOut, now: datetime) -> Attempt | None:
        found = [
            one
            for one in self.people.values()
            if one.document == document and one.status is not UserStatus.REMOVED
        ]
        return await self._begin(found[0] if found else None, lock_out, now)

    async def begin_proof(self, user_id: str, lock_out: LockOut, now: datetime) -> Attempt | None:
        return await self._begin(self.people.get(user_id), lock_out, now)

    async def take_back(self, user: User) -> None:
        await trio.lowlevel.checkpoint()
        known = self.people[user.id]
        if known.failures == user.failures + 1:
            self.people[user.id] = replace(
                known, failures=user.failures, locked_until=user.locked_until
            )

    async def forget_failures(self, user_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.people[user_id] = replace(self.people[user_id], failures=0, locked_until=None)

    async def log_in(self, login: LogIn) -> LoggedIn | None:
        await trio.lowlevel.checkpoint()
        user, session, at = self.people[login.user.id], login.session, login.session.created_at
        if user.status is not UserStatus.ACTIVE or user.password_hash != login.user.password_hash:
            return None
        step, code = login.totp_step, login.recovery_code
        if step is not None and (user.totp_step is None or user.totp_step >= step):
            return None
        if code is not None and code not in user.recovery_codes:
            return None

        user = replace(
            user,
            failures=0,
            locked_until=None,
            last_login_at=at,
            totp_step=user.totp_step if step is None else step,
            recovery_codes=tuple(one for one in user.recovery_codes if one != code),
            password_hash=login.password_hash or user.password_hash,
        )
        self.people[user.id] = user
        self.sessions[session.id] = session
        self._add(login.token, session.id)
        self.trail.append((user.id, "session.opened", ""))
        crowd = self._live(user.id, at)[SESSIONS_MAX:]
        for one in crowd:
            self._end(one.id, EndReason.CROWDED_OUT, at)
        return LoggedIn(user=user, ended=tuple(one.id for one in crowd))

    async def note_failed(self, failed: Failed) -> None:
        await trio.lowlevel.checkpoint()
        self.trail.append((failed.user_id or "unknown", "login.failed", failed.why))

    async def refresh(self, digest: bytes, fresh: RefreshToken) -> Refreshed | Reused | None:
        await trio.lowlevel.checkpoint()
        now = fresh.created_at
        if digest not in self.tokens:
            return None
        token, used = self.tokens[digest]
        session = self.sessions[token.session_id]
        if used:
            self._end(session.id, EndReason.REUSED, now)
            self.trail.append((session.user_id, "session.refresh_reused", ""))
            return Reused(user_id=session.user_id, session_id=session.id)
        if token.expires_at <= now or not self._is_live(session, now):
            return None

        self.tokens[digest] = (token, True)
        self._add(fresh, session.id)
        session = self.sessions[session.id] = replace(session, last_used_at=now)
        return Refreshed(user=self.people[session.user_id], session=session)

    async def is_live(self, session_id: str, now: datetime) -> bool:
        await trio.lowlevel.checkpoint()
        session = self.sessions.get(session_id)
        return session is not None and self._is_live(session, now)

    async def list_sessions(self, user_id: str, now: datetime) -> list[Session]:
        await trio.lowlevel.checkpoint()
        return self._live(user_id, now)

    async def end_session(
        self, user_id: str, session_id: str, reason: EndReason, at: datetime
    ) -> bool:
        await trio.lowlevel.checkpoint()
        session = self.sessions.get(session_id)
        if session is None or session.user_id != user_id:
            return False
        if self._end(session_id, reason, at):
            self.trail.append((user_id, f"session.{reason}", ""))
        return True

    def end_all(self, user_id: str, at: datetime) -> tuple[str, ...]:
        ended = tuple(one.id for one in self._live(user_id, at))
        for session_id in ended:
            self._end(session_id, EndReason.USER_CHANGED, at)
        return ended

    async def _begin(self, user: User | None, lock_out: LockOut, now: datetime) -> Attempt | None:
        await trio.lowlevel.checkpoint()
        if user is None:
            return None
        begun = begin_attempt(user, lock_out, now)
        if begun is not None:
            self.people[user.id] = begun
            if begun.locked_until is not None:
                self.trail.append((user.id, "login.locked_out", ""))
        return Attempt(user=user, begun=begun is not None)

    def _add(self, token: RefreshToken, session_id: str) -> None:
        self.tokens[token.digest] = (replace(token, session_id=session_id), False)

    def _live(self, user_id: str, now: datetime) -> list[Session]:
        found = [
            one
            for one in self.sessions.values()
            if one.user_id == user_id and self._is_live(one, now)
        ]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def _end(self, session_id: str, reason: EndReason, at: datetime) -> bool:
        session = self.sessions[session_id]
        if session.ended_at is not None:
            return False
        self.sessions[session_id] = replace(session, ended_at=at, end_reason=reason)
        return True

    @staticmethod
    def _is_live(session: Session, now: datetime) -> bool:
        return session.ended_at is None and session.expires_at > now


class MemoryUsers(Users):
    """`merchants` are those that exist, by id. Keeps the answers of idempotency keys by itself."""

    def __init__(self, merchants: Mapping[str, object]) -> None:
        self.people: dict[str, User] = {}
        self.sessions = MemorySessions(self.people)
        self._merchants = merchants
        self._answers: dict[str, tuple[bytes, bytes]] = {}

    async def open_user(self, opening: UserOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        user, key = opening.user, opening.idempotency
        if key is not None and f"{opening.claimed_by} {key.key}" in self._answers:
            digest, response = self._answers[f"{opening.claimed_by} {key.key}"]
            return Replay(False, response) if digest == key.digest else Differs()
        if any(one.document == user.document for one in self._present()):
            raise Refused("user_exists", "there is one", field="document")
        if user.merchant_id is not None and user.merchant_id not in self._merchants:
            raise Refused("merchant_not_found", "there is none", field="merchant_id")

        if key is not None:
            self._answers[f"{opening.claimed_by} {key.key}"] = (key.digest, opening.response)
        self.people[user.id] = user
        self.sessions.trail.append((opening.actor, "user.created", user.role))
        return Fresh()

    async def find_user(self, user_id: str) -> User | None:
        await trio.lowlevel.checkpoint()
        return self.people.get(user_id)

    async def list_users(self, merchant_id: str | None, page: Page) -> tuple[list[User], int]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.people.values() if one.merchant_id == merchant_id]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def change_user(
        self, user_id: str, changes: Sequence[UserChange], actor: str, at: datetime
    ) -> UserChanged | None:
        await trio.lowlevel.checkpoint()
        before = self.people.get(user_id)
        if before is None:
            return None
        after, done = before, list[UserChange]()
        for change in changes:
            was, after = after, changed(after, change, at)
            done += [change] if after != was else []
        if is_acting_owner(before) and not is_acting_owner(after):
            others = [one for one in self._present() if is_acting_owner(one)]
            if not any(
                one.merchant_id == before.merchant_id and one.id != user_id for one in others
            ):
                raise Refused("last_owner", "there would be none")

        self.people[user_id] = after
        self.sessions.trail += [(actor, f"user.{type(one).__name__}", "") for one in done]
        ends = any(isinstance(one, ENDS_SESSIONS) for one in done)
        ended = self.sessions.end_all(user_id, at) if ends else ()
        return UserChanged(user=after, ended=ended)

    def _present(self) -> list[User]:
        return [one for one in self.people.values() if one.status is not UserStatus.REMOVED]


# What people need beside paper: cheap hashes, and keys that are the same at every run.

CHEAP = {"argon2_memory_kib": 8, "argon2_passes": 1, "argon2_lanes": 1, "failure_seconds": 0.0}


def cheap(identity: Identity) -> Identity:
    """As `[identity]` says, with hashes that cost nothing and failures that are told at once."""
    return replace(identity, **CHEAP)


def signing_keys(ispb: str, identity: Identity) -> SigningKeys:
    return SigningKeys(ispb, identity, lambda name: f"{ispb} {name}".encode().ljust(32, b".")[:32])


def access_tokens(ispb: str, identity: Identity) -> AccessTokens:
    return AccessTokens(ispb, identity, signing_keys(ispb, identity))


async def add_person(
    users: MemoryUsers,
    passwords: Passwords,
    document: str,
    password: str,
    at: datetime,
    *,
    role: Role = Role.OWNER,
    merchant_id: str | None = None,
) -> User:
    """Somebody with a password of their own."""
    user = User(
        id=f"usr_{len(users.people) + 1:026d}",
        merchant_id=merchant_id,
        document=document,
        name="Maria da Silva",
        role=role,
        status=UserStatus.ACTIVE,
        password_hash=await passwords.hash(password),
        created_at=at,
        updated_at=at,
    )
    users.people[user.id] = user
    return user
