"""Where the keys of the seals are kept, and what keeps them secret there."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from fluxiq.ports.sealing import Place


class KeyWrapper(Protocol):
    """The key-encryption keys: they never leave here, and wrap the keys that institutions have.

    A file now; a key management service keeps the same promises. `context` is bound to what is
    wrapped: it unwraps for nothing else.
    """

    async def current(self) -> str:
        """The id of the key-encryption key that wraps. Raises StartRefused where there is none."""

    async def wrap(self, key: bytes, context: str) -> bytes:
        """`key` under the current key-encryption key."""

    async def unwrap(self, wrapped: bytes, wrapped_by: str, context: str) -> bytes:
        """Raises StartRefused when `wrapped_by` is not here or did not wrap this for `context`."""


class KeyPurpose(StrEnum):
    DATA = "data"  # seals values
    INDEX = "index"  # the root of the blind indexes; there is one, and it stays


class WrappedKey(Struct, frozen=True, kw_only=True):
    """A key as it is kept. `messages` were granted under it, and perhaps sealed."""

    id: int
    purpose: KeyPurpose
    wrapped: bytes
    wrapped_by: str
    messages: int
    created_at: datetime
    retired_at: datetime | None = None


class SealingState(Struct, frozen=True, kw_only=True):
    """All keys in the order of their ids: the last data key that is not retired seals."""

    keys: Sequence[WrappedKey]
    plain_allowed: bool

    @property
    def current(self) -> WrappedKey:
        return self.in_use[-1]

    @property
    def in_use(self) -> Sequence[WrappedKey]:
        """The data keys by which something may be sealed still."""
        data = [key for key in self.keys if key.purpose is KeyPurpose.DATA]
        return [key for key in data if key.retired_at is None]

    @property
    def is_settled(self) -> bool:
        """Whether everything is sealed under the current key."""
        return len(self.in_use) == 1 and not self.plain_allowed


class SealingKeys(Protocol):
    """The keys of one institution."""

    async def state(self) -> SealingState: ...

    async def add(self, keys: Sequence[WrappedKey]) -> bool:
        """All or none: False when somebody else has added keys of these ids."""

    async def grant(self, key_id: int, messages: int, messages_max: int) -> bool:
        """Count `messages` more under a key. False when they would be more than `messages_max`."""

    async def rewrap(self, key_id: int, wrapped: bytes, wrapped_by: str) -> None:
        """The same key under another key-encryption key."""

    async def retire(self, before: int, now: datetime) -> list[int]:
        """Data keys below the id `before` are not asked for any more; says which."""

    async def refuse_plain(self) -> None:
        """From now on a value that is not sealed is a broken one."""


class Stale(Struct, frozen=True):
    """A value that the current key has not sealed. `key` is its row's primary key, `place` where it
    is sealed to.
    """

    key: tuple[str, ...]
    place: Place
    sealed: bytes


class StalePage(Struct, frozen=True, kw_only=True):
    """A page of a column in the order of its rows' keys. `after` is the last key; None: no more."""

    after: tuple[str, ...] | None
    seen: int
    stale: Sequence[Stale]


class Progress(Struct, frozen=True, kw_only=True):
    """How far a column has been sealed again under a key; times and counts of values."""

    key_id: int
    what: str
    after: tuple[str, ...] | None = None
    seen: int = 0
    resealed: int = 0
    updated_at: datetime
    done_at: datetime | None = None


class SealedRows(Protocol):
    """Every sealed value of an institution, column by column (`what` names one)."""

    def columns(self) -> Sequence[str]: ...

    def moving(self) -> Container[str]:
        """Those whose values go from row to row as they are, small ones: a walk may miss one that
        goes where it has been, and so walks through these again and again.
        """

    async def stale(
        self, what: str, key_id: int, after: tuple[str, ...] | None, limit: int
    ) -> StalePage:
        """The next `limit` rows after a key, and their values that `key_id` has not sealed."""

    async def replace(self, fresh: Sequence[tuple[Stale, bytes]], progress: Progress) -> int:
        """Put new seals in the place of old ones, where nobody else was quicker, and write down the
        progress, whose `resealed` counts those that were put: says how many. One transaction.
        """

    async def progress(self, key_id: int) -> Sequence[Progress]: ...


@dataclass(frozen=True, slots=True)
class SealingDesk:
    """What a rotation works with."""

    keys: SealingKeys
    rows: SealedRows
