"""JetStream's protocol over a link: publish, pull, settle, administer. The asyncio side.

By hand, because nats-py's pull makes a batch wait for its last message, and needs permissions an
institution does not have. A pull is at most three requests: what is there now; else wait for one;
then what came with it.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import nats.errors
from msgspec import Struct
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from fluxiq.bus.link import OUTAGES, Link, flush
from fluxiq.bus.records import Ack, Delivery, Message
from fluxiq.errors import FluxiqError, Refused, Unavailable

NAK: Final = b"-NAK"
TERM: Final = b"+TERM"
HOLD: Final = b"+WPI"  # work in progress: the ack wait begins anew
ACK: Final = b"+ACK"
MESSAGE_ID: Final = "Nats-Msg-Id"

# Beyond a pull's own waiting time, for its last word to arrive.
PULL_GRACE_SECONDS: Final = 1.0
NANOSECONDS: Final = 1_000_000_000
TOKEN_PARTS_PLAIN: Final = 9

_EMPTY: Final = {"404", "408"}  # no messages, the waiting time is over


class JetStreamRefused(FluxiqError):
    """JetStream understood and said no: `number` is its error code (10059: stream not found)."""

    def __init__(self, number: int, description: str) -> None:
        super().__init__(f"nats: {description} ({number})")
        self.number = number


class PullOrder(Struct, frozen=True):
    """What to fetch, and for how long to wait for its first message."""

    stream: str
    consumer: str
    batch: int
    wait_seconds: float


async def publish_many(
    link: Link, messages: Sequence[Message], seconds_max: float
) -> list[Ack | FluxiqError]:
    """Send all, then wait for all acknowledgements together; one result per message, in order."""
    replies = [await _post(link, message) for message in messages]
    waiting = {reply for reply in replies if isinstance(reply, asyncio.Future)}

    try:
        if waiting:
            await asyncio.wait(waiting, timeout=seconds_max)

        return [
            _result(link, message, reply, seconds_max)
            for message, reply in zip(messages, replies, strict=True)
        ]
    finally:
        for reply in waiting:
            reply.cancel()


async def fetch(link: Link, order: PullOrder, seconds_max: float) -> list[Delivery]:
    """Up to `batch` messages; waits for the first one only, up to `wait_seconds`."""
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{order.stream}.{order.consumer}"
    wait_seconds = order.wait_seconds

    async with contextlib.aclosing(_Pull(link, subject)) as pull:
        await pull.open()
        await pull.ask({"batch": order.batch, "no_wait": True}, seconds_max)

        if not pull.messages and wait_seconds > 0:
            expires = int(wait_seconds * NANOSECONDS)
            await pull.ask({"batch": 1, "expires": expires}, wait_seconds + PULL_GRACE_SECONDS)

            if pull.messages and order.batch > 1:
                # What we have is worth more than an error about the rest.
                with contextlib.suppress(Unavailable):
                    await pull.ask({"batch": order.batch - 1, "no_wait": True}, seconds_max)

        return pull.take()


async def settle(link: Link, tokens: Sequence[str], word: bytes, seconds_max: float) -> None:
    """Say `word` (ACK, NAK, TERM, HOLD) about deliveries; it has taken effect when this returns.

    A consumer takes these words in order, so an answer is asked for the last one only. A flush
    would not do: the server answers it before the consumer has listened.
    """
    client = link.client()
    last_of_consumer = {_consumer_of(token): token for token in tokens}
    last = set(last_of_consumer.values())

    for token in tokens:
        if token not in last:
            await client.publish(token, word)

    for token in last:
        await link.request(token, word, seconds_max)


async def ping(link: Link, seconds_max: float) -> None:
    """Return when the server has answered."""
    await flush(link.client(), seconds_max)


async def administer(
    link: Link, subject: str, request: Mapping[str, Any], seconds_max: float
) -> dict[str, Any]:
    """One call of JetStream's API. Raises JetStreamRefused, Unavailable."""
    answer = await link.request(f"$JS.API.{subject}", msgspec.json.encode(request), seconds_max)
    return _checked(answer.data)


