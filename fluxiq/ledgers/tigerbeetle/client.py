"""One native client on trio: a request in, its reply out, and no thread of ours between.

The library completes packets on its own thread, which leaves them in `_arrived` and rings trio's
token; one turn of the loop takes all that have arrived. A request leaves the loop by exactly one
door: its completion, its deadline, or the cancellation of its caller. After the last two the packet
stays where it is until the library is done with it; the late completion is dropped and counted.
"""

import itertools
import os
from collections import deque
from typing import Final

import outcome
import structlog
import trio
from msgspec import Struct

from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.tigerbeetle.native import Native, Opener
from fluxiq.ledgers.tigerbeetle.packets import (
    SYSTEM,
    Operation,
    Packet,
    PacketStatus,
    end_of_client,
    reply_of,
)

# Closing takes up to 0.2 s; a thread that takes longer is left behind and said so.
CLOSE_SECONDS_MAX: Final = 10.0

_SHUTDOWN: Final = int(PacketStatus.CLIENT_SHUTDOWN)
_log = structlog.get_logger("tigerbeetle")


class ClientStatistics(Struct, frozen=True, kw_only=True):
    """Packets in the library's hands now, and totals since the client was opened."""

    in_flight: int = 0
    requests: int = 0
    answered: int = 0  # completed, whatever the status, while the caller waited
    deadlines_missed: int = 0
    cancelled: int = 0  # the caller was cancelled while its request was in flight
    late: int = 0  # completed after the caller had left: dropped
    faults: int = 0  # completions that could not be read

    def __add__(self, other: "ClientStatistics") -> "ClientStatistics":
        names = self.__struct_fields__
        return ClientStatistics(**{n: getattr(self, n) + getattr(other, n) for n in names})


