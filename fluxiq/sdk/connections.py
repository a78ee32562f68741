"""The two loops around a socket: one that waits, one that awaits. What they decide is `Exchange`'s.

httpx bounds each read and write but not their sum, so a server that dribbles could hold a caller
for ever: both give up `timeout_seconds` after the attempt began.
"""

import random
import re
import time
from contextlib import closing
from importlib.metadata import version
from typing import Final, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx

from fluxiq.sdk.answers import Answer
from fluxiq.sdk.exchange import Again, Done, Exchange, Retries
from fluxiq.sdk.request import BASE, Request

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
TIMEOUT_SECONDS: Final = 30.0

T = TypeVar("T")

_VISIBLE = re.compile(r"[!-~]+")


class _Common:
    """Raises ValueError for a key or URL that cannot be one."""

    def __init__(
        self, api_key: str, base_url: str, timeout_seconds: float, retries: Retries
    ) -> None:
        if _VISIBLE.fullmatch(api_key) is None:
            raise ValueError("an API key is visible ASCII: is there a line break at its end?")
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is not the URL of an API: https://host")

        self.base_url = base_url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self.retries = retries
        self.headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json, */*;q=0.5",
            "User-Agent": f"fluxiq-python/{version('fluxiq')}",
        }

    def begin(self, request: Request[T]) -> Exchange[T]:
        return Exchange(request, self.retries, now=time.monotonic, draw=random.random)

    def wire(self, http: httpx.Client | httpx.AsyncClient, request: Request[T]) -> httpx.Request:
        headers = dict(self.headers)
        if request.idempotency_key is not None:
            headers[IDEMPOTENCY_KEY] = request.idempotency_key
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return http.build_request(
            request.method,
            f"{self.base_url}{BASE}{request.path}",
            params=dict(request.query),
            headers=headers,
            content=request.body,
        )


class Connection(_Common):
    """Calls wait. May be shared by threads."""

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        timeout_seconds: float,
        retries: Retries,
        transport: httpx.BaseTransport | None,
    ) -> None:
        super().__init__(api_key, base_url, timeout_seconds, retries)
        self._http = httpx.Client(timeout=_phases(timeout_seconds), transport=transport)

    def run(self, request: Request[T]) -> T:
        """The result. Raises ApiError."""
        exchange = self.begin(request)
        while True:
            step = self._attempt(exchange, request)
            if isinstance(step, Done):
                return step.value
            time.sleep(step.seconds)

    def close(self) -> None:
        self._http.close()

    def _attempt(self, exchange: Exchange[T], request: Request[T]) -> Done[T] | Again:
        deadline = time.monotonic() + self.timeout_seconds
        try:
            response = self._http.send(self.wire(self._http, request), stream=True)
            with closing(response):
                body = _read(response, deadline)
        except httpx.RequestError as failure:
            return exchange.failed(failure)
        return exchange.answered(Answer(response.status_code, response.headers, body))


class AsyncConnection(_Common):
    """Calls are awaited, on trio or asyncio. May be shared by tasks of one event loop."""

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        timeout_seconds: float,
        retries: Retries,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        super().__init__(api_key, base_url, timeout_seconds, retries)
        self._http = httpx.AsyncClient(timeout=_phases(timeout_seconds), transport=transport)

    async def run(self, request: Request[T]) -> T:
        """The result. Raises ApiError."""
        exchange = self.begin(request)
        while True:
            step = await self._attempt(exchange, request)
            if isinstance(step, Done):
                return step.value
            await anyio.sleep(step.seconds)

    async def close(self) -> None:
        await self._http.aclose()

    async def _attempt(self, exchange: Exchange[T], request: Request[T]) -> Done[T] | Again:
        try:
            with anyio.fail_after(self.timeout_seconds):
                response = await self._http.send(self.wire(self._http, request))
        except httpx.RequestError as failure:
            return exchange.failed(failure)
        except TimeoutError:
            return exchange.failed(_too_late())
        return exchange.answered(Answer(response.status_code, response.headers, response.content))


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Raises httpx.RequestError, also once it is `deadline` (monotonic)."""
    pieces = bytearray()
    for piece in response.iter_bytes():
        pieces += piece
        if time.monotonic() > deadline:
            raise _too_late()
    return bytes(pieces)


def _too_late() -> httpx.ReadTimeout:
    return httpx.ReadTimeout("it did not end in time")


def _phases(seconds: float) -> httpx.Timeout:
    """Without a connection after two thirds of the time, it is certain that nothing was sent."""
    return httpx.Timeout(seconds, pool=seconds / 3, connect=seconds / 3)
