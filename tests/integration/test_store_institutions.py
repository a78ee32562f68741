"""The register of institutions on a real PostgreSQL, and the end of a place there."""

from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.institution import InstitutionEvent, InstitutionState
from fluxiq.errors import Refused, StartRefused, Unavailable
from fluxiq.stores.institutions import PostgresInstitutions
from fluxiq.stores.pool import Postgres
from fluxiq.stores.provision import provision_institution, provision_platform, role_of
from fluxiq.stores.provision_end import erase_institution, revoke_institution
from tests.support.memory_institutions import declared
from tests.support.store_records import PASSWORD, fetch, open_admin

ONE = declared("41000001", 41)
STATE, EVENT = InstitutionState, InstitutionEvent


async def settle(admin: Postgres, ispb: str = ONE.ispb, ledger: int = ONE.ledger) -> None:
    await provision_institution(admin, ispb, "Banco", ledger, PASSWORD)


async def execute(postgres: Postgres, statements: str) -> None:
    async def unit(connection: Any) -> None:
        await connection.execute(statements)

    await postgres.run(unit)


async def code_of(doing: object) -> str:
    with pytest.raises(Refused) as refused:
        await doing  # type: ignore[misc]
    return refused.value.code


async def test_a_life_is_written_down_step_by_step(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_platform(admin)
        records = PostgresInstitutions(admin)

        claimed = await records.claim(ONE, "wanted")
        assert (claimed.state, claimed.ledger) == (STATE.ADDING, 41)
        assert await records.claim(ONE, "again") == claimed
        await settle(admin)
        for event in (EVENT.OPENED, EVENT.SUSPENDED, EVENT.LEAVING, EVENT.REMOVED):
            await records.move(ONE.ispb, event, f"because {event}", archive="box 7")

        [line] = await records.all()
        assert (line.state, line.archive) == (STATE.REMOVED, "box 7")
        steps = await records.steps(ONE.ispb)
        assert [one.event.value for one in reversed(steps)] == [
            *("claimed", "opened", "suspended", "leaving", "removed")
        ]
        assert await code_of(records.move(ONE.ispb, EVENT.RESUMED, "")) == "institution_state"
        assert await code_of(records.move("00000000", EVENT.RESUMED, "")) == "institution_not_found"
        with pytest.raises(asyncpg.RaiseError, match="only grows"):
            await execute(admin, "DELETE FROM platform.institution_steps")


async def test_a_ledger_number_has_one_owner_for_ever(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_platform(admin)
        records = PostgresInstitutions(admin)
        await records.claim(ONE, "")

        stranger, renumbered = declared("41000002", 41), declared(ONE.ispb, 42)
        assert await code_of(records.claim(stranger, "")) == "institution_invalid"
        assert await code_of(records.claim(renumbered, "")) == "institution_invalid"
        renamed = declared(ONE.ispb, 41, name="Somebody else")
        assert await code_of(records.claim(renamed, "")) == "institution_exists"


async def test_where_nothing_was_written_nothing_stays_and_the_number_is_free_again(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_platform(admin)
        records = PostgresInstitutions(admin)
        await records.claim(ONE, "")
        await settle(admin)

        for _ in range(2):
            assert await erase_institution(admin, ONE.ispb)
        await records.withdraw(ONE.ispb, "it failed")

        assert await records.all() == []
        left = "SELECT rolname FROM pg_roles WHERE rolname = $1"
        assert await fetch(admin, left, role_of(ONE.ispb)) == []
        assert (await records.claim(declared("41000002", 41), "")).state is STATE.ADDING


async def test_where_something_was_written_it_stays_and_opens_no_more(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    own = postgres_database.replace("postgres@", f"{role_of(ONE.ispb)}@")
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_platform(admin)
        records = PostgresInstitutions(admin)
        await records.claim(ONE, "")
        await settle(admin)
        async with open_admin(asyncio_host, own) as institution:
            await execute(
                institution,
                "INSERT INTO ledger_accounts (id, ledger, code, flags)"
                " VALUES ('00000000-0000-0000-0000-000000000001', 41, 1, 0)",
            )
            assert not await erase_institution(admin, ONE.ispb)
            assert await revoke_institution(admin, ONE.ispb)
            await records.withdraw(ONE.ispb, "it failed")

            # Also the connection that was open: it is ended, and no other is let in.
            with suppress(Unavailable, asyncpg.InvalidAuthorizationSpecificationError):
                await fetch(institution, "SELECT 1")  # which finds its connection ended
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                await fetch(institution, "SELECT 1")

        assert (await records.all())[0].state is STATE.REMOVED
        kept = await fetch(admin, f"SELECT ledger FROM {role_of(ONE.ispb)}.ledger_accounts")
        assert kept == [{"ledger": 41}]


async def test_what_an_institution_still_has_is_counted(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await provision_platform(admin)
        records = PostgresInstitutions(admin)
        assert (await records.remainder(ONE.ispb)).in_flight == {}
        await settle(admin)
        nothing = await records.remainder(ONE.ispb)
        assert nothing.is_settled
        assert not nothing.balances

        schema = role_of(ONE.ispb)
        await execute(
            admin,
            f"INSERT INTO {schema}.ledger_accounts (id, ledger, code, flags, credits_posted,"
            " debits_pending) VALUES ('00000000-0000-0000-0000-000000000001', 41, 1, 0, 5, 3)",
        )
        left = await records.remainder(ONE.ispb)
        assert (left.balances, left.in_flight["accounts with a hold"]) == (1, 1)
        assert not left.is_settled


async def test_who_may_create_no_role_is_told_what_an_administrator_has_to_run(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    """And once that was run, goes on by itself."""
    owner, ispb = "owner_of_the_database", "41000003"
    async with open_admin(asyncio_host, postgres_database) as administrator:
        await execute(administrator, f"CREATE ROLE {owner} LOGIN")
        [database] = await fetch(administrator, "SELECT current_database() AS name")
        await execute(administrator, f"ALTER DATABASE {database['name']} OWNER TO {owner}")
        await execute(administrator, f"ALTER SCHEMA public OWNER TO {owner}")
        try:
            url = postgres_database.replace("postgres@", f"{owner}@")
            async with open_admin(asyncio_host, url) as admin:
                with pytest.raises(StartRefused, match="let an administrator run: ") as refused:
                    await settle(admin, ispb)
                statements = str(refused.value).partition("run: ")[2]
                assert PASSWORD not in statements
                await execute(administrator, statements)
                await settle(admin, ispb)

            own = postgres_database.replace("postgres@", f"{role_of(ispb)}@")
            async with open_admin(asyncio_host, own) as institution:
                assert await fetch(institution, "SELECT count(*) AS n FROM charges") == [{"n": 0}]
        finally:
            await execute(administrator, f"REASSIGN OWNED BY {owner} TO postgres")
            await execute(administrator, f"DROP OWNED BY {owner}")
            await execute(administrator, f"DROP ROLE {owner}")
