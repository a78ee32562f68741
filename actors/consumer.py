"""Reading a work queue of the bus: fetch, do, acknowledge, whatever the weather."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from actors.pace import Pace
from actors.queues import STREAM
from actors.weather import Weather
from fluxiq.bus import Bus, Delivery
from fluxiq.errors import Unavailable, Unknown
from supervisors import Context

BATCH = 100
WAIT_SECONDS = 5.0
RETRY_SECONDS = 1.0

_log = structlog.get_logger("consumer")

Handle = Callable[[Sequence[Delivery]], Awaitable[None]]


async def consume(context: Context, bus: Bus, consumer: str, handle: Handle) -> None:
    """Until cancelled. What `handle` could not do for the weather is asked for again in a second.

    Any other error is a bug and crashes the worker; its messages come again after their ack wait.
    Those that share a batch with a bad one are done one by one, before and after it, so that it
    fails alone.
    """
    weather, pace = Weather(context.path), Pace()
    context.ready()
    while True:
        await context.turn()
        await pace.wait()
        try:
            deliveries = await bus.fetch(consumer, STREAM, BATCH, WAIT_SECONDS)
            if deliveries:
                await _attempt(bus, deliveries, handle)
            weather.cleared()
        except (Unavailable, Unknown) as error:
            await weather.ride_out(error)


async def _attempt(bus: Bus, deliveries: Sequence[Delivery], handle: Handle) -> None:
    try:
        await handle(deliveries)
    except (Unavailable, Unknown):
        for delivery in deliveries:
            await bus.nak(delivery, RETRY_SECONDS)
        raise
    except Exception:
        # A bug, or a message no code of ours understands: find out which one it is.
        if len(deliveries) == 1:
            _log.exception("message_failed", subject=deliveries[0].subject)
            raise
        await _attempt_each(bus, deliveries, handle)
    else:
        await bus.ack_many(deliveries)


async def _attempt_each(bus: Bus, deliveries: Sequence[Delivery], handle: Handle) -> None:
    failed: Exception | None = None
    for delivery in deliveries:
        try:
            await _attempt(bus, [delivery], handle)
        except (Unavailable, Unknown):
            raise
        except Exception as error:  # noqa: BLE001  said already; the others go first
            failed = failed or error
    if failed is not None:
        raise failed
