"""`ports.sealing_keys.SealedRows` over an institution's own schema: what rotations walk through."""

from collections.abc import Container, Sequence
from typing import Any, Final

from fluxiq.domain.envelope import head_of
from fluxiq.ports.sealing_keys import Progress, SealedRows, Stale, StalePage
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, record
from fluxiq.stores.sealed import SEALED, Column

_BY_NAME: Final = {column.what: column for column in SEALED}
_MOVING: Final = frozenset(column.what for column in SEALED if column.moves)
assert len(_BY_NAME) == len(SEALED), "two sealed columns have the same name"

_NOTE: Final = """
INSERT INTO sealing_progress (key_id, what, after, seen, resealed, updated_at, done_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (key_id, what) DO UPDATE SET
    after = excluded.after, seen = excluded.seen, resealed = excluded.resealed,
    updated_at = excluded.updated_at, done_at = excluded.done_at
"""


class PostgresSealedRows(SealedRows):
    """The sealed columns of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def columns(self) -> Sequence[str]:
        return list(_BY_NAME)

    def moving(self) -> Container[str]:
        return _MOVING

    async def stale(
        self, what: str, key_id: int, after: tuple[str, ...] | None, limit: int
    ) -> StalePage:
        return await self._postgres.run(_stale, _BY_NAME[what], key_id, after, limit)

    async def replace(self, fresh: Sequence[tuple[Stale, bytes]], progress: Progress) -> int:
        return await self._postgres.transaction(_replace, fresh, progress)

    async def progress(self, key_id: int) -> list[Progress]:
        return await self._postgres.run(_progress, key_id)


async def _stale(
    connection: Connection,
    column: Column,
    key_id: int,
    after: tuple[str, ...] | None,
    limit: int,
) -> StalePage:
    rows = await connection.fetch(
        _page(column, first=after is None), head_of(key_id), limit, *(after or ())
    )
    stale = [
        Stale(_key_of(column, row), column.place(row["place"]), row["sealed"])
        for row in rows
        if row["sealed"] is not None
    ]
    is_last = len(rows) < limit
    return StalePage(
        after=None if is_last else _key_of(column, rows[-1]), seen=len(rows), stale=stale
    )


async def _replace(
    connection: Connection, fresh: Sequence[tuple[Stale, bytes]], progress: Progress
) -> int:
    column = _BY_NAME[progress.what]
    rows = [(*stale.key, stale.sealed, sealed) for stale, sealed in fresh]
    replaced = await connection.fetch(_update(column), *columns(rows, len(column.key) + 2))
    await connection.execute(
        _NOTE,
        progress.key_id,
        progress.what,
        progress.after,
        progress.seen,
        progress.resealed + len(replaced),
        progress.updated_at,
        progress.done_at,
    )
    return len(replaced)


async def _progress(connection: Connection, key_id: int) -> list[Progress]:
    rows = await connection.fetch(
        "SELECT * FROM sealing_progress WHERE key_id = $1 ORDER BY what", key_id
    )
    return [record(Progress, row) for row in rows]


# Statements out of names that are constants of ours.


def _page(column: Column, *, first: bool) -> str:
    """$1: how an envelope under the key begins; $2: how many; then the last key before them."""
    names = [name for name, _ in column.key]
    keys = ", ".join(f"{name}::text AS key_{place}" for place, name in enumerate(names))
    given = ", ".join(f"${place}::text::{kind}" for place, (_, kind) in enumerate(column.key, 3))
    beyond = "" if first else f"AND ({', '.join(names)}) > ({given})"
    return f"""
    SELECT {keys}, {column.row} AS place,
        CASE WHEN substring({column.name} FROM 1 FOR {len(head_of(1))}) <> $1
            THEN {column.name} END AS sealed
    FROM {column.table} WHERE {column.where} AND {column.name} IS NOT NULL {beyond}
    ORDER BY {", ".join(names)} LIMIT $2
    """  # noqa: S608 - constants


def _update(column: Column) -> str:
    """Where the old seal is still there: whoever wrote since then has sealed anew."""
    count = len(column.key)
    arrays = [f"${place}::text[]" for place in range(1, count + 1)]
    arrays += [f"${count + 1}::bytea[]", f"${count + 2}::bytea[]"]
    names = ", ".join(f"key_{place}" for place in range(count))
    same = " AND ".join(
        f"old.{name} = fresh.key_{place}::{kind}" for place, (name, kind) in enumerate(column.key)
    )
    return f"""
    UPDATE {column.table} AS old SET {column.name} = fresh.after
    FROM unnest({", ".join(arrays)}) AS fresh ({names}, before, after)
    WHERE {same} AND old.{column.name} = fresh.before
    RETURNING 1
    """  # noqa: S608 - constants


def _key_of(column: Column, row: Any) -> tuple[str, ...]:
    return tuple(row[f"key_{place}"] for place in range(len(column.key)))
