"""Keeps this process at what the register says of its institutions, whoever changed it.

Suspended by another process, or between a socket's admission and its subscription: within a second
nobody is served any more. While Postgres is away, what was known last goes on.
"""

from typing import Final

import structlog
import trio

from actors.platform import Platform
from actors.weather import Weather
from fluxiq.domain.institution import Registered
from fluxiq.errors import Unavailable
from fluxiq.stores.institutions import PostgresInstitutions
from supervisors import ChildSpec, Context

LOOK_SECONDS: Final = 0.4

_log = structlog.get_logger("institutions")


def institution_watch(platform: Platform) -> ChildSpec:
    """Reads the register, which has one line for each institution, again and again."""

    async def start(context: Context) -> None:
        weather = Weather(context.path)
        context.ready()
        while True:
            try:
                records = PostgresInstitutions(platform.links.get().postgres)
                for line in await records.all():
                    take_note(platform, line)
                weather.cleared()
            except Unavailable as error:
                await weather.ride_out(error)
            await trio.sleep(LOOK_SECONDS)

    return ChildSpec(id="institution_watch", start=start)


def take_note(platform: Platform, line: Registered) -> None:
    """Serve callers or refuse them as the line says, from now on: sockets that are open as well."""
    if platform.register.note(line):
        _log.warning("institution_standing_changed", institution=line.ispb, state=line.state)
    if platform.register.standing(line.ispb).suspended:
        platform.hub.close_institution(line.ispb)
