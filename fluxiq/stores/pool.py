"""The way to Postgres: one hop per unit of work, callers bounded, outages as Unavailable.

A unit is an asyncio coroutine function that gets a connection first:

    async def balance_of(connection: Connection, account: int) -> int:
        return await connection.fetchval("SELECT ...", uuid_of(account))

    balance = await postgres.run(balance_of, account)
    await postgres.transaction(record_payment, payment)

jsonb columns are Python values (through msgspec), uuid columns are `uuid.UUID`; 128-bit ids cross
with `uuid_of` and `int_of`.
"""

import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import trio

from fluxiq.asyncio_host import AsyncioCancelled, AsyncioHost
from fluxiq.errors import Unavailable

T = TypeVar("T")
P = ParamSpec("P")

# What a unit gets: asyncpg's connection, behind the proxy of its pool.
Connection: TypeAlias = asyncpg.Connection
Unit: TypeAlias = Callable[Concatenate[Connection, P], Coroutine[Any, Any, T]]

CONNECT_SECONDS_MAX: Final = 5.0
CLOSE_SECONDS_MAX: Final = 5.0
# The server ends a statement by itself; this much later the client stops believing in it. asyncpg's
# timer per statement is cheaper than asyncio.timeout around a unit of one (about 30 us a unit).
COMMAND_GRACE_SECONDS: Final = 2.0
# A transaction that lost against another is tried again so often.
CONFLICT_RETRIES_MAX: Final = 3
CONFLICT_PAUSE_SECONDS_MAX: Final = 0.02
# A timer per use costs more than an idle connection does.
IDLE_SECONDS_MAX: Final = 0.0

_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_OUTAGES = (
    OSError,  # TimeoutError too
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, statement_timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,  # a primary that was demoted under us
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
)
# How asyncpg's InterfaceError tells of a connection that ended between two statements.
_CONNECTION_ENDED = ("clos", "released back to the pool")


@dataclass(frozen=True, slots=True)
class PostgresStatistics:
    """Connections open and in use, callers waiting for one, and totals since the start."""

    size: int
    open: int
    in_use: int
    waiting: int
    units: int
    conflicts: int
    outages: int


@asynccontextmanager
async def open_postgres(
    host: AsyncioHost,
    where: str | Mapping[str, Any],
    *,
    size: int,
    application_name: str,
    statement_timeout: float,
    acquire_seconds_max: float = 5.0,
    waiting_max: int = 1024,
    observe: Callable[[float], None] | None = None,
) -> AsyncIterator["Postgres"]:
    """A pool of at most `size` connections to `where`: a URL, or asyncpg's keyword arguments.

    Connections are made when first needed, so this succeeds while Postgres is down.
    `statement_timeout` and `acquire_seconds_max` are seconds. At most `waiting_max` callers wait
    for a connection; the next ones are told Unavailable at once. `observe` is told the seconds of
    each unit.
    """
    keywords: dict[str, Any] = {"dsn": where} if isinstance(where, str) else dict(where)
    settings = dict(keywords.pop("server_settings", {}))
    settings["application_name"] = application_name
    settings["statement_timeout"] = str(int(statement_timeout * 1000))
    # Whatever the server's own setting is: what was answered must survive its crash, and a batch
    # that TigerBeetle has must be in the journal.
    settings["synchronous_commit"] = "on"
    # A statement keeps the plan that was made while its tables were nearly empty, until the next
    # ANALYZE, which may be minutes and a hundred thousand rows later. Then reading whole tables is
    # cheap, and no index is used. Every table here is read by an index; who means to read all of
    # one sets it back (`SET LOCAL enable_seqscan = on`): docs/decisions/0012.
    settings["enable_seqscan"] = "off"

    async def make_pool() -> asyncpg.Pool:
        return await asyncpg.create_pool(
            **keywords,
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=IDLE_SECONDS_MAX,
            init=_prepare_connection,
            reset=_leave_as_it_is,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=statement_timeout + COMMAND_GRACE_SECONDS,
            server_settings=settings,
        )

    pool = await host.run(make_pool)
    postgres = Postgres(
        host,
        pool,
        size=size,
        acquire_seconds_max=acquire_seconds_max,
        waiting_max=waiting_max,
        observe=observe,
    )

    try:
        yield postgres
    finally:
        # A cancelled block must still say goodbye to the server; a dead server gets no goodbye.
        with (
            trio.move_on_after(CLOSE_SECONDS_MAX, shield=True),
            suppress(*_OUTAGES, asyncpg.InterfaceError, AsyncioCancelled),
        ):
            await host.run(pool.close)


