"""Posts signed events to merchants: no redirects, no proxies, no private addresses, a deadline."""

import math
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Self

import trio
from msgspec import Struct
from msgspec.structs import replace

from fluxiq.couriers.addresses import Forbidden, resolve
from fluxiq.domain import standard_webhooks
from fluxiq.domain.records import Delivery, WebhookEndpoint
from fluxiq.domain.webhook import secrets_of
from fluxiq.domain.webhook_url import Place, parse_webhook_url
from fluxiq.errors import Refused
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, Stream, client_tls, secure
from fluxiq.ports.webhooks import RESPONSE_BYTES_MAX
from fluxiq.settings import Webhooks

# What a merchant answers is not read for content, so little of it is read.
ANSWER_BYTES_MAX = 4_096
ORIGINS_MAX = 16
RETRY_AFTER_SECONDS_MAX = 86_400.0


class DeliveryResult(Struct, frozen=True, kw_only=True):
    """How an attempt ended: `status` None when there was no answer, and then `error` says why.

    `retry_after` is what the receiver asked for, in seconds from now; `response` the first 1,000
    bytes of its answer, as text.
    """

    status: int | None
    error: str = ""
    retry_after: float | None = None
    milliseconds: int = 0
    response: str = ""

    @property
    def delivered(self) -> bool:
        """A redirect is none: the merchant should give us the new address itself."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


class WebhookSender:
    """Keeps connections to the endpoints it posts to, at most `concurrency` each."""

    def __init__(self, settings: Webhooks) -> None:
        self._settings = settings
        self._clients: dict[tuple[bool, str], HttpClient] = {}
        self._tls: ssl.SSLContext | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Webhooks) -> AsyncIterator[Self]:
        sender = cls(settings)
        try:
            yield sender
        finally:
            for client in sender._clients.values():
                client.close()

    async def deliver(
        self, endpoint: WebhookEndpoint, delivery: Delivery, now: datetime
    ) -> DeliveryResult:
        """One attempt, signed as of `now`. Every failure is a result, none is raised."""
        started = trio.current_time()
        timestamp = int(now.timestamp())
        try:
            place = parse_webhook_url(endpoint.url, allow_http=self._settings.allow_http)
            signature = standard_webhooks.sign_with_all(
                secrets_of(endpoint, now), delivery.event_id, timestamp, delivery.body
            )
            response = await self._client(place).request(
                "POST",
                place.target,
                headers={
                    "content-type": "application/json",
                    "user-agent": "FluxiQ",
                    standard_webhooks.HEADER_ID: delivery.event_id,
                    standard_webhooks.HEADER_TIMESTAMP: str(timestamp),
                    standard_webhooks.HEADER_SIGNATURE: signature,
                },
                body=delivery.body,
                seconds_max=self._settings.deliver_seconds_max,
            )
        except (NotSent, NoAnswer, Refused) as failure:
            return DeliveryResult(
                status=None, error=_storable(str(failure)), milliseconds=_milliseconds(started)
            )

        result = DeliveryResult(
            status=response.status,
            retry_after=_retry_after(dict(response.headers).get("retry-after"), now),
            milliseconds=_milliseconds(started),
            response=_storable(response.body[:RESPONSE_BYTES_MAX].decode(errors="replace")),
        )
        if result.delivered:
            return result
        return replace(result, error=f"answered {response.status}")

    def _client(self, place: Place) -> HttpClient:
        """The client of an origin; the one not used for longest makes room for a new one."""
        origin = (place.is_secure, place.host_header)
        client = self._clients.pop(origin, None)
        if client is None:
            if len(self._clients) >= ORIGINS_MAX:
                self._clients.pop(next(iter(self._clients))).close()
            client = HttpClient(
                partial(self._connect, place),
                place.host_header,
                connections_max=self._settings.concurrency,
                body_bytes_max=ANSWER_BYTES_MAX,
            )
        self._clients[origin] = client
        return client

    async def _connect(self, place: Place) -> Stream:
        """Raises NotSent: to the client, a forbidden address is one that cannot be reached."""
        allowed = self._settings.allow_loopback
        try:
            addresses = await resolve(place.host, place.port, allow_loopback=allowed)
        except Forbidden as forbidden:
            raise NotSent(str(forbidden)) from None

        stream = await _first_to_answer(addresses, place.port)
        if not place.is_secure:
            return stream
        # Reading the system's certificates takes milliseconds: once, and only where needed.
        self._tls = self._tls or client_tls()
        return await secure(stream, place.host, self._tls)


async def _first_to_answer(addresses: list[str], port: int) -> trio.SocketStream:
    """A connection to the first address that takes one. Raises OSError when none does."""
    refused: OSError | None = None
    for address in addresses:
        try:
            return await trio.open_tcp_stream(address, port)
        except OSError as error:
            refused = error
    raise refused or OSError("the name has no address")


def _milliseconds(started: float) -> int:
    return round((trio.current_time() - started) * 1000)


def _storable(text: str) -> str:
    """PostgreSQL stores no U+0000."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds, from a number of seconds or a date (RFC 9110, 10.2.3); None when it is neither."""
    if text is None:
        return None

    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (at - now).total_seconds()
    assert math.isfinite(seconds), "neither nine digits nor a date are infinite"
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)
