"""What happens, as it happens: the websocket of the API as an iterator that comes back by itself.

    with api.live("payments", since=41) as updates:
        for update in updates: ...

A connection that is lost is made anew and goes on behind the last event that was given out: none is
missing and none comes twice, and where some cannot come any more a `Refetch` says so. The server's
pings are answered while somebody iterates; who needs longer than a minute for one update is cut
off, and brought back by the same way.
"""

import random
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream

from fluxiq.sdk.errors import ApiError
from fluxiq.sdk.exchange import Retries
from fluxiq.sdk.live_session import Course, Session, lost
from fluxiq.sdk.request import BASE
from fluxiq.sdk.updates import EventUpdate, Update

# The server pings every 36 s at most: whoever hears nothing for so long is connected to nobody.
HEARD_SECONDS_MAX: Final = 75.0
GOODBYE_SECONDS: Final = 1.0
SEND_SECONDS: Final = 5.0
READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the API is, and how one gets in. `tls` is None for http."""

    host: str
    port: int
    name: str  # as in the Host header
    target: str
    headers: Mapping[str, str]
    timeout_seconds: float
    tls: ssl.SSLContext | None


def place_of(
    base_url: str,
    headers: Mapping[str, str],
    timeout_seconds: float,
    tls: ssl.SSLContext | None,
) -> Place:
    """`tls` None: the system's certificates, where the URL is https."""
    parts = urlsplit(base_url)
    is_secure = parts.scheme == "https"
    assert parts.hostname is not None, "the connection has looked at it"
    return Place(
        host=parts.hostname,
        port=parts.port or (443 if is_secure else 80),
        name=parts.netloc.rpartition("@")[2],
        target=f"{parts.path.rstrip('/')}{BASE}/ws",
        headers=headers,
        timeout_seconds=timeout_seconds,
        tls=(tls or _system_tls()) if is_secure else None,
    )


def _system_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the system's configuration allows
    return context


class _Live:
    """What both have: where they are, what waits to be given out, and how the connection ended."""

    def __init__(
        self,
        place: Place,
        topics: tuple[str, ...],
        retries: Retries,
        *,
        since: int | None = None,
    ) -> None:
        self._place = place
        self._course = Course(topics, since, retries, now=time.monotonic, draw=random.random)
        self._session: Session | None = None
        self._waiting: deque[Update] = deque()
        self._error: ApiError | None = None
        self._closed = False
        self._given = since

    @property
    def sequence(self) -> int | None:
        """The number of the last event that was given out, which another connection says as `since`
        to go on behind it. None before the first.
        """
        return self._given

    def _begin(self) -> Session:
        place = self._place
        self._session = Session(place.name, place.target + self._course.query, place.headers)
        return self._session

    def _hear(self, session: Session, data: bytes) -> None:
        for message in session.heard(data):
            update = self._course.pass_on(message)
            if update is not None:
                self._waiting.append(update)

    def _give(self) -> Update:
        update = self._waiting.popleft()
        if isinstance(update, EventUpdate):
            self._given = update.sequence
        return update

    def _pause(self) -> float:
        """Seconds until the next connection. Raises ApiError where there will be none."""
        error, self._error = self._error, None
        return 0.0 if error is None else self._course.pause(error)

    def _goodbye(self) -> bytes:
        session, self._session = self._session, None
        if session is None:
            return b""
        session.close()
        return session.take()


