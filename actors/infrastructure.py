"""What everything else stands on: embedded servers, the asyncio host, the administrator's links."""

from contextlib import AsyncExitStack

import structlog
import trio

from actors.institution_places import DeclaredPlace, ensure_consumers, server_places
from actors.key_file import ensure_key_file
from actors.platform import Platform, PlatformLinks
from actors.queues import (
    LEDGER_BYTES_MAX,
    LEDGER_DUPLICATE_SECONDS,
    LEDGER_STREAM,
    LEDGER_SUBJECTS,
    STREAM,
    SUBJECTS,
)
from actors.weather import Weather
from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.bus import Bus
from fluxiq.bus.checkpoints import AUDIT_STREAM, AUDIT_SUBJECTS
from fluxiq.domain.institution import InstitutionState
from fluxiq.errors import Unavailable
from fluxiq.services.unfinished_institutions import finish_institutions
from fluxiq.stores.institutions import PostgresInstitutions
from fluxiq.stores.provision import provision_platform
from supervisors import ChildSpec, Context

ADMIN_CONNECTIONS = 2
MIGRATION_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.5

_log = structlog.get_logger("institutions")


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
    """Twice is once: an institution that has its place keeps it. What a crash left half made or
    half removed is finished here, before anybody is served.
    """
    await provision_platform(links.postgres)
    await _ensure_streams(links.bus)
    records, register = PostgresInstitutions(links.postgres), platform.register
    places = server_places(platform, links)
    lines = await records.all()
    register.load(lines)
    for line in lines:
        if line.state is InstitutionState.REMOVED:  # whose file the server's users were read from
            await platform.servers.expel_from_nats(line.ispb)
    for one in register.all():
        for place in places:
            for note in await place.make(one):
                _log.info("institution_for_administrator", institution=one.ispb, note=note)
    await finish_institutions(records, [*places, DeclaredPlace(register)], register.read)
    register.load(await records.all())
    await ensure_key_file(platform.settings, platform.directory, links.postgres)


async def _ensure_queues(platform: Platform, bus: Bus) -> None:
    await _ensure_streams(bus)
    for one in platform.register.all():
        await ensure_consumers(bus, platform.settings, one.ispb)


async def _ensure_streams(bus: Bus) -> None:
    await bus.ensure_stream(STREAM, SUBJECTS)
    await bus.ensure_stream(
        LEDGER_STREAM,
        LEDGER_SUBJECTS,
        duplicate_window=LEDGER_DUPLICATE_SECONDS,
        max_bytes=LEDGER_BYTES_MAX,
    )
    await bus.ensure_stream(AUDIT_STREAM, AUDIT_SUBJECTS, max_age=0.0, kept=True)


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
