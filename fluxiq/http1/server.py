"""A small server: one handler for all requests, limits on everything, no routing.

For the programs beside the platform (the provider simulator, a demo merchant). The API has quart.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate

import httptools
import trio
from msgspec import Struct

from fluxiq.errors import StartRefused
from fluxiq.http1.messages import (
    RECEIVE_BYTES,
    Request,
    RequestGathering,
    Response,
    status_line,
    write_head,
)

BACKLOG = 1_024

# None closes the connection without a word: the answer is lost.
Handler = Callable[[Request], Awaitable[Response | None]]


class Limits(Struct, frozen=True, kw_only=True):
    """What one client may take."""

    header_bytes_max: int = 16_384
    body_bytes_max: int = 1_048_576
    idle_seconds_max: float = 60.0  # until a whole request is there
    send_seconds_max: float = 10.0
    connections_max: int = 1_024


async def bind(host: str, port: int, *, name: str) -> list[trio.SocketListener]:
    """Listeners for `serve_http`; port 0 is a free one, see `port_of`.

    Raises StartRefused, naming `name`, when the port cannot be had.
    """
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
    except OSError as error:
        why = error.strerror or str(error)
        raise StartRefused(f"cannot serve {name} on {host}:{port}: {why}") from None


def port_of(listeners: Sequence[trio.SocketListener]) -> int:
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def serve_http(
    handler: Handler, listeners: list[trio.SocketListener], limits: Limits | None = None
) -> None:
    """Serve until cancelled, then close the listeners.

    An exception of the handler is a bug and ends the server: its owner restarts it.
    """
    limits = limits or Limits()
    room = trio.CapacityLimiter(limits.connections_max)

    async def welcome(stream: trio.SocketStream) -> None:
        # Those above the limit are let in and out again, or they would wait in vain.
        try:
            room.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            await trio.aclose_forcefully(stream)
            return
        try:
            await _converse(stream, handler, limits)
        finally:
            room.release_on_behalf_of(stream)
            await trio.aclose_forcefully(stream)

    await trio.serve_listeners(welcome, listeners)


async def _converse(stream: trio.SocketStream, handler: Handler, limits: Limits) -> None:
    """Requests of one connection, in order, until either side has had enough."""
    gathering = RequestGathering()
    try:
        while refusal := await _read(stream, gathering, limits):
            if isinstance(refusal, Response):
                await _send(stream, refusal, limits, keeps_alive=False)
                return

            while gathering.requests:
                request = gathering.requests.popleft()
                response = await handler(request)
                if response is None:
                    return
                await _send(stream, response, limits, keeps_alive=request.keeps_alive)
                if not request.keeps_alive:
                    return
    except (trio.BrokenResourceError, trio.TooSlowError):
        # The client went away, or does not read: nobody is left to be told.
        return


async def _read(
    stream: trio.SocketStream, gathering: RequestGathering, limits: Limits
) -> bool | Response:
    """True once a request is there, False when the client is done, or why it must stop."""
    with trio.move_on_after(limits.idle_seconds_max):
        while not gathering.requests:
            data = await stream.receive_some(RECEIVE_BYTES)
            if not data:
                return False

            gathering.arrived(len(data))
            try:
                gathering.parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                return Response(status=501)
            except httptools.HttpParserError:
                return Response(status=400)
            if gathering.header_is_over(limits.header_bytes_max):
                return Response(status=431)
            if gathering.body_is_over(limits.body_bytes_max):
                return Response(status=413)
    return bool(gathering.requests)


async def _send(
    stream: trio.SocketStream, response: Response, limits: Limits, *, keeps_alive: bool
) -> None:
    head = {
        "date": _date(),
        "content-length": str(len(response.body)),
        **({} if keeps_alive else {"connection": "close"}),
        **dict(response.headers),
    }
    with trio.fail_after(limits.send_seconds_max):
        await stream.send_all(write_head(status_line(response.status), head) + response.body)


_dated: tuple[int, str] = (0, "")


def _date() -> str:
    """RFC 9110 wants a Date; formatting one per second is enough."""
    global _dated  # noqa: PLW0603 - a cache of one
    now = int(time.time())
    if _dated[0] != now:
        _dated = (now, formatdate(now, usegmt=True))
    return _dated[1]
