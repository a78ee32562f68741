"""Sealing keys and sealed rows in memory: the same promises as on paper."""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from fluxiq.domain.envelope import key_id_of
from fluxiq.errors import StartRefused
from fluxiq.ports.sealing import Place
from fluxiq.ports.sealing_keys import (
    KeyPurpose,
    KeyWrapper,
    Progress,
    SealedRows,
    SealingDesk,
    SealingKeys,
    SealingState,
    Stale,
    StalePage,
    WrappedKey,
)


class MemoryWrapper(KeyWrapper):
    """Wraps by writing beside the key whose it is. `known` are the key-encryption keys it has."""

    def __init__(self) -> None:
        self.known = ["kek_1"]

    async def current(self) -> str:
        return self.known[0]

    async def wrap(self, key: bytes, context: str) -> bytes:
        return context.encode() + b"\0" + key

    async def unwrap(self, wrapped: bytes, wrapped_by: str, context: str) -> bytes:
        said, _, key = wrapped.partition(b"\0")
        if wrapped_by not in self.known or said != context.encode():
            raise StartRefused(f"{context} is not wrapped by {wrapped_by}")
        return key


class MemorySealingKeys(SealingKeys):
    def __init__(self, *, plain_allowed: bool = False) -> None:
        self.by_id: dict[int, WrappedKey] = {}
        self.plain_allowed = plain_allowed

    async def state(self) -> SealingState:
        keys = [self.by_id[one] for one in sorted(self.by_id)]
        return SealingState(keys=keys, plain_allowed=self.plain_allowed)

    async def add(self, keys: Sequence[WrappedKey]) -> bool:
        if any(key.id in self.by_id for key in keys):
            return False
        self.by_id |= {key.id: key for key in keys}
        return True

    async def grant(self, key_id: int, messages: int, messages_max: int) -> bool:
        key = self.by_id[key_id]
        if key.messages + messages > messages_max:
            return False
        self.by_id[key_id] = replace(key, messages=key.messages + messages)
        return True

    async def rewrap(self, key_id: int, wrapped: bytes, wrapped_by: str) -> None:
        key = self.by_id[key_id]
        self.by_id[key_id] = replace(key, wrapped=wrapped, wrapped_by=wrapped_by)

    async def retire(self, before: int, now: datetime) -> list[int]:
        retired = [
            key.id
            for key in self.by_id.values()
            if key.purpose is KeyPurpose.DATA and key.id < before and key.retired_at is None
        ]
        self.by_id |= {one: replace(self.by_id[one], retired_at=now) for one in retired}
        return retired

    async def refuse_plain(self) -> None:
        self.plain_allowed = False


class MemorySealedRows(SealedRows):
    """Columns as tables of sealed values by the names of their rows."""

    def __init__(self, columns: Mapping[str, dict[str, bytes]] | None = None) -> None:
        self.by_name = dict(columns or {})
        self.names_moving: set[str] = set()
        self.noted: dict[tuple[int, str], Progress] = {}

    def columns(self) -> Sequence[str]:
        return list(self.by_name)

    def moving(self) -> Container[str]:
        return self.names_moving

    async def stale(
        self, what: str, key_id: int, after: tuple[str, ...] | None, limit: int
    ) -> StalePage:
        rows = self.by_name[what]
        page = [row for row in sorted(rows) if after is None or (row,) > after][:limit]
        stale = [
            Stale((row,), place_of(what, row), rows[row])
            for row in page
            if key_id_of(rows[row]) != key_id
        ]
        is_last = len(page) < limit
        return StalePage(after=None if is_last else (page[-1],), seen=len(page), stale=stale)

    async def replace(self, fresh: Sequence[tuple[Stale, bytes]], progress: Progress) -> int:
        replaced = 0
        for stale, sealed in fresh:
            [row] = stale.key
            if self.by_name[progress.what].get(row) == stale.sealed:
                self.by_name[progress.what][row] = sealed
                replaced += 1
        noted = replace(progress, resealed=progress.resealed + replaced)
        self.noted[progress.key_id, progress.what] = noted
        return replaced

    async def progress(self, key_id: int) -> list[Progress]:
        return [one for (known, _), one in sorted(self.noted.items()) if known == key_id]


def sealing_desk() -> SealingDesk:
    """Of an institution whose values are all sealed under its first key."""
    keys = MemorySealingKeys()
    for number, purpose in enumerate((KeyPurpose.INDEX, KeyPurpose.DATA)):
        keys.by_id[number] = WrappedKey(
            id=number,
            purpose=purpose,
            wrapped=b"",
            wrapped_by="kek_1",
            messages=0,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    return SealingDesk(keys, MemorySealedRows())


def place_of(what: str, row: str) -> Place:
    table, _, column = what.partition(".")
    return Place(table, column, row)
