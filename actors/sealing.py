"""The keys of an institution's seals: unwrapped when it starts, kept in step while it runs."""

from collections.abc import Callable

import structlog
import trio

from actors.branch import Branch
from actors.weather import Weather
from fluxiq.errors import StartRefused, Unavailable
from fluxiq.ports.sealing import Place
from fluxiq.sealing import Keyring
from fluxiq.sealing.keys import ROTATE_AT, open_keyring, refresh, rotate
from fluxiq.stores.plain_keys import seal_plain_keys
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealed import House
from fluxiq.stores.sealing_keys import PostgresSealingKeys
from supervisors import ChildSpec, Context

REFRESH_SECONDS = 2.0

_log = structlog.get_logger("sealing")


async def opened_keyring(branch: Branch, postgres: Postgres, weather: Weather) -> Keyring:
    """Once Postgres says which keys there are. Raises StartRefused where they do not unwrap."""
    platform = branch.platform
    while True:
        try:
            ring = await open_keyring(
                branch.ispb,
                PostgresSealingKeys(postgres),
                platform.key_wrapper,
                platform.clock.now(),
                alarm_of(branch),
            )
            await seal_plain_keys(postgres, House(branch.ispb, ring))
        except Unavailable as error:
            await weather.ride_out(error)
        else:
            weather.cleared()
            return ring


def key_keeper(branch: Branch) -> ChildSpec:
    """Sees keys that others made, and has more sealing granted before there is none left."""

    async def start(context: Context) -> None:
        links, weather = branch.links.get(), Weather(context.path)
        keys, wrapper = PostgresSealingKeys(links.postgres), branch.platform.key_wrapper
        seen = None
        context.ready()
        while True:
            try:
                seen = await refresh(branch.ispb, links.keyring, seen, keys, wrapper)
                if seen.current.messages >= ROTATE_AT:
                    await _rotate(branch, keys)
                weather.cleared()
            except Unavailable as error:
                weather.met(error)  # no growing pause: nothing is sealed until it has looked again
            await trio.sleep(REFRESH_SECONDS)

    return ChildSpec(id="key_keeper", start=start)


async def _rotate(branch: Branch, keys: PostgresSealingKeys) -> None:
    """A key that has half its messages is replaced, long before it has to be."""
    try:
        await rotate(branch.ispb, keys, branch.platform.key_wrapper, branch.platform.clock.now())
    except StartRefused as refused:
        _log.error("sealing_key_not_made", institution=branch.ispb, error=str(refused))


def alarm_of(branch: Branch) -> Callable[[Place], None]:
    """What a value that does not open sets off: where it is, never what it says."""

    def told(place: Place) -> None:
        series = branch.metrics.seal_failures.labels(branch.ispb, place.table, place.column)
        series.inc()
        _log.error(
            "seal_broken",
            institution=branch.ispb,
            table=place.table,
            column=place.column,
            row=place.row,
        )

    return told
