"""A plain subscription as trio sees it: bounded, and the oldest goes when the reader is slow."""

from collections import deque
from typing import Self

from nats.aio.msg import Msg
from trio import lowlevel

from fluxiq.bus.records import BusMessage


class Feed:
    """Messages of a subject as they come, at most `capacity` waiting. Iterate, or `receive`.

    What came while there was no connection is gone, and `dropped` counts what a slow reader lost:
    a feed tells that something changed, never the only copy of it.
    """

    def __init__(self, capacity: int) -> None:
        assert capacity > 0, "a feed holds at least one message"
        self._waiting: deque[BusMessage] = deque(maxlen=capacity)
        self._readers = lowlevel.ParkingLot()
        self.dropped = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BusMessage:
        return await self.receive()

    async def receive(self) -> BusMessage:
        """The oldest message that is still here; waits for one."""
        await lowlevel.checkpoint_if_cancelled()

        while not self._waiting:
            await self._readers.park()

        message = self._waiting.popleft()
        await lowlevel.cancel_shielded_checkpoint()
        return message

    async def offer(self, message: Msg) -> None:
        """Called inside asyncio, in the thread of trio; it never waits."""
        if len(self._waiting) == self._waiting.maxlen:
            self.dropped += 1

        self._waiting.append(BusMessage(message.subject, message.data))
        self._readers.unpark()
