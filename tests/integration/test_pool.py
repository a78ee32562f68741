"""The Postgres pool against a real server: hops, transactions, limits and outages."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.errors import Unavailable
from fluxiq.stores.pool import Connection, Postgres, int_of, open_postgres, uuid_of
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import PostgresServer, free_port, run_postgres


def opened(
    host: AsyncioHost, where: str, *, size: int = 4, **more: Any
) -> AbstractAsyncContextManager[Postgres]:
    return open_postgres(
        host, where, size=size, application_name="fluxiq test", statement_timeout=5.0, **more
    )


async def value(connection: Connection, query: str, *args: object) -> object:
    return await connection.fetchval(query, *args)


async def execute(connection: Connection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(statement)


async def sleep(connection: Connection, seconds: float) -> None:
    await connection.execute("SELECT pg_sleep($1)", seconds)


class TestRun:
    async def test_runs_a_unit_on_a_connection(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database) as pg:
            assert await pg.run(value, "SELECT 40 + $1::int", 2) == 42
            await pg.ping()
            assert pg.statistics().units == 2

    async def test_connections_say_who_they_are_and_have_a_statement_timeout(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database) as pg:
            assert await pg.run(value, "SHOW application_name") == "fluxiq test"
            assert await pg.run(value, "SHOW statement_timeout") == "5s"

    async def test_a_commit_is_durable_though_the_server_was_told_to_be_lazy(
        self, asyncio_host: AsyncioHost, postgres_server: PostgresServer
    ) -> None:
        # Killed, such a server forgot batches of the journal that TigerBeetle had executed.
        assert postgres_server.execute("SHOW synchronous_commit") == "off"
        async with opened(asyncio_host, postgres_server.url()) as pg:
            assert await pg.run(value, "SHOW synchronous_commit") == "on"

    async def test_keyword_arguments_do_instead_of_a_url(
        self, asyncio_host: AsyncioHost, postgres_server: PostgresServer
    ) -> None:
        where = {
            "host": str(postgres_server.folder),
            "port": postgres_server.port,
            "user": "postgres",
            "database": "postgres",
            "server_settings": {"search_path": "institution_12345678"},
        }

        async with open_postgres(
            asyncio_host, where, size=1, application_name="keywords", statement_timeout=1.5
        ) as pg:
            assert await pg.run(value, "SHOW search_path") == "institution_12345678"
            assert await pg.run(value, "SHOW statement_timeout") == "1500ms"

    async def test_jsonb_columns_are_python_values(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        document = {"valor": 1050, "chave": "joão@example.com", "tags": [None, True, {}]}

        async with opened(asyncio_host, postgres_database) as pg:
            assert await pg.run(value, "SELECT $1::jsonb", document) == document
            assert await pg.run(value, "SELECT $1::jsonb ->> 'valor'", document) == "1050"
            assert await pg.run(value, "SELECT ''''::text") == "'"

    async def test_uuid_columns_hold_128_bit_numbers(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database) as pg:
            for number in (0, 1, 2**64, 2**128 - 1):
                found = await pg.run(value, "SELECT $1::uuid", uuid_of(number))
                assert isinstance(found, UUID)
                assert int_of(found) == number

        with pytest.raises(ValueError, match="128-bit"):
            uuid_of(2**128)

    async def test_errors_of_sql_are_raised_as_they_are(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database) as pg:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await pg.run(value, "SELECT 1 / 0")

            with pytest.raises(asyncpg.InterfaceError, match="expects 1 argument"):
                await pg.run(value, "SELECT $1::int")

            assert pg.statistics().outages == 0

    async def test_a_transaction_left_open_is_rolled_back_before_the_next_unit(
        self,
        asyncio_host: AsyncioHost,
        postgres_database: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async with opened(asyncio_host, postgres_database, size=1) as pg:
            await pg.run(execute, "BEGIN", "CREATE TABLE left_open ()")
            assert await pg.run(value, "SELECT to_regclass('left_open')") is None

        assert "active transaction" in caplog.text

    async def test_a_release_resets_nothing_because_units_leave_nothing(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database, size=1) as pg:
            await pg.run(execute, "SET fluxiq.mood = 'left behind'")
            assert await pg.run(value, "SHOW fluxiq.mood") == "left behind"


class TestTransaction:
    async def test_commits_when_the_unit_returns(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database) as pg:
            await pg.transaction(execute, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
            assert await pg.run(value, "SELECT n FROM t") == 1

    async def test_rolls_back_when_the_unit_raises(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async def insert_and_fail(connection: Connection) -> None:
            await connection.execute("INSERT INTO t VALUES (1)")
            raise LookupError

        async with opened(asyncio_host, postgres_database) as pg:
            await pg.run(execute, "CREATE TABLE t (n int)")

            with pytest.raises(LookupError):
                await pg.transaction(insert_and_fail)

            assert await pg.run(value, "SELECT count(*) FROM t") == 0

    async def test_rolls_back_when_the_caller_is_cancelled(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        inserted = trio.Event()

        async def insert_and_wait(connection: Connection) -> None:
            await connection.execute("INSERT INTO t VALUES (1)")
            inserted.set()
            await connection.execute("SELECT pg_sleep(60)")

        async with opened(asyncio_host, postgres_database, size=1) as pg:
            await pg.run(execute, "CREATE TABLE t (n int)")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(pg.transaction, insert_and_wait)
                await inserted.wait()
                nursery.cancel_scope.cancel()

            assert await pg.run(value, "SELECT count(*) FROM t") == 0
            assert pg.statistics().in_use == 0

    async def test_a_deadlock_is_run_again_until_both_have_committed(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        both_hold_one = asyncio.Barrier(2)
        attempts = 0

        async def add(connection: Connection, first: int, second: int) -> None:
            nonlocal attempts
            attempts += 1
            update = "UPDATE account SET balance = balance + 1 WHERE id = $1"
            await connection.execute("SET LOCAL deadlock_timeout = '10ms'")
            await connection.execute(update, first)

            if attempts <= 2:
                await both_hold_one.wait()

            await connection.execute(update, second)

        async with opened(asyncio_host, postgres_database) as pg:
            await pg.run(
                execute,
                "CREATE TABLE account (id int PRIMARY KEY, balance int)",
                "INSERT INTO account VALUES (1, 0), (2, 0)",
            )

            async with trio.open_nursery() as nursery:
                nursery.start_soon(pg.transaction, add, 1, 2)
                nursery.start_soon(pg.transaction, add, 2, 1)

            assert await pg.run(value, "SELECT array_agg(balance) FROM account") == [2, 2]
            assert attempts == 3
            assert pg.statistics().conflicts == 1

    @pytest.mark.parametrize("way", [Postgres.run, Postgres.transaction])
    async def test_a_conflict_that_never_ends_is_unavailable(
        self, asyncio_host: AsyncioHost, postgres_database: str, way: Callable[..., Any]
    ) -> None:
        attempts = 0

        async def lose(connection: Connection) -> None:
            nonlocal attempts
            attempts += 1
            await connection.execute(
                "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"
            )

        async with opened(asyncio_host, postgres_database) as pg:
            with pytest.raises(Unavailable, match=r"postgres: gave way too often: lost"):
                await way(pg, lose)

            assert attempts == 4
            assert pg.statistics().conflicts == 4


class TestLimits:
    async def test_no_more_connections_than_the_size(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with opened(asyncio_host, postgres_database, size=3) as pg:
            async with trio.open_nursery() as nursery:
                for _ in range(30):
                    nursery.start_soon(pg.run, sleep, 0.001)

            statistics = pg.statistics()
            assert statistics.open == 3
            assert statistics.units == 30
            assert (statistics.in_use, statistics.waiting) == (0, 0)

    async def test_a_caller_that_waits_too_long_for_a_connection_is_told(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with (
            opened(asyncio_host, postgres_database, size=1, acquire_seconds_max=0.05) as pg,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(pg.run, sleep, 60.0)
            await trio.testing.wait_all_tasks_blocked()

            with pytest.raises(Unavailable, match=r"postgres: no connection was free for 0.05 s"):
                await pg.ping()

            nursery.cancel_scope.cancel()

    async def test_the_queue_of_callers_has_an_end(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with (
            opened(asyncio_host, postgres_database, size=1, waiting_max=1) as pg,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(pg.run, sleep, 60.0)
            nursery.start_soon(pg.run, sleep, 60.0)
            await trio.testing.wait_all_tasks_blocked()
            assert pg.statistics().waiting == 1

            with pytest.raises(Unavailable, match="too many callers"):
                await pg.ping()

            nursery.cancel_scope.cancel()

    async def test_a_statement_past_its_timeout_is_unavailable(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async with open_postgres(
            asyncio_host,
            postgres_database,
            size=1,
            application_name="slow",
            statement_timeout=0.05,
        ) as pg:
            with pytest.raises(Unavailable, match=r"postgres: .*statement timeout"):
                await pg.run(sleep, 60.0)

            await pg.ping()


class TestOutages:
    async def test_a_server_that_is_not_there_is_unavailable(
        self, asyncio_host: AsyncioHost
    ) -> None:
        where = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"

        async with opened(asyncio_host, where) as pg:
            with pytest.raises(Unavailable) as caught:
                await pg.ping()

            assert caught.value.system == "postgres"
            assert pg.statistics().outages == 1

    async def test_a_server_without_a_free_connection_is_unavailable(
        self, asyncio_host: AsyncioHost, postgres_server: PostgresServer
    ) -> None:
        postgres_server.execute("CREATE ROLE lonely LOGIN CONNECTION LIMIT 1")

        try:
            async with (
                opened(asyncio_host, postgres_server.url(user="lonely")) as pg,
                trio.open_nursery() as nursery,
            ):
                await pg.ping()
                nursery.start_soon(pg.run, sleep, 60.0)
                await trio.testing.wait_all_tasks_blocked()

                with pytest.raises(Unavailable, match="postgres: too many connections"):
                    await pg.ping()

                nursery.cancel_scope.cancel()
        finally:
            postgres_server.execute("DROP ROLE lonely")

    async def test_a_session_that_ended_between_two_statements_escaped_as_an_interface_error(
        self, asyncio_host: AsyncioHost, postgres_server: PostgresServer, postgres_database: str
    ) -> None:
        async def unit(connection: Connection) -> None:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            postgres_server.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            await asyncio.sleep(0.1)  # the loop hears of it
            await connection.fetchval("SELECT 1")

        async with opened(asyncio_host, postgres_database) as pg:
            with pytest.raises(Unavailable):
                await pg.run(unit)

            assert await pg.run(value, "SELECT 1") == 1

    async def test_a_session_the_server_ends_is_unavailable_and_then_replaced(
        self, asyncio_host: AsyncioHost, postgres_database: str
    ) -> None:
        async def end_own_session(connection: Connection) -> None:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        async with opened(asyncio_host, postgres_database, size=1) as pg:
            for way in (pg.run, pg.transaction):
                with pytest.raises(Unavailable):
                    await way(end_own_session)

                await pg.ping()

    async def test_a_restart_of_the_server_is_ridden_out(self, asyncio_host: AsyncioHost) -> None:
        with run_postgres() as server:
            async with opened(asyncio_host, server.loopback_url()) as pg:
                await pg.ping()
                server.restart()

                with pytest.raises(Unavailable):
                    await pg.ping()

                await pg.ping()

    async def test_a_server_that_stopped_answering_is_unavailable_and_does_not_hold_the_close(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_postgres() as server:
            async with open_postgres(
                asyncio_host,
                server.url(),
                size=1,
                application_name="frozen",
                statement_timeout=0.1,
            ) as pg:
                backend = await pg.run(value, "SELECT pg_backend_pid()")
                assert isinstance(backend, int)
                os.kill(backend, signal.SIGSTOP)

                try:
                    with pytest.raises(Unavailable):
                        await pg.ping()
                finally:
                    os.kill(backend, signal.SIGCONT)


async def test_a_pool_outlives_the_cancellation_of_its_block(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async def sessions(pg: Postgres) -> object:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'short'"
        return await pg.run(value, query)

    async with opened(asyncio_host, postgres_database) as observer:
        with trio.CancelScope() as scope:
            async with open_postgres(
                asyncio_host,
                postgres_database,
                size=2,
                application_name="short",
                statement_timeout=5.0,
            ) as pg:
                await pg.ping()
                assert await sessions(observer) == 1
                scope.cancel()
                await trio.lowlevel.checkpoint()

        with trio.fail_after(PATIENCE_SECONDS):
            while await sessions(observer) != 0:  # noqa: ASYNC110 - the event is in the server
                await trio.sleep(0.01)
