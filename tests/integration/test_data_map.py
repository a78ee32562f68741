"""Every column of every table of a real PostgreSQL is in the data map, and nothing else is."""

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.data_map import Form
from fluxiq.domain.data_map_tables import DATA_MAP
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.provision import provision_institution, role_of
from fluxiq.stores.sealed import SEALED
from tests.support.store_records import ISPB, PASSWORD, fetch, open_admin

_COLUMNS = """
SELECT table_schema AS schema, table_name || '.' || column_name AS name
FROM information_schema.columns WHERE table_schema IN ($1, 'platform')
"""
_TABLES_ELSEWHERE = """
SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
WHERE table_schema NOT IN ($1, 'platform', 'pg_catalog', 'information_schema')
"""

MAPPED = {f"{one.table}.{column}" for one in DATA_MAP for column in one.columns()}


async def test_every_column_is_classified_and_every_classified_column_is_there(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_institution(admin, ISPB, "Banco", 1, PASSWORD)
        there = {one["name"] for one in await fetch(admin, _COLUMNS, role_of(ISPB))}
        elsewhere = await fetch(admin, _TABLES_ELSEWHERE, role_of(ISPB))

    assert len(there) > 400, "every table is looked at"
    assert elsewhere == [], "there are tables in no schema that is looked at"
    assert there - MAPPED == set(), "classify them in domain/data_map_tables.py"
    assert MAPPED - there == set(), "they are gone"


async def test_a_column_that_nobody_classified_is_found(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_institution(admin, ISPB, "Banco", 1, PASSWORD)
        await _add_column(admin)
        there = {one["name"] for one in await fetch(admin, _COLUMNS, role_of(ISPB))}
    assert there - MAPPED == {"merchants.mothers_name"}


def test_what_is_sealed_is_called_sealed_and_nothing_else_is() -> None:
    said = {
        f"{one.table}.{column.column}"
        for one in DATA_MAP
        for column in one.direct
        if column.form is Form.SEALED
    }
    assert said == {f"{column.table}.{column.name}" for column in SEALED}


async def _add_column(admin: Postgres) -> None:
    async def write(connection: Connection) -> None:
        await connection.execute(
            f"ALTER TABLE {role_of(ISPB)}.merchants ADD COLUMN mothers_name text"
        )

    await admin.transaction(write)
