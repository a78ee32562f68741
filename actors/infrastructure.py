"""What everything else stands on: embedded servers, the asyncio host, the administrator's links."""

from contextlib import AsyncExitStack

import trio

from actors.platform import Platform, PlatformLinks
from actors.queues import (
    ACK_SECONDS,
    DELIVERIES_MAX,
    LEDGER_BYTES_MAX,
    LEDGER_DUPLICATE_SECONDS,
    LEDGER_STREAM,
    LEDGER_SUBJECTS,
    STREAM,
    SUBJECTS,
    UNSETTLED_MAX,
    consumers_of,
    ledger_consumer,
    ledger_subject,
)
from actors.weather import Weather
from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.bus import Bus
from fluxiq.errors import Unavailable
from fluxiq.stores.provision import provision_institution, provision_platform
from supervisors import ChildSpec, Context

ADMIN_CONNECTIONS = 2
MIGRATION_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.5


def asyncio_host(platform: Platform) -> ChildSpec:
    """The one room of asyncio: asyncpg, nats-py and redis run in it, in this thread."""

    async def start(context: Context) -> None:
        async with open_asyncio_host() as host:
            with platform.host.filled(host):
                context.ready()
                await trio.sleep_forever()

    return ChildSpec(id="asyncio_host", start=start)


def platform_links(platform: Platform) -> ChildSpec:
    """The administrator's connections. Ready once every declared institution has its place."""

    async def start(context: Context) -> None:
        weather = Weather(context.path)
        async with AsyncExitStack() as stack:
            links = await _open(platform, stack)
            while True:
                try:
                    await _provision(platform, links)
                    break
                except Unavailable as error:
                    await weather.ride_out(error)

            weather.cleared()
            with platform.links.filled(links):
                context.ready()
                await _keep_queues(platform, links.bus, weather)

    return ChildSpec(id="links", start=start, start_timeout=60.0)


async def _open(platform: Platform, stack: AsyncExitStack) -> PlatformLinks:
    host, servers = platform.host.get(), platform.servers
    postgres = await stack.enter_async_context(
        servers.open_postgres(host, size=ADMIN_CONNECTIONS, seconds_max=MIGRATION_SECONDS_MAX)
    )
    bus = await stack.enter_async_context(servers.open_nats(host))
    cache = await stack.enter_async_context(servers.open_redis(host))
    return PlatformLinks(postgres=postgres, bus=bus, cache=cache)


async def _provision(platform: Platform, links: PlatformLinks) -> None:
    """Twice is once: an institution that has its place keeps it."""
    await provision_platform(links.postgres)
    await _ensure_queues(platform, links.bus)
    for one in platform.settings.institutions:
        await provision_institution(
            links.postgres,
            one.ispb,
            one.name,
            one.ledger,
            platform.servers.postgres_password(one.ispb),
        )
        for command in platform.servers.redis_commands(one.ispb):
            await links.cache.administer(*command)


async def _ensure_queues(platform: Platform, bus: Bus) -> None:
    await bus.ensure_stream(STREAM, SUBJECTS)
    await bus.ensure_stream(
        LEDGER_STREAM,
        LEDGER_SUBJECTS,
        duplicate_window=LEDGER_DUPLICATE_SECONDS,
        max_bytes=LEDGER_BYTES_MAX,
    )
    for one in platform.settings.institutions:
        await bus.ensure_consumer(
            LEDGER_STREAM, ledger_consumer(one.ispb), ledger_subject(one.ispb), ack_wait=ACK_SECONDS
        )
        for consumer, subject in consumers_of(platform.settings, one.ispb):
            await bus.ensure_consumer(
                STREAM,
                consumer,
                subject,
                ack_wait=ACK_SECONDS,
                max_deliver=DELIVERIES_MAX,
                max_ack_pending=UNSETTLED_MAX,
            )


async def _keep_queues(platform: Platform, bus: Bus, weather: Weather) -> None:
    """A server that comes back may have lost its stream, with a disk or for want of a sync: then it
    gets a new one, and the outbox announces again what is not done.
    """
    seen = bus.statistics().connections
    while True:
        await trio.sleep(LOOK_SECONDS)
        now = bus.statistics().connections
        if now == seen:
            continue
        try:
            await _ensure_queues(platform, bus)
            seen = now
            weather.cleared()
        except Unavailable as error:
            await weather.ride_out(error)
