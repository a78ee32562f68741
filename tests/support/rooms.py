"""Holding a payment in a room of the house, from outside: a locked table, a bus that stands still.

Nothing in the product knows of it. What waits for a lock is seen in Postgres, so that the platform
dies while the payment is in that room and not a moment before or after.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from actors.embedded import DataDirectory, postgres_endpoint
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.errors import Unavailable
from fluxiq.stores.pool import Connection, Postgres, open_postgres
from fluxiq.stores.provision import role_of
from tests.support.house import SERVERS, House
from tests.support.patience import PATIENCE_SECONDS
from tests.support.verdict import open_books

LOCK_SECONDS_MAX = 60.0

READING = "ACCESS EXCLUSIVE"  # nobody reads it
WRITING = "SHARE ROW EXCLUSIVE"  # nobody writes it, others read it


@dataclass(frozen=True, slots=True)
class Desk:
    """One institution's records, looked at while they are locked."""

    ispb: str
    postgres: Postgres
    _locking: Postgres

    @asynccontextmanager
    async def locked(self, table: str, mode: str) -> AsyncIterator[None]:
        """Whoever comes to this table waits, until the block ends or the server dies."""
        taken = trio.Event()

        async def hold(connection: Connection) -> None:
            schema = role_of(self.ispb)
            await connection.execute(f"LOCK TABLE {schema}.{table} IN {mode} MODE")
            taken.set()
            await asyncio.sleep(LOCK_SECONDS_MAX)

        async def keep() -> None:
            try:
                await self._locking.transaction(hold)
            except Unavailable:
                assert taken.is_set(), f"{table} could not be locked"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep)
            with trio.fail_after(PATIENCE_SECONDS):
                await taken.wait()
            yield
            nursery.cancel_scope.cancel()

    async def until_somebody_waits_at(self, table: str, count: int = 1) -> None:
        query = "SELECT count(*) >= $2 FROM pg_locks WHERE NOT granted AND relation = $1::regclass"
        await self.until(query, table, count)

    async def until(self, query: str, *arguments: Any) -> None:
        """Until the one value of `query` is true."""

        async def ask(connection: Connection) -> bool:
            return bool(await connection.fetchval(query, *arguments))

        with trio.fail_after(PATIENCE_SECONDS):
            while not await self.postgres.run(ask):  # noqa: ASYNC110  another process's rows
                await trio.sleep(0.02)


@asynccontextmanager
async def desk_of(house: House, host: AsyncioHost, ispb: str) -> AsyncIterator[Desk]:
    data_dir = house.platform.data_dir
    # An institution may not lock what it may not change: the administrator does.
    admin = postgres_endpoint(DataDirectory(data_dir, lock=-1)).url
    async with (
        open_books(host, data_dir, ispb) as postgres,
        open_postgres(
            host, admin, size=3, application_name="locks", statement_timeout=10
        ) as locking,
    ):
        yield Desk(ispb, postgres, locking)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A server that stands still."""

    pids: list[int]

    def thaw(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


async def freeze(house: House, server: str) -> Frozen:
    pids = await house.family(f"{SERVERS}/{server}")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return Frozen(pids)
