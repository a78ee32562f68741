"""Migrations and provisioning on a real PostgreSQL: once, in order, and apart from each other."""

from pathlib import Path

import asyncpg
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.errors import StartRefused
from fluxiq.stores.migrate import Migration, migrate, read_migrations
from fluxiq.stores.provision import provision_institution
from tests.support.store_records import PASSWORD, fetch, open_admin, open_institution

OTHER = "87654321"


def migration(number: int, up: str, check: str = "SELECT 1 WHERE false") -> Migration:
    return Migration(number=number, name=f"step{number}", up=up, check=check)


# Migrations


async def test_migrations_are_applied_once_and_in_order(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    steps = [
        migration(1, "CREATE TABLE things (id int)"),
        migration(2, "ALTER TABLE things ADD COLUMN size int; INSERT INTO things VALUES (1, 2)"),
    ]

    async with open_admin(asyncio_host, postgres_database) as admin:
        assert await migrate(admin, "shelf", steps[:1]) == steps[:1]
        assert await migrate(admin, "shelf", steps) == steps[1:]
        assert await migrate(admin, "shelf", steps) == []

        assert await fetch(admin, "SELECT * FROM shelf.things") == [{"id": 1, "size": 2}]
        applied = await fetch(admin, "SELECT number, name, sha256 FROM shelf.schema_migrations")
        assert [(row["number"], row["name"], row["sha256"]) for row in applied] == [
            (1, "step1", steps[0].sha256),
            (2, "step2", steps[1].sha256),
        ]


async def test_many_processes_may_migrate_at_once(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    steps = [migration(number, f"CREATE TABLE t{number} (id int)") for number in range(1, 6)]
    applied: list[Migration] = []

    async with open_admin(asyncio_host, postgres_database) as admin:

        async def one() -> None:
            applied.extend(await migrate(admin, "shelf", steps))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(one)

    assert sorted(step.number for step in applied) == [1, 2, 3, 4, 5]


async def test_a_complaint_of_the_after_check_rolls_back_and_names_migration_and_rows(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    good = migration(1, "CREATE TABLE things (id int)")
    bad = migration(2, "INSERT INTO things VALUES (7)", "SELECT id, 'is odd' FROM things")

    async with open_admin(asyncio_host, postgres_database) as admin:
        with pytest.raises(StartRefused, match="0002_step2 left 1 complaints: 7, is odd"):
            await migrate(admin, "shelf", [good, bad])

        assert await fetch(admin, "SELECT * FROM shelf.things") == []
        rows = await fetch(admin, "SELECT number FROM shelf.schema_migrations")
        assert [row["number"] for row in rows] == [1]


async def test_an_applied_migration_whose_text_changed_is_refused_by_name(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await migrate(admin, "shelf", [migration(1, "CREATE TABLE things (id int)")])

        with pytest.raises(StartRefused, match="0001_step1 is applied already, but its text"):
            await migrate(admin, "shelf", [migration(1, "CREATE TABLE things (id bigint)")])


async def test_a_schema_newer_than_the_program_is_refused(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    steps = [migration(1, "SELECT 1"), migration(2, "SELECT 2")]

    async with open_admin(asyncio_host, postgres_database) as admin:
        await migrate(admin, "shelf", steps)

        with pytest.raises(StartRefused, match="newer than this program: it has 0002_step2"):
            await migrate(admin, "shelf", steps[:1])


async def test_a_migration_that_comes_too_late_is_refused(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    late, newest = migration(1, "SELECT 1"), migration(2, "SELECT 2")

    async with open_admin(asyncio_host, postgres_database) as admin:
        await migrate(admin, "shelf", [newest])

        with pytest.raises(StartRefused, match="0001_step1 comes too late, 0002_step2 is applied"):
            await migrate(admin, "shelf", [late, newest])


async def test_a_migration_reaches_no_other_schema_by_an_unqualified_name(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await fetch(admin, "CREATE TABLE public.things (id int)")

        with pytest.raises(asyncpg.UndefinedTableError):
            await migrate(admin, "shelf", [migration(1, "INSERT INTO things VALUES (1)")])


async def test_migrations_on_disk_are_what_is_applied(
    asyncio_host: AsyncioHost, postgres_database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "0001_things"
    folder.mkdir()
    (folder / "up.sql").write_text("CREATE TABLE things (id int);\n-- and a remark\n")
    (folder / "check.sql").write_text("SELECT 'lost' WHERE to_regclass('things') IS NULL\n")

    async with open_admin(asyncio_host, postgres_database) as admin:
        await migrate(admin, "shelf", read_migrations(tmp_path))

        assert await fetch(admin, "SELECT * FROM shelf.things") == []


# Provisioning


async def test_provisioning_twice_is_provisioning_once(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        for name in ("First name", "New name"):
            await provision_institution(admin, "12345678", name, 7, PASSWORD)

        rows = await fetch(admin, "SELECT * FROM platform.institutions")
        assert [(row["ispb"], row["name"], row["ledger"]) for row in rows] == [
            ("12345678", "New name", 7)
        ]


async def test_institutions_may_be_provisioned_at_the_same_time(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        async with trio.open_nursery() as nursery:
            for ledger, ispb in enumerate(["12345678", OTHER, "12345678", OTHER]):
                nursery.start_soon(
                    provision_institution, admin, ispb, "Name", ledger % 2 + 1, PASSWORD
                )

        rows = await fetch(admin, "SELECT ispb FROM platform.institutions ORDER BY ispb")
        assert [row["ispb"] for row in rows] == ["12345678", OTHER]


async def test_a_ledger_number_belongs_to_one_institution_for_ever(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_institution(admin, "12345678", "One", 1, PASSWORD)

        with pytest.raises(StartRefused, match="ledger 1 is registered for institution 12345678"):
            await provision_institution(admin, OTHER, "Two", 1, PASSWORD)
        with pytest.raises(StartRefused, match="registered with ledger 1, which cannot change"):
            await provision_institution(admin, "12345678", "One", 2, PASSWORD)


async def test_the_password_is_kept_as_a_scram_verifier(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_institution(admin, "12345678", "One", 1, PASSWORD)

        rows = await fetch(
            admin, "SELECT rolpassword FROM pg_authid WHERE rolname = 'inst_12345678'"
        )
        assert rows[0]["rolpassword"].startswith("SCRAM-SHA-256$4096:")


async def test_an_admin_need_not_be_superuser(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    database = postgres_database.partition("@/")[2].partition("?")[0]
    async with open_admin(asyncio_host, postgres_database) as superuser:
        await fetch(superuser, "DROP ROLE IF EXISTS inst_5teward0")
        await fetch(superuser, "DROP ROLE IF EXISTS steward")
        await fetch(superuser, "CREATE ROLE steward LOGIN CREATEROLE")
        await fetch(superuser, f"ALTER DATABASE {database} OWNER TO steward")

    own = postgres_database.replace("postgres@", "steward@")
    async with open_admin(asyncio_host, own) as steward:
        for _ in range(2):
            await provision_institution(steward, "5TEWARD0", "Stewarded", 5, PASSWORD)

    institution = postgres_database.replace("postgres@", "inst_5teward0@")
    async with open_admin(asyncio_host, institution) as postgres:
        assert await fetch(postgres, "SELECT * FROM merchants") == []


FORBIDDEN = {
    "reading the other's records": "SELECT * FROM inst_87654321.merchants",
    "writing the other's records": "DELETE FROM inst_87654321.payouts",
    "reading the other's history": "SELECT * FROM inst_87654321.schema_migrations",
    "reading the registry": "SELECT * FROM platform.institutions",
    "becoming the other": "SET ROLE inst_87654321",
    "becoming the owner": "SET ROLE postgres",
    "creating in public": "CREATE TABLE public.mine (id int)",
    "creating in its own schema": "CREATE TABLE mine (id int)",
    "creating a schema": "CREATE SCHEMA mine",
    "creating temporary tables": "CREATE TEMP TABLE mine (id int)",
    "creating roles": "CREATE ROLE mine",
    "dropping its own tables": "DROP TABLE audit_trail",
    "rewriting the audit trail": "UPDATE audit_trail SET note = ''",
    "deleting from the audit trail": "DELETE FROM audit_trail",
    "changing a receipt": "UPDATE receipts SET amount = 1",
    "rewriting the history of migrations": "DELETE FROM schema_migrations",
    "truncating": "TRUNCATE payouts",
}


async def test_an_institution_can_do_nothing_beyond_its_own_rows(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with (
        open_institution(asyncio_host, postgres_database, OTHER, 2),
        open_institution(asyncio_host, postgres_database) as own,
    ):
        for what, statement in FORBIDDEN.items():
            try:
                await fetch(own, statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            pytest.fail(f"{what} was allowed: {statement}")

        assert await fetch(own, "SELECT * FROM merchants") == []


async def test_an_institution_sees_no_other_schema(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with (
        open_institution(asyncio_host, postgres_database, OTHER, 2),
        open_institution(asyncio_host, postgres_database) as own,
    ):
        seen = await fetch(
            own,
            """
            SELECT DISTINCT table_schema FROM information_schema.tables
            UNION SELECT DISTINCT table_schema FROM information_schema.columns
            UNION SELECT schema_name FROM information_schema.schemata
            """,
        )
        system = {"pg_catalog", "information_schema"}
        assert {row["table_schema"] for row in seen} - system == {"inst_12345678"}

        usable = await fetch(
            own,
            """
            SELECT nspname FROM pg_namespace
            WHERE has_schema_privilege(nspname, 'USAGE') OR has_schema_privilege(nspname, 'CREATE')
            """,
        )
        assert {row["nspname"] for row in usable} - system == {"inst_12345678"}
        assert await fetch(own, "SELECT current_schemas(false) AS path") == [
            {"path": ["inst_12345678"]}
        ]


async def test_a_role_without_an_institution_here_cannot_connect(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_institution(admin, "12345678", "One", 1, PASSWORD)
        await fetch(admin, "DROP ROLE IF EXISTS stranger")
        await fetch(admin, "CREATE ROLE stranger LOGIN")

    url = postgres_database.replace("postgres@", "stranger@")
    async with open_admin(asyncio_host, url) as stranger:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(stranger, "SELECT 1")