class Live(_Live):
    """Updates, for programs that wait. Iterate in one thread; `close` may come from another.

    Raises `Refused` when it is not let in, and `Unavailable` when there was no connection for as
    long as `Retries.patience_seconds`; iterating once more goes on where it was.
    """

    def __init__(
        self,
        place: Place,
        topics: tuple[str, ...],
        retries: Retries,
        *,
        since: int | None = None,
    ) -> None:
        super().__init__(place, topics, retries, since=since)
        self._wire: socket.socket | None = None
        self._at_work = threading.Lock()
        self._close_asked = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Update:
        with self._at_work:
            while not self._waiting and not self._closed:
                self._step()
            if self._closed:
                self._hang_up()
                raise StopIteration
            return self._give()

    def close(self) -> None:
        """Hang up: whoever iterates is at the end."""
        self._closed = True
        self._close_asked.set()
        if self._at_work.acquire(blocking=False):
            try:
                self._hang_up()
            finally:
                self._at_work.release()
        elif (wire := self._wire) is not None:
            with suppress(OSError):  # whoever iterates wakes up, and closes it
                wire.shutdown(socket.SHUT_RDWR)

    def _step(self) -> None:
        """Get something to give out, or come nearer to it."""
        self._close_asked.wait(self._pause())
        if self._closed:
            return
        try:
            wire, session = self._connected()
            with _lost_if(OSError):
                wire.sendall(session.take())
                data = wire.recv(READ_BYTES)
            self._hear(session, data)
        except ApiError as error:
            self._error = error
            self._hang_up()

    def _connected(self) -> tuple[socket.socket, Session]:
        if self._wire is not None and self._session is not None:
            return self._wire, self._session
        place = self._place
        with _lost_if(OSError):
            wire = socket.create_connection((place.host, place.port), place.timeout_seconds)
            self._wire = wire  # to be closed, whatever comes of it
            if place.tls is not None:
                wire = self._wire = place.tls.wrap_socket(wire, server_hostname=place.host)
            wire.settimeout(HEARD_SECONDS_MAX)
        return wire, self._begin()

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        goodbye = self._goodbye()
        if wire is None:
            return
        with wire, suppress(OSError):
            wire.settimeout(GOODBYE_SECONDS)
            wire.sendall(goodbye)


class AsyncLive(_Live):
    """The same, to be awaited, on trio or asyncio: `async with`, `async for`. One task iterates."""

    _wire: ByteStream | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        while not self._waiting and not self._closed:
            await self._step()
        if self._closed:
            raise StopAsyncIteration
        return self._give()

    async def close(self) -> None:
        """Hang up: whoever iterates is at the end."""
        self._closed = True
        await self._hang_up()

    async def _step(self) -> None:
        """Get something to give out, or come nearer to it. Cancelled, nothing is lost."""
        await anyio.sleep(self._pause())
        try:
            wire, session = await self._connected()
            await self._send(wire, session.take())
            with _lost_if(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                data = await _receive(wire)
            self._hear(session, data)
        except ApiError as error:
            self._error = error
            await self._hang_up()

    async def _connected(self) -> tuple[ByteStream, Session]:
        if self._wire is not None and self._session is not None:
            return self._wire, self._session
        place = self._place
        with _lost_if(OSError), anyio.fail_after(place.timeout_seconds):
            if place.tls is None:
                self._wire = await anyio.connect_tcp(place.host, place.port)
            else:
                self._wire = await anyio.connect_tcp(
                    place.host,
                    place.port,
                    tls_hostname=place.host,
                    ssl_context=place.tls,
                    tls_standard_compatible=False,
                )
        return self._wire, self._begin()

    async def _send(self, wire: ByteStream, out: bytes) -> None:
        """Whole, or never again: half a frame would be the end of the connection."""
        if not out:
            return
        with (
            _lost_if(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError),
            anyio.CancelScope(shield=True),
            anyio.fail_after(SEND_SECONDS),
        ):
            await wire.send(out)

    async def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        goodbye = self._goodbye()
        if wire is None:
            return
        with anyio.move_on_after(GOODBYE_SECONDS, shield=True):
            with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await wire.send(goodbye)
        await anyio.aclose_forcefully(wire)


async def _receive(wire: ByteStream) -> bytes:
    """b"" where the other side has hung up."""
    try:
        with anyio.fail_after(HEARD_SECONDS_MAX):
            return await wire.receive(READ_BYTES)
    except anyio.EndOfStream:
        return b""


@contextmanager
def _lost_if(*failures: type[Exception]) -> Iterator[None]:
    """TimeoutError is an OSError."""
    try:
        yield
    except failures as failure:
        raise lost(f"{failure or type(failure).__name__}") from failure
