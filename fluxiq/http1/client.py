"""A client for one server: kept-alive connections, at most so many at once, a deadline per call.

Two ways of not getting an answer are told apart, because one of them may have moved money.
"""

import select
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httptools
import trio

from fluxiq.http1.messages import RECEIVE_BYTES, Gathering, Response, write_head

HEADER_BYTES_MAX = 65_536
# Less than servers usually keep an idle connection (ours 60 s): a closed one would lose an answer.
IDLE_SECONDS_MAX = 20.0
CONTINUE_BELOW = 200

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Connector = Callable[[], Awaitable[Stream]]


class NotSent(Exception):
    """The request certainly did not leave."""


class NoAnswer(Exception):
    """The request left, at least in part, and no whole answer came back."""


class HttpClient:
    """Calls to one server. An async context manager, which closes the connections.

    `connect` opens a connection; `host` is the Host header; `connections_max` calls run at once and
    further ones wait, within their own deadline. Bodies above `body_bytes_max` are cut.
    """

    def __init__(
        self,
        connect: Connector,
        host: str,
        *,
        connections_max: int,
        body_bytes_max: int = 1_048_576,
    ) -> None:
        self._connect = connect
        self._host = host
        self._body_bytes_max = body_bytes_max
        self._free = trio.Semaphore(connections_max, max_value=connections_max)
        self._idle: list[_Connection] = []
        self._closed = False
        self._generation = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections now, and those in use when their call ends."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def renew(self) -> None:
        """Send no further request over the connections of now: what they were opened with (a
        certificate) has been replaced. Calls under way end as they would.
        """
        self._generation += 1
        while self._idle:
            self._idle.pop().close()

    async def request(
        self,
        method: str,
        target: str,
        *,
        seconds_max: float,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """One call. Raises NotSent or NoAnswer; the limit covers waiting too."""
        head = {"host": self._host, **(headers or {})}
        if body or method not in {"GET", "HEAD"}:
            head["content-length"] = str(len(body))
        message = write_head(f"{method} {target} HTTP/1.1", head) + body

        left = False
        try:
            with trio.fail_after(seconds_max):
                async with self._connection() as connection:
                    left = True
                    return await connection.call(message, self._body_bytes_max)
        except trio.TooSlowError:
            failed = NoAnswer if left else NotSent
            raise failed(f"nothing within {seconds_max:g} s") from None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["_Connection"]:
        async with self._free:
            generation = self._generation
            connection = await self._take()
            try:
                yield connection
            finally:
                current = generation == self._generation and not self._closed
                if connection.reusable and current:
                    connection.idle_since = trio.current_time()
                    self._idle.append(connection)
                else:
                    connection.close()

    async def _take(self) -> "_Connection":
        """The connection used last, if it still stands; else a new one. Raises NotSent."""
        while self._idle:
            connection = self._idle.pop()
            if connection.stands():
                return connection
            connection.close()

        try:
            return _Connection(await self._connect())
        except (OSError, trio.BrokenResourceError) as error:
            # trio hides why a TLS handshake failed in the cause.
            text = str(error) or str(error.__cause__ or type(error).__name__)
            raise NotSent(text) from None


def tcp_connector(host: str, port: int, tls: ssl.SSLContext | None = None) -> Connector:
    """Opens connections to a server that settings name. TLS is verified against `host`."""

    async def connect() -> Stream:
        stream = await trio.open_tcp_stream(host, port)
        return stream if tls is None else await secure(stream, host, tls)

    return connect


def client_tls(cafile: str | None = None) -> ssl.SSLContext:
    """TLS 1.2 at least, whatever the system's configuration allows; `cafile` None: its authorities.
    Raises OSError for a file that cannot be used.
    """
    context = ssl.create_default_context(cafile=cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def secure(
    stream: trio.SocketStream, host: str, tls: ssl.SSLContext
) -> trio.SSLStream[trio.SocketStream]:
    """TLS over `stream`, its handshake done: a wrong certificate fails before anything is sent."""
    secured = trio.SSLStream(stream, tls, server_hostname=host, https_compatible=True)
    try:
        await secured.do_handshake()
    except BaseException:
        stream.socket.close()
        raise
    return secured


class _Connection:
    """One connection; `reusable` only between whole answers of a server that keeps it open."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._socket = _socket_of(stream)
        self.reusable = False
        self.idle_since = 0.0

    def stands(self) -> bool:
        """Whether an idle connection may carry another request: a server that closed it, or said
        something unasked, has made it readable.
        """
        if trio.current_time() - self.idle_since > IDLE_SECONDS_MAX:
            return False

        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Hang up. Never waits, so that a cancelled caller leaks nothing; TLS's goodbye is not
        needed where every message has its length.
        """
        self._socket.close()

    async def call(self, message: bytes, body_bytes_max: int) -> Response:
        self.reusable = False
        reply = _Reply(body_bytes_max)
        try:
            await self._stream.send_all(message)
            while reply.response is None:
                reply.feed(await self._stream.receive_some(RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if refusal := _certificate_refusal(error):
                raise NotSent(refusal) from None
            raise NoAnswer(f"the connection broke: {error}") from None
        except httptools.HttpParserUpgrade:
            raise NoAnswer("the server switched to another protocol") from None
        except httptools.HttpParserError as error:
            raise NoAnswer(f"the answer is not HTTP: {error}") from None

        self.reusable = reply.keeps_alive
        return reply.response


# Alerts of TLS (RFC 8446, 6.2) about the client's certificate, as OpenSSL calls them.
_CERTIFICATE_ALERTS = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)


def _certificate_refusal(error: BaseException) -> str | None:
    """Why the server refused our certificate, if that is what it said. In TLS 1.3 a client is done
    before the server has checked it, so the refusal comes in answer to the first request: which the
    server has not read, since its own handshake never ended.
    """
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError) and cause.reason in _CERTIFICATE_ALERTS:
        return f"the server refused our certificate: {cause.reason}"
    return None


def _socket_of(stream: Stream) -> trio.socket.SocketType:
    return (
        stream.socket if isinstance(stream, trio.SocketStream) else stream.transport_stream.socket
    )


class _Reply(Gathering):
    """One response as it comes in, interim ones (1xx) skipped."""

    def __init__(self, body_bytes_max: int) -> None:
        super().__init__()
        self.response: Response | None = None
        self.keeps_alive = False
        self._parser = httptools.HttpResponseParser(self)
        self._body_bytes_max = body_bytes_max

    def feed(self, data: bytes | bytearray) -> None:
        """Raises NoAnswer when the connection ended in the middle, and httptools' errors."""
        if not data:
            self._end_of_stream()
            return

        self.arrived(len(data))
        self._parser.feed_data(data)
        if self.response is not None:
            return
        if self.header_is_over(HEADER_BYTES_MAX):
            raise NoAnswer(f"the answer's headers are longer than {HEADER_BYTES_MAX} bytes")
        if self._final and self.body_is_over(self._body_bytes_max):
            self._end(complete=False)

    def on_message_complete(self) -> None:
        final = self._final
        super().on_message_complete()
        if self.response is not None:
            # A second answer to one question: nobody knows what this connection says next.
            self.keeps_alive = False
        elif final:
            self._end()
            self.keeps_alive = self._parser.should_keep_alive()

    @property
    def _final(self) -> bool:
        return self._headers_done and self._parser.get_status_code() >= CONTINUE_BELOW

    def _end(self, *, complete: bool = True) -> None:
        body = b"".join(self.body)
        self.response = Response(
            status=self._parser.get_status_code(),
            headers=self.headers,
            body=body[: self._body_bytes_max],
            complete=complete and len(body) <= self._body_bytes_max,
        )

    def _end_of_stream(self) -> None:
        """Without a length, the end of the connection is the end of the body (RFC 9112, 6.3)."""
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        if framed or not self._final:
            raise NoAnswer("the server closed the connection without a whole answer")
        self._end()