async def _post(link: Link, message: Message) -> "asyncio.Future[Msg | None] | FluxiqError":
    try:
        return await link.post(message.subject, message.body, {MESSAGE_ID: message.message_id})
    except Unavailable as error:
        return error
    except nats.errors.MaxPayloadError:
        return Refused("message_too_large", f"{len(message.body)} bytes for {message.subject}")
    except OUTAGES as error:
        return Unavailable("nats", str(error))


def _result(
    link: Link,
    message: Message,
    reply: "asyncio.Future[Msg | None] | FluxiqError",
    seconds_max: float,
) -> Ack | FluxiqError:
    if isinstance(reply, FluxiqError):
        return reply

    if not reply.done():
        return link.silence(message.subject, seconds_max)

    try:
        answer = _checked(link.checked(reply.result(), message.subject).data)
    except FluxiqError as error:
        return error

    return Ack(answer["seq"], answer.get("duplicate", False))


def _checked(data: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(data)
    error = answer.get("error")

    if error is None:
        return answer

    description = error.get("description", "refused")

    if error.get("code") == 503:  # noqa: PLR2004 - as in HTTP: no leader, no resources
        raise Unavailable("nats", description)

    raise JetStreamRefused(error.get("err_code", 0), description)


class _Pull:
    """The messages of one fetch, on a subscription of its own.

    A delivered message bears its stream's subject, not the inbox it was asked for with: only its
    subscription tells whose it is.
    """

    def __init__(self, link: Link, subject: str) -> None:
        self.messages: list[Msg] = []
        self._link = link
        self._subject = subject
        self._client = link.client()
        self._inbox = link.new_pull_inbox()
        self._subscription: Subscription | None = None
        self._wanted = 0
        self._turn: asyncio.Future[Msg | None] | None = None

    async def open(self) -> None:
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)

    async def ask(self, request: Mapping[str, Any], seconds_max: float) -> None:
        """Ask for more, and wait until all of it has come or the server says that is all."""
        self._wanted = len(self.messages) + request["batch"]
        self._turn = turn = self._link.new_waiter()
        await self._client.publish(self._subject, msgspec.json.encode(request), reply=self._inbox)

        try:
            async with asyncio.timeout(seconds_max):
                last = await turn
        except TimeoutError as error:
            raise self._link.silence(self._subject, seconds_max) from error

        status = self._link.checked(last, self._subject).headers or {}

        if len(self.messages) < self._wanted and status.get("Status") not in _EMPTY:
            raise Unavailable("nats", f"{self._subject}: {status.get('Description', 'ended')}")

    def take(self) -> list[Delivery]:
        taken, self.messages = self.messages, []
        return [_delivery(message) for message in taken]

    async def aclose(self) -> None:
        """Hand back what nobody took, so that it comes again at once and not after its ack wait."""
        with contextlib.suppress(*OUTAGES):
            for message in self.messages:
                await self._client.publish(message.reply, NAK)

            if self._subscription is not None:
                await self._subscription.unsubscribe()

    async def _on_message(self, message: Msg) -> None:
        is_delivery = bool(message.reply)

        if is_delivery:
            self.messages.append(message)

        if not is_delivery or len(self.messages) == self._wanted:
            turn = self._turn

            if turn is not None and not turn.done():
                turn.set_result(message)


def _delivery(message: Msg) -> Delivery:
    sequence, delivered = message.metadata.sequence.stream, message.metadata.num_delivered
    return Delivery(
        subject=message.subject,
        body=message.data,
        sequence=sequence,
        num_delivered=delivered,
        token=message.reply,
        message_id=(message.headers or {}).get(MESSAGE_ID, ""),
    )


def _consumer_of(token: str) -> tuple[str, str]:
    # $JS.ACK.<stream>.<consumer>. and five numbers, or with domain and account before the stream
    parts = token.split(".")
    stream = 2 if len(parts) == TOKEN_PARTS_PLAIN else 4
    return parts[stream], parts[stream + 1]
