"""Live data in the tree: publishes how the provider links are, and tells of every change.

The status of a link is written every few seconds, so its `seen_at` says whether anybody still
looks; that a breaker has turned is written, and told, at once.
"""

import secrets
from typing import Final

import msgspec

from actors.branch import Branch
from actors.pace import Pace
from actors.weather import Weather
from fluxiq.errors import Unavailable, Unknown
from supervisors import ChildSpec, Context

LOOK_SECONDS = 5.0


class LiveNotice(msgspec.Struct, frozen=True):
    """A change on its way over the bus: what kind of thing, and how it is now."""

    kind: str
    data: msgspec.Raw


read_notice: Final = msgspec.json.Decoder(LiveNotice).decode


def live_subject(ispb: str) -> str:
    """Where changes of an institution's live data are told."""
    return f"FLUXIQ.{ispb}.live_data"


async def notify_live_data(branch: Branch, kind: str, value: bytes) -> None:
    """Tell the windows of every process. Raises Unavailable."""
    body = msgspec.json.encode(LiveNotice(kind, msgspec.Raw(value)))
    bus = branch.links.get().bus
    await bus.publish(live_subject(branch.ispb), body, f"live_data:{secrets.token_hex(16)}")


def live_data(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        weather, pace, told = Weather(context.path), Pace(), dict[str, str]()
        context.ready()
        while True:
            await context.turn()
            await pace.wait()
            try:
                await _publish(branch, told)
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            await branch.provider_board.changed.wait(LOOK_SECONDS)

    return ChildSpec(id="live_data", start=start)


async def _publish(branch: Branch, told: dict[str, str]) -> None:
    """Write every link's status; tell of those whose breaker is another than `told`."""
    live = branch.tenant.get().live_data
    for status in branch.provider_board.statuses(branch.platform.clock.now()):
        await live.put_provider(status, tell=told.get(status.name) != status.breaker)
        told[status.name] = status.breaker