class Client:
    """Made by `open_client`, for the process and the trio run that it was made in."""

    def __init__(self) -> None:
        self._native: Native | None = None
        self._token = trio.lowlevel.current_trio_token()
        self._process = os.getpid()
        self._limiter = trio.CapacityLimiter(1)  # its own: opening and closing wait for nobody
        self._packet_ids = itertools.count(1)
        self._in_flight: dict[int, _Flight] = {}
        self._arrived: deque[tuple[int, int, bytes]] = deque()
        self._fault: BaseException | None = None
        self._end: str | None = None
        self._requests = self._answered = self._deadlines_missed = 0
        self._cancelled = self._late = self._faults = 0

    @property
    def end(self) -> str | None:
        """Why this client answers nothing any more; None while it does."""
        return self._end

    async def request(
        self, operation: Operation, events: bytes, *, seconds: float, reference: str
    ) -> bytes:
        """Send packed `events` and return the packed reply, within `seconds`.

        Raises Unknown (of `reference`) when the deadline passes first or the client ends meanwhile,
        Unavailable when nothing was sent, ValueError for more events than the cluster takes.
        """
        assert os.getpid() == self._process, "a client does not survive a fork: make it afterwards"
        await trio.lowlevel.checkpoint_if_cancelled()
        if seconds <= 0:
            raise Unavailable(SYSTEM, f"no time was left to send {reference}")

        flight = self._submit(operation, events, reference)
        try:
            with trio.move_on_after(seconds) as scope:
                status, reply = await _completion_of(flight)
        except trio.Cancelled:
            self._cancelled += 1
            raise

        if scope.cancelled_caught:
            self._deadlines_missed += 1
            message = f"no answer within {seconds:.3g} s"
            raise Unknown(SYSTEM, reference, message) from self._fault

        self._answered += 1
        return reply_of(status, reply, reference)

    def statistics(self) -> ClientStatistics:
        return ClientStatistics(
            in_flight=len(self._in_flight),
            requests=self._requests,
            answered=self._answered,
            deadlines_missed=self._deadlines_missed,
            cancelled=self._cancelled,
            late=self._late,
            faults=self._faults,
        )

    def lose(self, reason: str) -> None:
        """Send nothing more through this client: later requests are Unavailable."""
        self._end = self._end or reason

    def last_words(self) -> str:
        """What the library logged last about this client."""
        return "" if self._native is None else self._native.last_words()

    async def close(self) -> None:
        """End the client: callers in flight get Unknown, later ones Unavailable. Twice is once.

        Shielded: it takes as long as the library needs, at most CLOSE_SECONDS_MAX.
        """
        native, self._native = self._native, None
        self._end = self._end or "the client was closed"
        if native is None:
            return

        with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True) as scope:
            # In a thread: the library completes what is in flight, and ends its own, before it
            # returns. Left behind, it still holds this client, and so the packets' memory.
            await trio.to_thread.run_sync(
                native.deinit, abandon_on_cancel=True, limiter=self._limiter
            )

        if scope.cancelled_caught:
            _log.error("tigerbeetle_client_not_closed", seconds=CLOSE_SECONDS_MAX)
            return

        # Every completion has come by now, heard or not, so nobody waits in vain.
        self._take()
        assert not self._in_flight or self._faults, "the library gives back every packet"
        self._arrived.extend((id_, _SHUTDOWN, b"") for id_ in self._in_flight)
        self._take()

    def _submit(self, operation: Operation, events: bytes, reference: str) -> "_Flight":
        if self._native is None or self._end is not None:
            raise Unavailable(SYSTEM, f"{reference} was not sent: {self._end}")

        packet = Packet(next(self._packet_ids), operation, events)
        flight = self._in_flight[packet.id] = _Flight(packet)
        if not self._native.submit(packet):
            del self._in_flight[packet.id]
            self._end = "the library has closed the client"
            raise Unavailable(SYSTEM, f"{reference} was not sent: {self._end}")

        self._requests += 1
        return flight

    # On the library's thread

    def completed(self, packet_id: int, status: int, reply: bytes) -> None:
        """Take a completion over to trio (`native.Receiver`)."""
        self._arrived.append((packet_id, status, reply))
        try:
            # Many completions, one turn: the ring is not repeated until it was heard.
            self._token.run_sync_soon(self._take, idempotent=True)
        except trio.RunFinishedError:
            # Nobody is left to tell.
            self._late += 1
            self._in_flight.pop(packet_id, None)

    def broke(self, error: BaseException) -> None:
        """Remember a completion that could not be read (`native.Receiver`): its caller gets
        Unknown, from this error, at its deadline.
        """
        self._faults += 1
        self._fault = error
        self._end = f"a completion could not be read: {error!r}"

    # Back in trio. An exception in here would be the end of the whole run.

    def _take(self) -> None:
        while self._arrived:
            packet_id, status, reply = self._arrived.popleft()
            flight = self._in_flight.pop(packet_id, None)
            if flight is None:
                self.broke(LookupError(f"packet {packet_id} is not in flight"))
                continue

            self._end = self._end or end_of_client(status)
            task, flight.task = flight.task, None
            if task is None:
                self._late += 1
            else:
                trio.lowlevel.reschedule(task, outcome.Value((status, reply)))


class _Flight:
    """A packet in the library's hands, and the task that waits for it, if one still does."""

    __slots__ = ("packet", "task")

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.task: trio.lowlevel.Task | None = None


async def _completion_of(flight: _Flight) -> tuple[int, bytes]:
    def leave(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        flight.task = None
        return trio.lowlevel.Abort.SUCCEEDED

    flight.task = trio.lowlevel.current_task()
    completion: tuple[int, bytes] = await trio.lowlevel.wait_task_rescheduled(leave)
    return completion


async def open_client(opener: Opener) -> Client:
    """A client of this process and this trio run. Raises Unavailable when the library has none.

    It is not known yet whether anybody answers: the library connects in the background, for ever.
    """
    client = Client()
    client._native = await trio.to_thread.run_sync(  # noqa: SLF001 - its only maker
        opener,
        client,
        limiter=client._limiter,  # noqa: SLF001
    )
    return client
