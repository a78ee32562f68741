"""The sessions of a process: 1 to 4 clients, each with one request in flight, handed out in turn.

A session is a task of the pool, and takes the oldest waiting request; so whoever asks may be
cancelled, but what is in flight stays in flight until its answer or its deadline. A client that
was lost (its request missed its deadline, or the cluster evicted it, or it was closed) is closed
on the side while a fresh one takes its place.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import outcome
import structlog
import trio
from msgspec import Struct

from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.tigerbeetle.client import Client, ClientStatistics, open_client
from fluxiq.ledgers.tigerbeetle.job import Job
from fluxiq.ledgers.tigerbeetle.native import Opener
from fluxiq.ledgers.tigerbeetle.packets import SYSTEM, Operation
from fluxiq.ledgers.tigerbeetle.records import pack_ids

SESSIONS_MAX: Final = 4  # of the cluster's 64 clients, which all processes share
WAITING_MAX: Final = 1024
# Lost clients that may be closing at once; then a session waits for its own to be closed.
CLOSING_MAX: Final = 8

# Looked up to see whether anybody answers. Nothing has this id, and a look-up changes nothing.
_SENTINEL: Final = pack_ids([2**127 - 1])

_log = structlog.get_logger("tigerbeetle")


class SessionsStatistics(Struct, frozen=True, kw_only=True):
    """Sessions and waiting requests now, and totals since the pool was opened."""

    sessions: int
    busy: int
    closing: int  # lost clients that are being closed
    waiting: int
    expired: int  # requests whose deadline passed before a session was free: not sent
    abandoned: int  # requests whose caller was cancelled while they were in flight
    lost: int  # clients lost to a deadline, an eviction, a wrong release, a fault
    clients: ClientStatistics  # summed over all clients, the lost ones too


class Sessions:
    """Made by `open_sessions`."""

    def __init__(self, opener: Opener, count: int, waiting_max: int) -> None:
        assert 1 <= count <= SESSIONS_MAX, f"1 to {SESSIONS_MAX} sessions, not {count}"
        assert waiting_max > 0, "somebody must be able to wait"
        self._opener = opener
        self._count = count
        self._waiting_max = waiting_max
        self._waiting: deque[Job] = deque()
        self._idle = trio.lowlevel.ParkingLot()
        self._closing = trio.CapacityLimiter(CLOSING_MAX)
        self._clients: set[Client] = set()
        self._gone = ClientStatistics()
        self._last_words = ""
        self._is_open = True
        self._busy = self._expired = self._abandoned = self._lost = 0

    async def request(
        self, operation: Operation, events: bytes, *, seconds: float, reference: str
    ) -> bytes:
        """Send packed `events` through the next free session; return the packed reply.

        `seconds` are for waiting and for the answer together. Raises as `Client.request`: Unknown
        only when the request was sent, Unavailable when it was not. A caller that is cancelled
        takes a waiting request along; one in flight is answered to nobody, and counted.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._is_open:
            raise Unavailable(SYSTEM, f"{reference} was not sent: the sessions are closed")
        if len(self._waiting) >= self._waiting_max:
            raise Unavailable(SYSTEM, f"{reference} was not sent: too many requests are waiting")

        job = Job(operation, events, trio.current_time() + seconds, reference)
        self._waiting.append(job)
        self._idle.unpark()
        try:
            with job.scope:
                await job.settled.wait()
        finally:
            self._leave(job)

        if job.result is None:
            self._expired += 1
            message = f"{reference} was not sent: no session was free within {seconds:.3g} s"
            raise Unavailable(SYSTEM, message)

        return job.result.unwrap()

    async def probe(self, seconds: float) -> None:
        """Ask for what does not exist: somebody answers, or Unavailable says who does not."""
        try:
            await self.request(
                Operation.LOOKUP_ACCOUNTS, _SENTINEL, seconds=seconds, reference="a sentinel"
            )
        except Unknown as error:
            message = (
                f"{self._opener} did not answer within {seconds:.3g} s: it is down, or this is not"
                f" its address, or not its cluster id ({self._last_words or 'nothing was heard'})"
            )
            raise Unavailable(SYSTEM, message) from error

    def statistics(self) -> SessionsStatistics:
        clients = self._gone
        for client in self._clients:
            clients += client.statistics()

        return SessionsStatistics(
            sessions=self._count,
            busy=self._busy,
            closing=self._closing.borrowed_tokens,
            waiting=len(self._waiting),
            expired=self._expired,
            abandoned=self._abandoned,
            lost=self._lost,
            clients=clients,
        )

    # Callers

    def _leave(self, job: Job) -> None:
        if job.is_taken:
            if job.result is None:
                job.is_abandoned = True
                self._abandoned += 1
        elif job in self._waiting:
            self._waiting.remove(job)

    # Sessions

    async def _serve(self, nursery: trio.Nursery, client: Client | None) -> None:
        while True:
            job = await self._next()
            self._busy += 1
            try:
                client = client or await self._reopen()
                await self._answer(job, client)
            finally:
                self._busy -= 1
                job.settle()

            if client is not None and client.end is not None:
                await self._retire(nursery, client)
                client = await self._reopen()

    async def _next(self) -> Job:
        """The oldest request that is still wanted; from here on it is ours to settle."""
        while True:
            while not self._waiting:
                await self._idle.park()

            job = self._waiting.popleft()
            if job.take():
                return job

    async def _answer(self, job: Job, client: Client | None) -> None:
        if client is None:
            message = f"{job.reference} was not sent: no client could be made"
            job.result = outcome.Error(Unavailable(SYSTEM, message))
            return

        try:
            reply = await client.request(
                job.operation,
                job.events,
                seconds=job.deadline - trio.current_time(),
                reference=job.reference,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
            job.result = outcome.Error(error)
            if isinstance(error, Unknown):
                client.lose(str(error))
        else:
            job.result = outcome.Value(reply)

    async def _retire(self, nursery: trio.Nursery, client: Client) -> None:
        self._lost += 1
        self._last_words = client.last_words()
        _log.warning("tigerbeetle_client_lost", reason=client.end, heard=self._last_words)
        await self._closing.acquire_on_behalf_of(client)
        nursery.start_soon(self._close_lost, client)

    async def _close_lost(self, client: Client) -> None:
        try:
            await self._close(client)
        finally:
            self._closing.release_on_behalf_of(client)

    async def _close(self, client: Client) -> None:
        await client.close()
        self._clients.discard(client)
        self._gone += client.statistics()

    async def _open(self) -> Client:
        client = await open_client(self._opener)
        self._clients.add(client)
        return client

    async def _reopen(self) -> Client | None:
        try:
            return await self._open()
        except Unavailable as error:
            _log.warning("tigerbeetle_client_not_opened", reason=str(error))
            return None

    # The pool

    async def _close_all(self) -> None:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for client in self._clients:
                    nursery.start_soon(self._close, client)

    def _refuse_waiting(self) -> None:
        self._is_open = False
        while self._waiting:
            job = self._waiting.popleft()
            message = f"{job.reference} was not sent: the sessions are closed"
            job.result = outcome.Error(Unavailable(SYSTEM, message))
            job.settled.set()


@asynccontextmanager
async def open_sessions(
    opener: Opener, *, count: int = 2, waiting_max: int = WAITING_MAX
) -> AsyncIterator[Sessions]:
    """Hold `count` sessions of a cluster (`native.Cluster`) until the block ends.

    Raises Unavailable when the library makes no client, for instance of an address that is none. It
    is not known yet whether anybody answers: `probe` tells. Open them after the last fork. When the
    block ends, requests in flight become Unknown, waiting ones Unavailable.
    """
    sessions = Sessions(opener, count, waiting_max)
    body_error: BaseException | None = None
    try:
        clients = [await sessions._open() for _ in range(count)]  # noqa: SLF001 - its only maker
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(sessions._serve, nursery, client)  # noqa: SLF001

            try:
                yield sessions
            except BaseException as error:  # noqa: BLE001 - raised again below, not in a group
                body_error = error

            sessions._refuse_waiting()  # noqa: SLF001
            nursery.cancel_scope.cancel()

        if body_error is not None:
            raise body_error
    finally:
        body_error = None
        await sessions._close_all()  # noqa: SLF001
