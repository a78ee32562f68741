"""TigerBeetle's client library in the hands of a test, with a completion thread of its own."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from fluxiq.errors import Unavailable
from fluxiq.ledgers.tigerbeetle.native import Receiver
from fluxiq.ledgers.tigerbeetle.packets import Packet, PacketStatus

WAIT_SECONDS_MAX = 5.0


class FakeNative:
    """A native client that completes a packet when the test says so, or at once with `answer`."""

    def __init__(self, receiver: Receiver, answer: PacketStatus | None) -> None:
        self.packets: list[Packet] = []  # submitted and not completed, in order
        self.answer = answer
        self.takes_packets = True
        self.may_end = threading.Event()  # a deinit waits for it
        self.may_end.set()
        self.is_ended = False
        self.receiver = receiver
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, packet: Packet) -> bool:
        assert not self.is_ended, "the library crashes when it is used after its end"
        if not self.takes_packets:
            return False

        self.packets.append(packet)
        if self.answer is not None:
            self.complete(self.answer)

        return True

    def complete(self, status: int = PacketStatus.OK, reply: bytes | None = None) -> None:
        """Complete the oldest packet on the library's thread, by default with its own bytes."""
        packet = self.packets.pop(0)
        answer = packet.events if reply is None and status == PacketStatus.OK else reply or b""
        self.on_thread(lambda: self.receiver.completed(packet.id, status, answer))

    def on_thread(self, call: Callable[[], None]) -> None:
        self._work.put(call)

    def deinit(self) -> None:
        assert self.may_end.wait(WAIT_SECONDS_MAX), "the test never let the client end"
        while self.packets:
            self.complete(PacketStatus.CLIENT_SHUTDOWN)

        self.is_ended = True
        self._work.put(None)
        self._thread.join(WAIT_SECONDS_MAX)
        assert not self._thread.is_alive(), "an exception came through to the library's thread"

    def last_words(self) -> str:
        return "nobody is there"

    def _run(self) -> None:
        while (call := self._work.get()) is not None:
            call()

    async def submitted(self, count: int) -> list[Packet]:
        """Wait until there are `count` packets in flight."""
        await until(lambda: len(self.packets) >= count)
        return self.packets


class FakeLibrary:
    """An opener of `FakeNative` clients, all kept in `clients`."""

    def __init__(self, answer: PacketStatus | None = None) -> None:
        self.answer = answer
        self.clients: list[FakeNative] = []
        self.fails = False

    def __call__(self, receiver: Receiver) -> FakeNative:
        if self.fails:
            raise Unavailable("tigerbeetle", "system_resources")

        client = FakeNative(receiver, self.answer)
        self.clients.append(client)
        return client

    def __str__(self) -> str:
        return "cluster 7 at 127.0.0.1:3001"

    async def opened(self, count: int) -> FakeNative:
        """Wait for the client number `count`, counted from 1."""
        await until(lambda: len(self.clients) >= count)
        return self.clients[count - 1]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread, or the library, is about to do."""
    with trio.fail_after(WAIT_SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110 - nobody there could set an event
            await trio.sleep(0.001)


@contextmanager
def held(native: FakeNative) -> Iterator[None]:
    """Let nobody end this client inside the block."""
    native.may_end.clear()
    try:
        yield
    finally:
        native.may_end.set()
