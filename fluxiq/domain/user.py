"""A person with a password: who logs in, what may change about them, and when they are locked out.

`active <-> locked -> removed`. `locked` is an operator's or owner's decision; being locked out for
wrong passwords is another thing, ends by itself and grows with each failure.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.roles import Role
from fluxiq.errors import Refused


class UserStatus(StrEnum):
    ACTIVE = "active"
    LOCKED = "locked"
    REMOVED = "removed"


class UserEvent(StrEnum):
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    REMOVED = "removed"


_S, _E = UserStatus, UserEvent

TRANSITIONS: Mapping[tuple[UserStatus, UserEvent], UserStatus] = MappingProxyType(
    {
        (_S.ACTIVE, _E.LOCKED): _S.LOCKED,
        (_S.LOCKED, _E.LOCKED): _S.LOCKED,
        (_S.LOCKED, _E.UNLOCKED): _S.ACTIVE,
        (_S.ACTIVE, _E.UNLOCKED): _S.ACTIVE,
        (_S.ACTIVE, _E.REMOVED): _S.REMOVED,
        (_S.LOCKED, _E.REMOVED): _S.REMOVED,
    }
)


class User(Struct, frozen=True, kw_only=True):
    """`merchant_id` is whom they work for; None: the institution itself. `one_time_until` is set
    while the password was given by somebody else: until then it opens one door, behind which it is
    changed. `totp_pending` awaits its first code. `failures` are log-ins begun since the last good
    one.
    """

    id: str  # usr_…
    merchant_id: str | None
    document: str
    name: str
    role: Role
    status: UserStatus
    password_hash: str
    created_at: datetime
    updated_at: datetime
    one_time_until: datetime | None = None
    totp_secret: bytes | None = None
    totp_pending: bytes | None = None
    totp_step: int | None = None
    recovery_codes: tuple[bytes, ...] = ()
    failures: int = 0
    locked_until: datetime | None = None
    last_login_at: datetime | None = None


def advance(status: UserStatus, event: UserEvent) -> UserStatus:
    """Raises Refused("user_not_found"): who was removed is not there any more."""
    target = TRANSITIONS.get((status, event))
    if target is None:
        raise Refused("user_not_found", "the user was removed", field="user_id")
    return target


# Locked out for failures.


class LockOut(Struct, frozen=True, kw_only=True):
    """After `failures` in a row for `seconds`, doubling with each further one to `seconds_max`."""

    failures: int
    seconds: float
    seconds_max: float

    def seconds_after(self, failures: int) -> float:
        if failures < self.failures:
            return 0.0
        doublings = min(failures - self.failures, 32)  # far beyond any seconds_max
        return float(min(self.seconds * 2**doublings, self.seconds_max))


def begin_attempt(user: User, lock_out: LockOut, now: datetime) -> User | None:
    """The user with one more failure: counted before the password is looked at, so that a thousand
    guesses at once are not all the first. None: no attempt now. A good log-in takes it back.
    """
    if user.status is not UserStatus.ACTIVE:
        return None
    if user.locked_until is not None and now < user.locked_until:
        return None

    failures = user.failures + 1
    seconds = lock_out.seconds_after(failures)
    locked_until = now + timedelta(seconds=seconds) if seconds else None
    return replace(user, failures=failures, locked_until=locked_until)


# Changes.


class RoleGiven(Struct, frozen=True, kw_only=True):
    role: Role


class Renamed(Struct, frozen=True, kw_only=True):
    name: str


class Locked(Struct, frozen=True):
    pass


class Unlocked(Struct, frozen=True):
    """Also of a lock-out."""


class Removed(Struct, frozen=True):
    pass


class PasswordReset(Struct, frozen=True, kw_only=True):
    """By somebody else: to be changed before `until`."""

    password_hash: str
    until: datetime
    without_totp: bool = False


class PasswordChosen(Struct, frozen=True, kw_only=True):
    """By its owner, who knew the one that `seen` is the hash of."""

    seen: str
    password_hash: str


class TotpOffered(Struct, frozen=True, kw_only=True):
    secret: bytes


class TotpConfirmed(Struct, frozen=True, kw_only=True):
    """The pending `secret` has shown its first code, of `step`."""

    secret: bytes
    step: int
    recovery_codes: tuple[bytes, ...]


class TotpRemoved(Struct, frozen=True):
    pass


StandingChange = RoleGiven | Renamed | Locked | Unlocked | Removed
ProofChange = PasswordReset | PasswordChosen | TotpOffered | TotpConfirmed | TotpRemoved
UserChange = StandingChange | ProofChange

# After these everybody who is logged in as this user logs in again: what their tokens say is over.
ENDS_SESSIONS: Final = (RoleGiven, Locked, Removed, PasswordReset, PasswordChosen)


def changed(user: User, change: UserChange, at: datetime) -> User:
    """The user after `change`. Raises Refused: user_not_found, or user_changed when it was decided
    on something that is not so any more.
    """
    if user.status is UserStatus.REMOVED:
        raise Refused("user_not_found", "the user was removed", field="user_id")

    match change:
        case RoleGiven() | Renamed() | Locked() | Unlocked() | Removed():
            after = _standing_changed(user, change)
        case _:
            after = _proof_changed(user, change)
    return after if after == user else replace(after, updated_at=at)


def _standing_changed(user: User, change: StandingChange) -> User:
    match change:
        case RoleGiven(role=role):
            return replace(user, role=role)
        case Renamed(name=name):
            return replace(user, name=name)
        case Locked():
            return replace(user, status=advance(user.status, UserEvent.LOCKED))
        case Unlocked():
            status = advance(user.status, UserEvent.UNLOCKED)
            return replace(user, status=status, failures=0, locked_until=None)
        case Removed():
            return replace(user, status=advance(user.status, UserEvent.REMOVED))


def _proof_changed(user: User, change: ProofChange) -> User:
    match change:
        case PasswordReset(password_hash=password_hash, until=until, without_totp=without_totp):
            after = replace(
                user,
                password_hash=password_hash,
                one_time_until=until,
                failures=0,
                locked_until=None,
            )
            return _without_totp(after) if without_totp else after
        case PasswordChosen(seen=seen, password_hash=password_hash):
            _still(user.password_hash == seen)
            return replace(user, password_hash=password_hash, one_time_until=None)
        case TotpOffered(secret=secret):
            _still(user.totp_secret is None)
            return replace(user, totp_pending=secret)
        case TotpConfirmed(secret=secret, step=step, recovery_codes=codes):
            _still(user.totp_pending == secret)
            return replace(
                user, totp_secret=secret, totp_pending=None, totp_step=step, recovery_codes=codes
            )
        case TotpRemoved():
            return _without_totp(user)


def is_acting_owner(user: User) -> bool:
    return user.role is Role.OWNER and user.status is UserStatus.ACTIVE


def _without_totp(user: User) -> User:
    return replace(user, totp_secret=None, totp_pending=None, totp_step=None, recovery_codes=())


def _still(holds: bool) -> None:
    if not holds:
        raise Refused("user_changed", "it was changed meanwhile: look again")
