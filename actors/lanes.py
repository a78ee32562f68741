"""Reading a work queue in lanes: what waits for a slow one does not wait in front of the others.

A worker whose work waits for somebody outside (a provider that answers one account's orders after
seconds) would hold up its whole partition with one batch. Here each lane, an account, is worked on
by itself, a batch at a time, and lanes run side by side. What has arrived for a lane that is at
work waits in it; the bus is told every few seconds that it is in good hands. A lane that is full
sends the rest back for a while, and so leaves room in the worker for the others.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import trio

from actors.consumer import BATCH, RETRY_SECONDS, WAIT_SECONDS, Duty, work
from actors.pace import Pace
from actors.queues import ACK_SECONDS, STREAM
from actors.weather import Weather
from fluxiq.bus import Bus, Delivery
from fluxiq.errors import Unavailable, Unknown
from supervisors import Context

LANE_MAX = 1000  # deliveries that wait in one lane
FULL_SECONDS = 2.0  # after which a delivery comes again whose lane was full
HOLD_SECONDS = ACK_SECONDS / 3  # between two words that we have it

LaneOf: TypeAlias = Callable[[Delivery], str]


async def consume_in_lanes(
    context: Context, bus: Bus, consumer: str, duty: Duty, lane_of: LaneOf
) -> None:
    """Until cancelled; then what is in the lanes comes again after its ack wait."""
    lanes = Lanes(context, bus, duty, lane_of)
    weather, pace = Weather(context.path), Pace()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lanes.hold)
        context.ready()
        while True:
            await context.turn()
            await pace.wait()
            try:
                await lanes.enter(nursery, await bus.fetch(consumer, STREAM, BATCH, WAIT_SECONDS))
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)


class Lanes:
    """The lanes that have something to do; each has one task, which ends when its lane is empty."""

    def __init__(self, context: Context, bus: Bus, duty: Duty, lane_of: LaneOf) -> None:
        self._context = context
        self._bus = bus
        self._duty = duty
        self._lane_of = lane_of
        self._waiting: dict[str, deque[Delivery]] = {}
        self._under_way: dict[str, Sequence[Delivery]] = {}
        self._weather = Weather(f"{context.path} (lanes)")  # one for all: lanes are many and brief
        self._met_at = 0.0

    async def enter(self, nursery: trio.Nursery, deliveries: Sequence[Delivery]) -> None:
        """Into their lanes, or back to the bus. Raises Unavailable."""
        too_many = []
        for delivery in deliveries:
            name = self._lane_of(delivery)
            lane = self._waiting.get(name)
            if lane is None:
                lane = self._waiting[name] = deque()
                nursery.start_soon(self._drive, name, lane)
            if len(lane) < LANE_MAX:
                lane.append(delivery)
            else:
                too_many.append(delivery)

        self._context.report(lanes=len(self._waiting))
        for delivery in too_many:
            await self._bus.nak(delivery, FULL_SECONDS)

    async def hold(self) -> None:
        """Say again and again that we have what is in the lanes, or it would come twice."""
        weather = Weather(f"{self._context.path} (holding)")
        while True:
            await trio.sleep(HOLD_SECONDS)
            if trio.current_time() - self._met_at >= HOLD_SECONDS:
                self._weather.cleared()
            held = [one for lane in self._waiting.values() for one in lane]
            held += [one for batch in self._under_way.values() for one in batch]
            try:
                await self._bus.hold_many(held)
                weather.cleared()
            except Unavailable as error:
                await weather.ride_out(error)

    async def _drive(self, name: str, lane: deque[Delivery]) -> None:
        pace = Pace()
        try:
            while lane:
                await pace.wait()
                batch = self._under_way[name] = [
                    lane.popleft() for _ in range(min(BATCH, len(lane)))
                ]
                try:
                    await work(self._bus, batch, self._duty)
                except (Unavailable, Unknown) as error:
                    del self._under_way[name]
                    self._weather.met(error)
                    self._met_at = trio.current_time()
                    await trio.sleep(RETRY_SECONDS)
        finally:
            self._waiting.pop(name)
            self._under_way.pop(name, None)
