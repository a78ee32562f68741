"""The connection to NATS, kept for ever, and requests and replies over it. The asyncio side.

nats-py's own reconnecting is not used: it gives up for good on an authorization error (which a
reload of the server's users causes), buffers what it cannot send, and leaves requests waiting for
answers that cannot come. Here every connection is a new client; what waited on the old one learns
of the loss at once.
"""

import asyncio
import contextlib
import itertools
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import nats.errors
import structlog
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from fluxiq.errors import Unavailable

CONNECT_SECONDS_MAX: Final = 3.0
CLOSE_SECONDS_MAX: Final = 2.0
BACKOFF_SECONDS_MIN: Final = 0.05
BACKOFF_SECONDS_MAX: Final = 5.0
# A peer that vanished without a word is noticed after three of these.
PING_SECONDS: Final = 5

OUTAGES: Final = (nats.errors.Error, OSError)

OnMessage: TypeAlias = Callable[[Msg], Awaitable[None]]
# An answer, or None when the connection was lost before it came.
Reply: TypeAlias = "asyncio.Future[Msg | None]"

_log = structlog.get_logger("bus")


class LinkOptions(Struct, frozen=True, kw_only=True):
    """Where and as whom; `url` may name several servers, comma-separated."""

    url: str
    user: str | None
    password: str | None
    inbox_prefix: str
    name: str


