"""A small HTTPS server on loopback, which tells its handler who the client proved to be."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

import trio

from fluxiq.http1 import Request, Response
from fluxiq.http1.messages import RECEIVE_BYTES, RequestGathering, status_line, write_head

Handler = Callable[[Request, str], Awaitable[Response | None]]

_numbers = count(1)


async def serve_tls(
    context: ssl.SSLContext,
    handler: Handler,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until cancelled; starts with its port. A handler gets the request and `NAME over NUMBER`: the
    common name of the client's certificate and the number of the connection. None hangs up.
    """

    async def welcome(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        try:
            await secured.do_handshake()
            await _converse(secured, handler)
        except trio.BrokenResourceError:
            # Refused, or gone. trio leaves OpenSSL's alert unsent; every other server sends it.
            await _part(stream, secured._outgoing.read())
        finally:
            await trio.aclose_forcefully(stream)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    task_status.started(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(welcome, listeners)


async def _part(stream: trio.SocketStream, alert: bytes) -> None:
    """Say why, and wait for the client to leave: closing on unread bytes would take it back."""
    with suppress(trio.BrokenResourceError), trio.move_on_after(1):
        await stream.send_all(alert)
        await stream.send_eof()
        while await stream.receive_some(RECEIVE_BYTES):
            pass


async def _converse(stream: trio.SSLStream[trio.SocketStream], handler: Handler) -> None:
    subject = dict(pair for (pair,) in stream.getpeercert()["subject"])
    peer = f"{subject['commonName']} over {next(_numbers)}"
    gathering = RequestGathering()
    while data := await stream.receive_some(RECEIVE_BYTES):
        gathering.parser.feed_data(data)
        while gathering.requests:
            response = await handler(gathering.requests.popleft(), peer)
            if response is None:
                return
            head = {"content-length": str(len(response.body))}
            await stream.send_all(write_head(status_line(response.status), head) + response.body)
