"""What everything else stands on: embedded servers, the asyncio host, the administrator's links."""

from contextlib import AsyncExitStack

import trio

from actors.platform import Platform, PlatformLinks
from actors.queues import STREAM, SUBJECTS, consumers_of
from actors.weather import Weather
from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.errors import Unavailable
from fluxiq.stores.provision import provision_institution, provision_platform
from supervisors import ChildSpec, Context

ADMIN_CONNECTIONS = 2
MIGRATION_SECONDS_MAX = 60.0
ACK_SECONDS = 30.0  # a batch not acknowledged by then goes to another worker


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
                await trio.sleep_forever()

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
    await links.bus.ensure_stream(STREAM, SUBJECTS)
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
        for consumer, subject in consumers_of(platform.settings, one.ispb):
            await links.bus.ensure_consumer(STREAM, consumer, subject, ack_wait=ACK_SECONDS)
