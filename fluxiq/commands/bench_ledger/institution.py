"""An institution that keeps books as on the platform: the real writer over the real parts."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Final

import trio

from fluxiq import garbage
from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.commands.bench_ledger.effort import LedgerEffort
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.bench_ledger.servers import Servers, open_servers
from fluxiq.commands.bench_ledger.watched import (
    NoJournal,
    NoMirror,
    Watch,
    WatchedJournal,
    WatchedMirror,
    WatchedStandIn,
    WatchedTigerBeetle,
)
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.breaker import BreakerLimits
from fluxiq.ledgers.journal import PostgresJournal
from fluxiq.ledgers.ledger_accounts import PostgresAccounts
from fluxiq.ledgers.mirror import PostgresMirror
from fluxiq.ledgers.tigerbeetle import Sessions, TigerBeetleLedger, open_sessions
from fluxiq.ledgers.writer import BreakerKeeper, Policy, Writer, WriterLimits
from fluxiq.stores.pool import Postgres, open_postgres
from fluxiq.stores.provision import provision_institution

ISPB: Final = "00000000"
PASSWORD: Final = "of a server that is gone in a minute"  # noqa: S105 - on a socket of our own
CONNECTIONS: Final = 8
STATEMENT_SECONDS_MAX: Final = 60.0
READY_SECONDS_MAX: Final = 60.0
MIRROR_SECONDS_MAX: Final = 600.0  # a minute of load may be many of the mirror's
LOOK_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What differs from the platform: parts left out, to see what they cost, and limits."""

    journal: bool = True
    mirror: bool = True
    limits: WriterLimits = field(default_factory=WriterLimits)
    breaker_limits: BreakerLimits = field(default_factory=BreakerLimits)


_AS_ON_THE_PLATFORM: Final = Variant()


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """Its writer runs, its customers have money. Of the parts `watch` knows what they did."""

    servers: Servers
    load: Load
    postgres: Postgres
    journal: PostgresJournal
    mirror: PostgresMirror
    accounts: PostgresAccounts
    tigerbeetle: TigerBeetleLedger | None
    keeper: BreakerKeeper
    writer: Writer
    watch: Watch

    async def until_mirrored(self) -> float:
        """Wait until the mirror has every answer; return the seconds that took."""
        began = perf_counter()
        with trio.fail_after(MIRROR_SECONDS_MAX):
            while await self.journal.unanswered() or await self.mirror.behind():  # noqa: ASYNC110 - Postgres rings for nobody
                await trio.sleep(LOOK_SECONDS)
        return perf_counter() - began


async def until(what: Callable[[], bool], seconds: float) -> None:
    """Look again and again. Raises trio.TooSlowError after `seconds`."""
    with trio.fail_after(seconds):
        while not what():  # noqa: ASYNC110 - nobody rings for what is looked at here
            await trio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def open_institution(
    effort: LedgerEffort,
    load: Load,
    variant: Variant = _AS_ON_THE_PLATFORM,
    *,
    tigerbeetle: bool = True,
) -> AsyncIterator[Institution]:
    """Provision it on fresh servers, and run its writer, with or without TigerBeetle.

    The policy is `standin_full`: caps are no speed.
    """
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(open_servers(effort, tigerbeetle=tigerbeetle))
        postgres = await _open_postgres(stack, servers, load)
        sessions = None
        if servers.addresses:
            sessions = await stack.enter_async_context(
                open_sessions(servers.cluster, count=variant.limits.sessions)
            )
        institution = _assembled(servers, load, postgres, sessions, variant)
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(institution.keeper.run)
        nursery.start_soon(institution.writer.run)
        await _fund(institution)
        stack.enter_context(garbage.started())
        yield institution
        nursery.cancel_scope.cancel(reason="measured")


async def _open_postgres(stack: AsyncExitStack, servers: Servers, load: Load) -> Postgres:
    """The institution's own pool, after the administrator has provisioned it."""
    assert servers.postgres is not None, "asked for when the servers were opened"
    host = await stack.enter_async_context(open_asyncio_host())
    connect = partial(
        open_postgres, host, application_name="bench", statement_timeout=STATEMENT_SECONDS_MAX
    )
    where = {"dsn": servers.postgres.url}
    async with connect(where=where, size=1) as admin:
        own = await provision_institution(admin, ISPB, "bench", load.ledger, PASSWORD)
    where |= {"user": own.role, "password": PASSWORD}
    return await stack.enter_async_context(connect(where=where, size=CONNECTIONS))


def _assembled(
    servers: Servers, load: Load, postgres: Postgres, sessions: Sessions | None, variant: Variant
) -> Institution:
    watch = Watch()
    journal = (WatchedJournal if variant.journal else NoJournal)(postgres, watch)
    mirror = WatchedMirror(postgres, watch) if variant.mirror else NoMirror(postgres)
    accounts = PostgresAccounts(postgres, load.ledger)
    tigerbeetle = None if sessions is None else WatchedTigerBeetle(sessions, load.ledger, watch)
    keeper = BreakerKeeper(
        None if tigerbeetle is None else tigerbeetle.probe,
        draw=lambda: 0.0,
        limits=variant.breaker_limits,
        on_change=lambda _, after: watch.breaker.append((perf_counter(), after)),
    )
    writer = Writer(
        ISPB,
        load.ledger,
        journal=journal,
        mirror=mirror,
        standin=WatchedStandIn(postgres, watch),
        accounts=accounts,
        tigerbeetle=tigerbeetle,
        breaker=keeper,
        policy=Policy.STANDIN_FULL,
        limits=variant.limits,
    )
    return Institution(
        servers=servers,
        load=load,
        postgres=postgres,
        journal=journal,
        mirror=mirror,
        accounts=accounts,
        tigerbeetle=tigerbeetle,
        keeper=keeper,
        writer=writer,
        watch=watch,
    )


async def _fund(institution: Institution) -> None:
    writer, load = institution.writer, institution.load
    has_tigerbeetle = institution.tigerbeetle is not None

    def answers() -> bool:
        return writer.submits if has_tigerbeetle else writer.stands_in

    await until(answers, READY_SECONDS_MAX)
    await writer.create_accounts(load.accounts())
    await until(answers, READY_SECONDS_MAX)
    statuses = await writer.create_transfers(load.funding())
    assert set(statuses) == {TransferStatus.CREATED}, "the accounts are new"
    institution.watch.clear()
