"""The bus as the product uses it: JetStream behind one hop, outages as Unavailable("nats")."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Literal, TypeVar, TypeVarTuple
from urllib.parse import urlsplit

import trio
from msgspec import Struct

from fluxiq.asyncio_host import AsyncioCancelled, AsyncioHost
from fluxiq.bus import jetstream
from fluxiq.bus.feed import Feed
from fluxiq.bus.info import consumer_state, stream_state
from fluxiq.bus.jetstream import NANOSECONDS, JetStreamRefused
from fluxiq.bus.link import OUTAGES, Link, LinkOptions
from fluxiq.bus.records import (
    Ack,
    Backlog,
    BusStatistics,
    ConsumerState,
    Delivery,
    Message,
    StreamState,
)
from fluxiq.errors import FluxiqError, Unavailable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CLOSE_SECONDS_MAX: Final = 5.0
READING_IDLE_SECONDS_MAX: Final = 300.0  # after that a consumer that only reads is forgotten
# JetStream's error numbers.
_STREAM_NAME_IN_USE: Final = 10058
_NOT_FOUND: Final = frozenset({10014, 10059})  # such a consumer, such a stream


class _Totals(Struct):
    published: int = 0
    duplicates: int = 0
    fetched: int = 0
    settled: int = 0
    outages: int = 0


@asynccontextmanager
async def open_bus(
    host: AsyncioHost,
    url: str,
    *,
    user: str | None = None,
    password: str | None = None,
    inbox_prefix: str = "_INBOX",
    name: str = "fluxiq",
    seconds_max: float = 5.0,
) -> AsyncIterator["Bus"]:
    """Connect to NATS and stay connected, through every outage, until the block ends.

    Succeeds while NATS is down: calls then raise Unavailable until it is back. `seconds_max`
    bounds every call that has no waiting time of its own. Raises ValueError for a malformed URL,
    which no amount of trying would cure.
    """
    for server in url.split(","):
        if not urlsplit(server).hostname or urlsplit(server).port == 0:
            raise ValueError(f"not the address of a NATS server: {server!r}")

    options = LinkOptions(
        url=url, user=user, password=password, inbox_prefix=inbox_prefix, name=name
    )

    async def start() -> Link:
        link = Link(options)
        await link.start()
        return link

    link = await host.run(start)

    try:
        yield Bus(host, link, seconds_max)
    finally:
        with (
            trio.move_on_after(CLOSE_SECONDS_MAX, shield=True),
            suppress(AsyncioCancelled),
        ):
            await host.run(link.stop)


class Bus:
    """Made by `open_bus`. Every method raises Unavailable("nats") when NATS does not answer."""

    def __init__(self, host: AsyncioHost, link: Link, seconds_max: float) -> None:
        self._host = host
        self._link = link
        self._seconds_max = seconds_max
        self._totals = _Totals()

    # -- Publishing

    async def publish(self, subject: str, body: bytes, message_id: str) -> Ack:
        """Store one message. An Unavailable may have stored it: publish again with the same id."""
        (result,) = await self.publish_many([Message(subject, body, message_id)])

        if isinstance(result, FluxiqError):
            raise result

        return result

    async def publish_many(self, messages: Sequence[Message]) -> list[Ack | FluxiqError]:
        """Store many in one hop; the result of each, in order: its Ack, or why there is none."""
        results = await self._hand_over(
            jetstream.publish_many, self._link, messages, self._seconds_max
        )

        for result in results:
            if isinstance(result, Ack):
                self._totals.published += 1
                self._totals.duplicates += result.duplicate
            elif isinstance(result, Unavailable):
                self._totals.outages += 1

        return results

    # -- Work queues

    async def fetch(
        self, consumer: str, stream: str, batch: int, wait_seconds: float
    ) -> list[Delivery]:
        """Up to `batch` deliveries; empty when none came within `wait_seconds`.

        Waits for the first only: what is there at that moment comes with it. Cancelled while
        waiting, it gives back what had arrived.
        """
        assert batch > 0, "a fetch asks for something"
        order = jetstream.PullOrder(stream, consumer, batch, wait_seconds)
        deliveries = await self._hand_over(jetstream.fetch, self._link, order, self._seconds_max)
        self._totals.fetched += len(deliveries)
        return deliveries

    async def ack_many(self, deliveries: Sequence[Delivery]) -> None:
        """These are done; they will not come again once this returns."""
        await self._settle(deliveries, jetstream.ACK)

    async def nak(self, delivery: Delivery, delay: float) -> None:
        """Not done: deliver it again after `delay` seconds."""
        word = b'%s {"delay": %d}' % (jetstream.NAK, int(delay * NANOSECONDS))
        await self._settle([delivery], word if delay > 0 else jetstream.NAK)

    async def term(self, delivery: Delivery) -> None:
        """Never to be done: do not deliver it again."""
        await self._settle([delivery], jetstream.TERM)

    async def hold_many(self, deliveries: Sequence[Delivery]) -> None:
        """These are being worked on: their ack wait begins anew."""
        await self._say(deliveries, jetstream.HOLD)

    async def backlog(self, consumer: str, stream: str) -> Backlog:
        """How much waits for a consumer."""
        info = await self._administer(f"CONSUMER.INFO.{stream}.{consumer}", {})
        return Backlog(info["num_pending"], info["num_ack_pending"], info["num_redelivered"])

    # -- Plain subscriptions

    @asynccontextmanager
    async def subscribe(self, subject: str, capacity: int) -> AsyncIterator[Feed]:
        """Messages published to `subject` (wildcards `*` and `>`) while the block runs.

        Plain NATS: at most once, nothing from before, gaps during outages. Of more than
        `capacity` unread messages the oldest are dropped and counted.
        """
        feed = Feed(capacity)

        try:
            await self._hand_over(self._link.follow, subject, feed.offer)
            yield feed
        finally:
            with (
                trio.move_on_after(CLOSE_SECONDS_MAX, shield=True),
                suppress(AsyncioCancelled),
            ):
                await self._host.run(self._link.unfollow, feed.offer)

    # -- Administration

    async def ensure_stream(
        self,
        name: str,
        subjects: Sequence[str],
        *,
        max_age: float = 7 * 86400.0,
        duplicate_window: float = 120.0,
        retention: Literal["limits", "interest", "workqueue"] = "limits",
        max_bytes: int = -1,
        replicas: int = 1,
        kept: bool = False,
    ) -> None:
        """Have this stream, stored in files: create it, or change what may be changed.

        `max_age` (0: for ever) and `duplicate_window` are seconds. Of a stream that is `kept`
        nobody can delete or purge messages, and that cannot be taken back.
        """
        stream = {
            "name": name,
            "subjects": list(subjects),
            "storage": "file",
            "retention": retention,
            "discard": "old",
            "max_age": int(max_age * NANOSECONDS),
            "max_bytes": max_bytes,
            "duplicate_window": int(duplicate_window * NANOSECONDS),
            "num_replicas": replicas,
            "deny_delete": kept,
            "deny_purge": kept,
        }

        try:
            await self._administer(f"STREAM.CREATE.{name}", stream)
        except JetStreamRefused as error:
            if error.number != _STREAM_NAME_IN_USE:
                raise

            await self._administer(f"STREAM.UPDATE.{name}", stream)

    async def ensure_consumer(
        self,
        stream: str,
        durable: str,
        filter_subject: str,
        *,
        ack_wait: float = 30.0,
        max_deliver: int = -1,
        max_ack_pending: int = 1000,
    ) -> None:
        """Have this durable pull consumer: create it, or change what may be changed.

        An unsettled delivery comes again after `ack_wait` seconds, `max_deliver` times in all
        (-1: for ever); at most `max_ack_pending` are unsettled at a time.
        """
        consumer = {
            "durable_name": durable,
            "filter_subject": filter_subject,
            "ack_policy": "explicit",
            "deliver_policy": "all",
            "ack_wait": int(ack_wait * NANOSECONDS),
            "max_deliver": max_deliver,
            "max_ack_pending": max_ack_pending,
        }
        request = {"stream_name": stream, "config": consumer}
        await self._administer(f"CONSUMER.DURABLE.CREATE.{stream}.{durable}", request)

    @asynccontextmanager
    async def reading(self, stream: str, subject: str) -> AsyncIterator[str]:
        """The name of a consumer for the length of the block, with which everything that is under
        `subject` can be fetched once, from the beginning; nothing has to be acknowledged.
        """
        consumer = {
            "filter_subject": subject,
            "ack_policy": "none",
            "deliver_policy": "all",
            "mem_storage": True,
            "inactive_threshold": int(READING_IDLE_SECONDS_MAX * NANOSECONDS),
        }
        request = {"stream_name": stream, "config": consumer}
        made = await self._administer(f"CONSUMER.CREATE.{stream}", request)

        try:
            yield made["name"]
        finally:
            # It would also go by itself, after a while.
            with (
                trio.move_on_after(CLOSE_SECONDS_MAX, shield=True),
                suppress(Unavailable),
            ):
                await self.remove_consumer(stream, made["name"])

    async def remove_consumer(self, stream: str, durable: str) -> None:
        """Have no such consumer. Twice is once."""
        try:
            await self._administer(f"CONSUMER.DELETE.{stream}.{durable}", {})
        except JetStreamRefused as error:
            if error.number not in _NOT_FOUND:
                raise

    async def purge(self, stream: str, subject: str) -> None:
        """Throw away the stream's messages under `subject` (wildcards `*` and `>`)."""
        await self._administer(f"STREAM.PURGE.{stream}", {"filter": subject})

    # -- Looking

    async def stream_state(self, name: str, subjects: str = "") -> StreamState | None:
        """How a stream stands; with `subjects` (wildcards `*` and `>`) also how many messages it
        keeps under each of these. None: there is no such stream.
        """
        request = {"subjects_filter": subjects} if subjects else {}
        info = await self._look(f"STREAM.INFO.{name}", request)
        return None if info is None else stream_state(info)

    async def consumer_state(self, stream: str, durable: str) -> ConsumerState | None:
        """How far a consumer is; None: there is no such consumer."""
        info = await self._look(f"CONSUMER.INFO.{stream}.{durable}", {})
        return None if info is None else consumer_state(info)

    # -- Health

    async def ping(self) -> None:
        """Raise Unavailable unless NATS answers."""
        await self._hand_over(jetstream.ping, self._link, self._seconds_max)

    def statistics(self) -> BusStatistics:
        link, totals = self._link, self._totals
        return BusStatistics(
            connected=link.connected,
            connections=link.connections,
            published=totals.published,
            duplicates=totals.duplicates,
            fetched=totals.fetched,
            settled=totals.settled,
            outages=totals.outages,
            last_error=link.last_error,
        )

    # -- The hop

    async def _settle(self, deliveries: Sequence[Delivery], word: bytes) -> None:
        await self._say(deliveries, word)
        self._totals.settled += len(deliveries)

    async def _say(self, deliveries: Sequence[Delivery], word: bytes) -> None:
        if deliveries:
            tokens = [delivery.token for delivery in deliveries]
            await self._hand_over(jetstream.settle, self._link, tokens, word, self._seconds_max)

    async def _look(self, subject: str, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self._administer(subject, request)
        except JetStreamRefused as error:
            if error.number not in _NOT_FOUND:
                raise
            return None

    async def _administer(self, subject: str, request: dict[str, Any]) -> dict[str, Any]:
        return await self._hand_over(
            jetstream.administer, self._link, subject, request, self._seconds_max
        )

    async def _hand_over(self, unit: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        try:
            return await self._host.run(unit, *args)
        except Unavailable:
            self._totals.outages += 1
            raise
        except (*OUTAGES, AsyncioCancelled) as error:
            self._totals.outages += 1
            raise Unavailable("nats", str(error) or type(error).__name__) from error
