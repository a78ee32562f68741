"""The Window: what happens to a merchant's payments, pushed to its websockets as it happens.

Events come from the institution's subject on the bus, so that the window may be in another process
than the workflow. A push that is lost is not lost money: the client reads the API.
"""

from datetime import datetime

import msgspec
import trio

from actors.branch import Branch
from actors.weather import Weather
from fluxiq.domain.records import Room, Step
from fluxiq.errors import Unavailable, Unknown
from supervisors import ChildSpec, Context

QUEUE = 1000
FLUSH_SECONDS = 0.2


class _Data(msgspec.Struct):
    end_to_end_id: str | None = None


class _Event(msgspec.Struct):
    """What the window needs to know of an event; the rest is passed on as it is."""

    type: str
    created_at: datetime
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


def window(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        steps: list[Step] = []
        async with (
            branch.links.get().bus.subscribe(f"FLUXIQ.{branch.ispb}.events.>", QUEUE) as messages,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_write_down, branch, Weather(context.path), steps)
            context.ready()
            async for message in messages:
                merchant_id = message.subject.rpartition(".")[2]
                if branch.platform.hub.publish(branch.ispb, merchant_id, message.body):
                    _note(branch, message.body, steps)

    return ChildSpec(id="window", start=start)


def _note(branch: Branch, body: bytes, steps: list[Step]) -> None:
    event = _decode(body)
    if event.data.end_to_end_id is not None:
        steps.append(
            Step(
                event.data.end_to_end_id,
                Room.WINDOW,
                event.created_at,
                branch.platform.clock.now(),
                event.type,
            )
        )


async def _write_down(branch: Branch, weather: Weather, steps: list[Step]) -> None:
    """A few times a second: the walk is for people, and one write serves many pushes."""
    while True:
        await trio.sleep(FLUSH_SECONDS)
        batch = steps[:]
        try:
            if batch:
                await branch.links.get().store.record_steps(batch)
                del steps[: len(batch)]
            weather.cleared()
        except (Unavailable, Unknown) as error:
            del steps[:-QUEUE]
            await weather.ride_out(error)
