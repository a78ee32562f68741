"""Passwords as argon2id hashes, away from the event loop: with the parameters of RFC 9106 one takes
64 MiB and some 200 ms of a core.
"""

import base64
import secrets
from typing import Final

import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from fluxiq.domain.password import LENGTH_MAX, normalized
from fluxiq.errors import Unavailable
from fluxiq.settings.identity import Identity

THREADS: Final = 2
WAITING_MAX: Final = 32  # the last one waits 3 s, on a busy machine 10
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32

# Of the process: whatever the number of institutions, log-ins use two cores and 128 MiB.
_threads: Final = trio.CapacityLimiter(THREADS)


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether it was right; `renewed` is its hash under the parameters of today, if they differ."""

    right: bool
    renewed: str | None = None


class Passwords:
    """Made with the parameters of `[identity]`."""

    def __init__(self, identity: Identity) -> None:
        self._hasher = PasswordHasher(
            time_cost=identity.argon2_passes,
            memory_cost=identity.argon2_memory_kib,
            parallelism=identity.argon2_lanes,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
        )
        # Nobody's password: to be looked at where there is no user, so that it takes as long.
        self._nobody = _encoded(identity, secrets.token_bytes(HASH_BYTES))

    async def hash(self, text: str) -> str:
        """The hash in PHC's string format. Raises Unavailable when too many wait."""
        _refuse_crowd()
        return await trio.to_thread.run_sync(self._hash, text, limiter=_threads)

    async def verify(self, hashed: str | None, text: str) -> Verdict:
        """None: nobody's, which is as much work and never right. Raises Unavailable."""
        _refuse_crowd()
        known = text if len(text) <= LENGTH_MAX else ""  # nobody has one: still as much work
        return await trio.to_thread.run_sync(
            self._verify, hashed or self._nobody, known, limiter=_threads
        )

    def _hash(self, text: str) -> str:
        return self._hasher.hash(normalized(text))

    def _verify(self, hashed: str, text: str) -> Verdict:
        try:
            self._hasher.verify(hashed, normalized(text))
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        stale = self._hasher.check_needs_rehash(hashed)
        return Verdict(right=True, renewed=self._hash(text) if stale else None)


def _refuse_crowd() -> None:
    if _threads.statistics().tasks_waiting >= WAITING_MAX:
        raise Unavailable("passwords", "too many people log in at this moment")


def _encoded(identity: Identity, digest: bytes) -> str:
    cost = f"m={identity.argon2_memory_kib},t={identity.argon2_passes},p={identity.argon2_lanes}"
    salt = _base64(secrets.token_bytes(SALT_BYTES))
    return f"$argon2id$v=19${cost}${salt}${_base64(digest)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
