"""Numbered SQL folders, applied forward only, each with an after-check.

A set of migrations is a folder of `0001_name/{up.sql,check.sql}`. Each one runs in a transaction of
its own, under an advisory lock of its schema: `up.sql` with that schema as the whole search path,
then `check.sql`, one query whose rows are complaints. Any complaint rolls the migration back.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from fluxiq.errors import StartRefused
from fluxiq.stores.pool import Connection, Postgres

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
COMPLAINTS_SHOWN_MAX: Final = 10

_FOLDER = re.compile(r"([0-9]{4})_([a-z][a-z0-9_]*)")
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of a schema's history; `sha256` is of `up`, which may not change once applied."""

    number: int
    name: str
    up: str
    check: str

    @property
    def sha256(self) -> bytes:
        return sha256(self.up.encode()).digest()

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


def read_migrations(folder: Path) -> list[Migration]:
    """The migrations in `folder`, by number. Raises StartRefused naming what is out of place."""
    found: dict[int, Migration] = {}

    for entry in sorted(folder.iterdir()):
        match = _FOLDER.fullmatch(entry.name)
        if match is None:
            raise StartRefused(f"{entry.name} is not the name of a migration (0001_name)")

        number = int(match[1])
        if number in found:
            raise StartRefused(f"migrations {found[number]} and {entry.name} share a number")

        found[number] = Migration(
            number=number,
            name=match[2],
            up=_text(entry / "up.sql"),
            check=_text(entry / "check.sql"),
        )

    return list(found.values())


async def migrate(
    postgres: Postgres, schema: str, migrations: Sequence[Migration]
) -> list[Migration]:
    """Bring `schema`, created when missing, up to date; returns what was applied now.

    Raises StartRefused when a check complains (naming the migration and its rows, with nothing of
    it left behind), when an applied migration's text has changed, or when the schema is newer than
    this program. Any number of processes may do this at once.
    """
    assert _SCHEMA.fullmatch(schema), f"{schema!r} is not a schema's name"

    await postgres.transaction(_prepare, schema)
    return [
        migration
        for migration in migrations
        if await postgres.transaction(_apply, schema, migration, migrations)
    ]


async def _prepare(connection: Connection, schema: str) -> None:
    await _lock(connection, schema)
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    await connection.execute(
        f"""
        CREATE TABLE IF NOT EXISTS {schema}.schema_migrations (
            number integer PRIMARY KEY,
            name text NOT NULL,
            sha256 bytea NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )


async def _apply(
    connection: Connection, schema: str, migration: Migration, known: Sequence[Migration]
) -> bool:
    await _lock(connection, schema)
    rows = await connection.fetch(f"SELECT number, name, sha256 FROM {schema}.schema_migrations")  # noqa: S608 - checked above
    applied = {row["number"]: row for row in rows}
    _compare(schema, applied, known)

    if migration.number in applied:
        return False

    if applied and migration.number < (newest := max(applied)):
        raise StartRefused(
            f"schema {schema}: migration {migration} comes too late, "
            f"{newest:04d}_{applied[newest]['name']} is applied already"
        )

    # An unqualified name is found here or nowhere: neither "public" nor another schema helps out.
    await connection.execute(f"SET LOCAL search_path = {schema}")
    await connection.execute(migration.up)
    await _check(connection, schema, migration)
    await connection.execute(
        f"INSERT INTO {schema}.schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",  # noqa: S608 - checked above
        migration.number,
        migration.name,
        migration.sha256,
    )
    return True


def _compare(
    schema: str, applied: Mapping[int, Mapping[str, object]], known: Sequence[Migration]
) -> None:
    """History is append-only: what was applied is still here, word for word."""
    by_number = {migration.number: migration for migration in known}

    for number, row in sorted(applied.items()):
        migration = by_number.get(number)
        if migration is None:
            raise StartRefused(
                f"schema {schema} is newer than this program: it has {number:04d}_{row['name']}"
            )

        if migration.name != row["name"] or migration.sha256 != row["sha256"]:
            raise StartRefused(
                f"schema {schema}: migration {migration} is applied already, but its text changed"
            )


async def _check(connection: Connection, schema: str, migration: Migration) -> None:
    complaints = await connection.fetch(migration.check)

    if complaints:
        shown = "; ".join(
            ", ".join(str(value) for value in row.values())
            for row in complaints[:COMPLAINTS_SHOWN_MAX]
        )
        raise StartRefused(
            f"schema {schema}: migration {migration} left {len(complaints)} complaints: {shown}"
        )


async def _lock(connection: Connection, schema: str) -> None:
    """Until the transaction ends, nobody else migrates this schema."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('fluxiq.migrate.' || $1::text, 0))", schema
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise StartRefused(
            f"migration {file.parent.name}: cannot read {file.name}: {error.strerror}"
        ) from None
