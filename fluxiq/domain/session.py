"""A person's session: from log-in to its end, kept alive by refresh tokens that are used once.

The tokens of a session are one family. The last one is current; an older one that comes back was
copied, by whomever: the family ends (RFC 9700, 4.14.2). No grace is given for a client that lost
the answer: to us it looks like a thief, and logging in again is cheap.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

SESSIONS_MAX: Final = 20  # of one person at once; a log-in beyond ends the oldest


class EndReason(StrEnum):
    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"  # by its owner, from another session
    REUSED = "reused"  # an old refresh token came back
    CROWDED_OUT = "crowded_out"  # the oldest of too many
    USER_CHANGED = "user_changed"  # role, lock, removal, password: log in again


class Session(Struct, frozen=True, kw_only=True):
    """`expires_at` is its end however often it is refreshed; `address` and `client` (the program)
    are what its owner knows it by.
    """

    id: str  # ses_…
    user_id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    client: str
    ended_at: datetime | None = None
    end_reason: EndReason | None = None


class RefreshToken(Struct, frozen=True, kw_only=True):
    """`digest` is SHA-256 of its text: 256 random bits need no slow hash."""

    digest: bytes
    session_id: str
    created_at: datetime
    expires_at: datetime