class Link:
    """One connection at a time, replaced when lost; subscriptions move to the next one."""

    def __init__(self, options: LinkOptions) -> None:
        self._options = options
        self._inbox = f"{options.inbox_prefix}.{secrets.token_hex(8)}"
        self._numbers = itertools.count(1)
        self._client: Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._changing = asyncio.Lock()  # who follows what
        self._replies: dict[str, Reply] = {}
        self._waiters: set[asyncio.Future[Any]] = set()
        self._followed: dict[OnMessage, str] = {}
        self._subscriptions: dict[OnMessage, Subscription] = {}
        self.connections = 0
        self.last_error = ""

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def start(self) -> None:
        """Begin to connect, and go on for ever; returns after the first attempt.

        Raises what that attempt raised if it was no outage: then there is no second one.
        """
        self._keeper = asyncio.create_task(self._keep(), name=f"bus {self._options.name}")
        tried = asyncio.create_task(self._tried.wait())
        await asyncio.wait({self._keeper, tried}, return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()

        if self._keeper.done():
            self._keeper.result()

    async def stop(self) -> None:
        keeper = self._keeper

        # nats-py swallows a cancellation that meets it in the wrong place, hence the loop.
        while keeper is not None and not keeper.done():
            keeper.cancel()
            await asyncio.wait({keeper}, timeout=CLOSE_SECONDS_MAX)

    def client(self) -> Client:
        """The live client. Raises Unavailable when there is none."""
        if self._client is None or not self._client.is_connected:
            raise Unavailable("nats", f"not connected: {self.last_error or 'no answer yet'}")

        return self._client

    # -- Requests

    def new_pull_inbox(self) -> str:
        """An inbox for a subscription of its own, out of the reach of the one for replies."""
        return f"{self._inbox}.pull.{next(self._numbers)}"

    def new_waiter(self) -> "asyncio.Future[Any]":
        """A future that becomes None when the connection is lost."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)
        return waiter

    async def post(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request, and return the future of its reply. Cancel it when giving up on it."""
        client = self.client()
        inbox = f"{self._inbox}.{next(self._numbers)}"
        reply: Reply = self.new_waiter()
        self._replies[inbox] = reply
        reply.add_done_callback(lambda _: self._replies.pop(inbox, None))

        try:
            await client.publish(
                subject, body, reply=inbox, headers=dict(headers) if headers else None
            )
        except BaseException:
            reply.cancel()
            raise

        return reply

    async def request(self, subject: str, body: bytes, seconds_max: float) -> Msg:
        """Send a request and wait for its reply. Raises Unavailable."""
        reply = await self.post(subject, body)

        try:
            async with asyncio.timeout(seconds_max):
                answer = await reply
        except TimeoutError as error:
            raise self.silence(subject, seconds_max) from error

        return self.checked(answer, subject)

    def checked(self, answer: Msg | None, subject: str) -> Msg:
        """The answer itself. Raises Unavailable for a lost one, and when nobody listens."""
        if answer is None:
            raise Unavailable("nats", f"the connection was lost before {subject} was answered")

        if answer.headers is not None and answer.headers.get("Status") == "503":
            raise Unavailable("nats", f"nobody answers at {subject}")

        return answer

    def silence(self, subject: str, seconds_max: float) -> Unavailable:
        # The server reports a missing permission apart from the request: name it here too.
        hint = f" ({self.last_error})" if self.last_error else ""
        return Unavailable("nats", f"no answer from {subject} in {seconds_max} s{hint}")

    # -- Subscriptions that outlive connections

    async def follow(self, subject: str, on_message: OnMessage) -> None:
        """Subscribe now, or when there is a connection again; and again after each loss."""
        async with self._changing:
            self._followed[on_message] = subject

            if not self.connected:
                return

            # Lost in the middle of this: the next connection takes it along.
            with contextlib.suppress(*OUTAGES):
                client = self.client()
                self._subscriptions[on_message] = await client.subscribe(subject, cb=on_message)
                # The server knows of it when this returns.
                await flush(client, CONNECT_SECONDS_MAX)

    async def unfollow(self, on_message: OnMessage) -> None:
        async with self._changing:
            self._followed.pop(on_message, None)
            subscription = self._subscriptions.pop(on_message, None)

            if subscription is not None:
                with contextlib.suppress(*OUTAGES):
                    await subscription.unsubscribe()

    # -- Keeping the connection

    async def _keep(self) -> None:
        failures = 0

        while True:
            lost = asyncio.Event()
            client = Client()

            try:
                await self._connect(client, lost)
                failures = 0
                await lost.wait()
                _log.warning("bus_lost", name=self._options.name, error=self.last_error)
            except (*OUTAGES, TimeoutError) as error:
                self.last_error = str(error) or type(error).__name__
                if failures == 0:
                    _log.warning("bus_unreachable", name=self._options.name, error=self.last_error)

                failures += 1
            finally:
                await self._disconnect(client)

            self._tried.set()
            longest = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures, 10))
            await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter

    async def _connect(self, client: Client, lost: asyncio.Event) -> None:
        async def on_closed() -> None:
            lost.set()

        async def on_error(error: Exception) -> None:
            self.last_error = str(error) or type(error).__name__

        async with asyncio.timeout(CONNECT_SECONDS_MAX), self._changing:
            await client.connect(
                servers=self._options.url.split(","),
                user=self._options.user,
                password=self._options.password,
                name=self._options.name,
                inbox_prefix=self._options.inbox_prefix,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                ping_interval=PING_SECONDS,
                max_outstanding_pings=2,
                closed_cb=on_closed,
                error_cb=on_error,
            )
            await client.subscribe(f"{self._inbox}.*", cb=self._on_reply)

            for on_message, subject in self._followed.items():
                self._subscriptions[on_message] = await client.subscribe(subject, cb=on_message)

            await flush(client, CONNECT_SECONDS_MAX)
            self._client = client

        self.connections += 1
        self.last_error = ""
        self._tried.set()
        _log.info("bus_connected", name=self._options.name)

    async def _disconnect(self, client: Client) -> None:
        self._client = None
        self._subscriptions.clear()

        for waiter in list(self._waiters):
            if not waiter.done():
                waiter.set_result(None)

        # A client that never connected may fail at closing, and a dead peer must not hold us.
        with contextlib.suppress(*OUTAGES, AssertionError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await client.close()

    async def _on_reply(self, message: Msg) -> None:
        reply = self._replies.get(message.subject)

        if reply is not None and not reply.done():
            reply.set_result(message)


async def flush(client: Client, seconds_max: float) -> None:
    """Return when the server has processed all that was sent to it so far."""
    await client.flush(seconds_max)  # type: ignore[arg-type]  # published as int, divides like any
