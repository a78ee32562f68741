"""Reading a work queue of the bus: fetch, do, acknowledge, whatever the weather.

What becomes of a message that was not done:

* Weather (Unavailable, Unknown): it comes again in a second, until its deliveries are used up; then
  the outbox announces it again, for as long as its work is owed.
* A bug: those that share a batch with it are done one by one, so that it fails alone. That is
  counted on paper (`Failed`), and it comes again later and later, until it is a dead letter. The
  worker does not crash: it holds nothing that a restart would put right, and the restarts of
  messages that can never be done would use up the budget of those that can.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from actors.pace import Pace
from actors.queues import STREAM
from actors.weather import Weather
from fluxiq.bus import Bus, Delivery
from fluxiq.errors import Unavailable, Unknown
from supervisors import Context

BATCH = 100
WAIT_SECONDS = 5.0
RETRY_SECONDS = 1.0

Handle: TypeAlias = Callable[[Sequence[Delivery]], Awaitable[None]]
# Seconds until a message that failed by a bug is tried again; None: never, it is somebody else's.
Failed: TypeAlias = Callable[[Delivery, Exception], Awaitable[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a worker does with messages, and with those it fails at."""

    handle: Handle
    failed: Failed


async def consume(context: Context, bus: Bus, consumer: str, duty: Duty) -> None:
    """One batch after the other, until cancelled."""
    weather, pace = Weather(context.path), Pace()
    context.ready()
    while True:
        await context.turn()
        await pace.wait()
        try:
            deliveries = await bus.fetch(consumer, STREAM, BATCH, WAIT_SECONDS)
            if deliveries:
                await work(bus, deliveries, duty)
            weather.cleared()
        except (Unavailable, Unknown) as error:
            await weather.ride_out(error)


async def work(bus: Bus, deliveries: Sequence[Delivery], duty: Duty) -> None:
    """Do them and settle each with the bus. Raises Unavailable and Unknown, when they were told to
    come again.
    """
    try:
        await duty.handle(deliveries)
    except (Unavailable, Unknown):
        await _later(bus, deliveries)
        raise
    except Exception as error:  # noqa: BLE001  a bug, or a message no code of ours understands
        if len(deliveries) > 1:
            for delivery in deliveries:
                await work(bus, [delivery], duty)
            return
        [delivery] = deliveries
        await _give_up(bus, delivery, error, duty)
    else:
        await bus.ack_many(deliveries)


async def _give_up(bus: Bus, delivery: Delivery, error: Exception, duty: Duty) -> None:
    try:
        seconds = await duty.failed(delivery, error)
    except (Unavailable, Unknown):
        await _later(bus, [delivery])
        raise
    if seconds is None:
        await bus.term(delivery)
    else:
        await bus.nak(delivery, seconds)


async def _later(bus: Bus, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        await bus.nak(delivery, RETRY_SECONDS)