class Postgres:
    """Units of work on pooled connections. Made by `open_postgres`.

    Every method raises Unavailable("postgres") for an outage, a time-out, and a commit whose
    answer was lost: in that case the work may have happened, so callers repeat it idempotently.
    Any other error of Postgres is raised as asyncpg has it.
    """

    def __init__(
        self,
        host: AsyncioHost,
        pool: asyncpg.Pool,
        *,
        size: int,
        acquire_seconds_max: float,
        waiting_max: int,
        observe: Callable[[float], None] | None,
    ) -> None:
        self._host = host
        self._pool = pool
        self._places = trio.CapacityLimiter(size)
        self._acquire_seconds_max = acquire_seconds_max
        self._waiting_max = waiting_max
        self._observe = observe
        self._units = self._conflicts = self._outages = 0

    async def run(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `unit(connection, *args)` outside a transaction: each statement commits itself.

        A statement that lost a conflict has done nothing, and the whole unit is run again, as in
        `transaction`: so only the first statement of a unit changes anything or takes locks.
        """

        async def work() -> T:
            async with self._pool.acquire() as connection:
                return await unit(connection, *args, **kwargs)

        return await self._insist(work)

    async def transaction(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `unit(connection, *args)` in one transaction, committed when it returns.

        A serialization failure or a deadlock runs the whole unit again, up to
        CONFLICT_RETRIES_MAX times, so a unit has no effects outside its connection.
        """

        async def work() -> T:
            async with self._pool.acquire() as connection, connection.transaction():
                return await unit(connection, *args, **kwargs)

        return await self._insist(work)

    async def ping(self) -> None:
        """Raise Unavailable unless Postgres answers a query."""
        await self.run(_ping)

    def statistics(self) -> PostgresStatistics:
        places = self._places.statistics()
        return PostgresStatistics(
            size=int(places.total_tokens),
            open=self._pool.get_size(),
            in_use=places.borrowed_tokens,
            waiting=places.tasks_waiting,
            units=self._units,
            conflicts=self._conflicts,
            outages=self._outages,
        )

    async def _insist(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have it done, again when it gave way to others."""
        for _ in range(CONFLICT_RETRIES_MAX):
            try:
                return await self._hand_over(work)
            except _CONFLICTS:
                self._conflicts += 1
                await trio.sleep(random.uniform(0, CONFLICT_PAUSE_SECONDS_MAX))  # noqa: S311 - jitter

        try:
            return await self._hand_over(work)
        except _CONFLICTS as error:
            self._conflicts += 1
            raise Unavailable("postgres", f"gave way too often: {error}") from error

    async def _hand_over(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self._take_place()

        started = perf_counter()
        try:
            self._units += 1
            return await self._host.run(work)
        except (*_OUTAGES, AsyncioCancelled) as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        except asyncpg.InterfaceError as error:
            # The same class tells of a lost connection and of wrong use; only the words differ.
            if any(words in str(error) for words in _CONNECTION_ENDED):
                raise self._unavailable(str(error)) from error

            raise
        finally:
            self._places.release()
            if self._observe is not None:
                self._observe(perf_counter() - started)

    async def _take_place(self) -> None:
        try:
            self._places.acquire_nowait()
        except trio.WouldBlock:
            pass
        else:
            return

        if self._places.statistics().tasks_waiting >= self._waiting_max:
            raise self._unavailable("too many callers are waiting for a connection")

        with trio.move_on_after(self._acquire_seconds_max):
            await self._places.acquire()
            return

        raise self._unavailable(f"no connection was free for {self._acquire_seconds_max} s")

    def _unavailable(self, message: str) -> Unavailable:
        self._outages += 1
        return Unavailable("postgres", message)


def uuid_of(number: int) -> UUID:
    """The uuid column's value of a 128-bit id. Raises ValueError outside 0 .. 2**128 - 1."""
    return UUID(int=number)


def int_of(value: UUID) -> int:
    """The 128-bit id in a uuid column; asyncpg's own UUID class is a `uuid.UUID`."""
    return value.int


async def _prepare_connection(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=_encode_jsonb,
        decoder=_decode_jsonb,
        format="binary",
    )


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    assert data[:1] == b"\x01", "jsonb's binary format has one version"
    return msgspec.json.decode(data[1:])


async def _leave_as_it_is(connection: Connection) -> None:
    """In place of asyncpg's RESET ALL and three more statements on every release: 180 -> 132 us.

    Units leave no session state (no SET without LOCAL, no session-level advisory lock); a
    transaction left open is rolled back by the pool before this is called.
    """


async def _ping(connection: Connection) -> None:
    await connection.fetchval("SELECT 1")
