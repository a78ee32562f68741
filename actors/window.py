"""The Window: what happens to a merchant, pushed to its websockets as it happens.

Events come from the institution's subject on the bus, so that the window may be in another process
than the workflow. They are numbered, so what the bus lost is noticed: by the next event, or by a
look at the numbers on paper; clients then get it from there (`fluxiq.api.live_client`).
"""

from functools import partial

import trio

from actors.balances import tell_balances
from actors.branch import Branch
from actors.live_data import LiveNotice, live_subject, read_notice
from actors.told_events import ToldEvent, told
from actors.weather import Weather
from fluxiq.api.hub import Topic
from fluxiq.api.key_watch import WATCH_SECONDS, close_dead_windows
from fluxiq.domain.records import Room, Step
from fluxiq.errors import SealBroken, Unavailable, Unknown
from fluxiq.services.messages.live import LiveDataTold
from fluxiq.services.sealed_messages import opened_event
from supervisors import ChildSpec, Context

QUEUE = 1000
FLUSH_SECONDS = 0.2
LOOK_SECONDS = 5.0  # an event whose push was lost, and that no other follows, is late by two


def window(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        steps: list[Step] = []
        bus = branch.links.get().bus
        async with (
            bus.subscribe(f"FLUXIQ.{branch.ispb}.events.>", QUEUE) as events,
            bus.subscribe(live_subject(branch.ispb), QUEUE) as notices,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_write_down, branch, Weather(context.path), steps)
            nursery.start_soon(_look, branch, Weather(context.path))
            nursery.start_soon(tell_balances, branch, Weather(context.path))
            nursery.start_soon(_watch_keys, branch, Weather(context.path))

            async def tell_live_data() -> None:
                async for message in notices:
                    await _tell_live_data(branch, read_notice(message.body))

            nursery.start_soon(tell_live_data)
            context.ready()
            async for message in events:
                merchant_id = message.subject.rpartition(".")[2]
                try:
                    event = told(message.body, partial(opened_event, branch.tenant.get()))
                except SealBroken:
                    continue  # which has set off the alarm; whoever listens notices the gap
                if await branch.platform.hub.publish(
                    branch.ispb, merchant_id, event.sequence, event.body
                ):
                    _note(branch, event, steps)

    return ChildSpec(id="window", start=start)


async def _tell_live_data(branch: Branch, notice: LiveNotice) -> None:
    said = LiveDataTold(kind=notice.kind, data=notice.data)
    await branch.platform.hub.tell_everybody(branch.ispb, Topic.LIVE_DATA, said)


def _note(branch: Branch, told_event: ToldEvent, steps: list[Step]) -> None:
    event = told_event.read()
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


async def _look(branch: Branch, weather: Weather) -> None:
    """What was on paper a look ago should have been published by now: if not, it was lost."""
    hub, known = branch.platform.hub, dict[str, int]()
    while True:
        await trio.sleep(LOOK_SECONDS)
        hub.heard(branch.ispb, known)
        try:
            listening = hub.merchants(branch.ispb, Topic.PAYMENTS)
            known = dict(await branch.links.get().events.last(listening)) if listening else {}
            weather.cleared()
        except (Unavailable, Unknown) as error:
            await weather.ride_out(error)


async def _watch_keys(branch: Branch, weather: Weather) -> None:
    while True:
        await trio.sleep(WATCH_SECONDS)
        try:
            await close_dead_windows(branch.platform.hub, branch.tenant.get())
            weather.cleared()
        except (Unavailable, Unknown) as error:
            await weather.ride_out(error)


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
