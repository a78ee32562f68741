"""What logging in, refreshing and logging out need on paper. Every method is one transaction."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.session import EndReason, RefreshToken, Session
from fluxiq.domain.user import LockOut, User


class Attempt(Struct, frozen=True, kw_only=True):
    """A look at a user who wants to prove who they are. `begun`: it is counted, and their password
    may be looked at; else they are locked, or locked out. `user` is as it was before.
    """

    user: User
    begun: bool


class LogIn(Struct, frozen=True, kw_only=True):
    """What a good log-in writes. `user` is as its Attempt had it; of `totp_step` and
    `recovery_code` at most one is used up; `password_hash` is a stronger hash of the same password.
    """

    user: User
    session: Session
    token: RefreshToken
    totp_step: int | None = None
    recovery_code: bytes | None = None
    password_hash: str | None = None


class LoggedIn(Struct, frozen=True, kw_only=True):
    """`ended` are sessions that were too many."""

    user: User
    ended: tuple[str, ...] = ()


class Refreshed(Struct, frozen=True, kw_only=True):
    user: User
    session: Session


class Reused(Struct, frozen=True, kw_only=True):
    """An old token came back: the session has ended, now or before."""

    user_id: str
    session_id: str


class Failed(Struct, frozen=True, kw_only=True):
    """A log-in that did not succeed, for the trail. `user_id` is None for an unknown document."""

    user_id: str | None
    why: str
    address: str


class Sessions(Protocol):
    """The sessions of one institution's people."""

    async def begin_login(
        self, document: str, lock_out: LockOut, now: datetime
    ) -> Attempt | None: ...

    async def begin_proof(self, user_id: str, lock_out: LockOut, now: datetime) -> Attempt | None:
        """The same, of somebody who is logged in and shows their password again."""

    async def take_back(self, user: User) -> None:
        """The attempt on `user` (as its Attempt had it) was no failure. Where others have begun
        meanwhile, it stays counted.
        """

    async def forget_failures(self, user_id: str) -> None:
        """The password was right."""

    async def log_in(self, login: LogIn) -> LoggedIn | None:
        """None when the user changed meanwhile, or the code was used by somebody faster."""

    async def note_failed(self, failed: Failed) -> None: ...

    async def refresh(self, digest: bytes, fresh: RefreshToken) -> Refreshed | Reused | None:
        """Use the token with this digest up, and make `fresh` (whose `session_id` is ignored) the
        current one; its `created_at` is now. None for an unknown or expired token, and one whose
        session has ended.
        """

    async def is_live(self, session_id: str, now: datetime) -> bool: ...

    async def list_sessions(self, user_id: str, now: datetime) -> list[Session]:
        """Those that have not ended, newest first."""

    async def end_session(
        self, user_id: str, session_id: str, reason: EndReason, at: datetime
    ) -> bool:
        """Whether the user has such a session; one that has ended stays ended as it was."""
