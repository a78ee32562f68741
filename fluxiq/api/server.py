"""Serves the API: our own socket, hypercorn on trio behind it, and an end that loses no request.

Stopping, in this order: no new connections, websockets told to go, requests in flight finished
(up to `grace_seconds`), and only then cancelled. A cancelled `serve` stops just so.
"""

import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from ssl import SSLContext
from typing import Final

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve
from msgspec import Struct
from quart_trio import QuartTrio

from fluxiq.api.errors import alone
from fluxiq.api.server_tls import ServerTls
from fluxiq.errors import StartRefused
from fluxiq.settings import Http

Address = tuple[str, int]

GRACE_SECONDS: Final = 10.0
BACKLOG: Final = 1024
KEEP_ALIVE_SECONDS: Final = 30.0  # also the time for a request's head
HANDSHAKE_SECONDS: Final = 10.0  # of TLS
MESSAGE_BYTES_MAX: Final = 64 * 1024  # what a websocket client may say at once

SILENT_SECONDS: Final = 20  # then the kernel asks a peer whether it is still there

# A peer that takes nothing for this long is gone. hypercorn's sends are shielded: without this one
# such peer would keep the server from ever stopping.
UNREAD_MILLISECONDS: Final = 10_000

_log = structlog.get_logger("fluxiq.api")


class Named(Struct, frozen=True, kw_only=True):
    """Who serves, in the log and for people; and the settings that say where."""

    event: str
    title: str
    host_variable: str
    port_variable: str


API: Final = Named(
    event="api",
    title="the API",
    host_variable="FLUXIQ_HTTP__HOST",
    port_variable="FLUXIQ_HTTP__PORT",
)


async def serve(
    app: QuartTrio,
    http: Http,
    *,
    named: Named = API,
    on_stopping: Callable[[], None] = lambda: None,
    grace_seconds: float = GRACE_SECONDS,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; `task_status` tells host and port once connections are taken.

    Raises StartRefused when the address cannot be had. `on_stopping` is called when the end begins:
    the place to close the websocket hub.
    """
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(bind(http.host, http.port, named))
            config, secure = _config(grace_seconds), []
            if http.tls.is_on:
                config.tls = ServerTls(http.tls)
                secure_host = http.tls.host or http.host
                secure.append(stack.enter_context(bind(secure_host, http.tls.port, named)))
            sockets = Sockets(secure, [plain], [])
            await _serve(
                app, config, sockets, named, on_stopping=on_stopping, task_status=task_status
            )
    except BaseExceptionGroup as group:
        # Nested once per nursery, hypercorn's and ours; the supervisor wants to see the cause.
        cause = alone(group)
        if cause is group:
            raise
        raise cause from None


def bind(host: str, port: int, named: Named = API) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises StartRefused with one sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit these from the socket they arrive at.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_SECONDS)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENT_SECONDS)
        listener.bind((host, port))
        # Two sockets may be bound to one port; only listening tells who has it.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(host, port, named, error) from error
    return listener


async def _serve(
    app: QuartTrio,
    config: Config,
    sockets: Sockets,
    named: Named,
    *,
    on_stopping: Callable[[], None],
    task_status: trio.TaskStatus[Address],
) -> None:
    """As hypercorn's `serve`, on sockets that stay ours: they are closed however this ends."""
    address = sockets.insecure_sockets[0].getsockname()[:2]
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, stopping, on_stopping)
        with trio.CancelScope(shield=True):
            await worker_serve(
                ASGIWrapper(app),
                config,
                sockets=sockets,
                shutdown_trigger=stopping.wait,
                task_status=_Started(address, named, task_status),
            )
        nursery.cancel_scope.cancel()
    _log.info(f"{named.event}_stopped", port=address[1])


async def _watch(stopping: trio.Event, on_stopping: Callable[[], None]) -> None:
    try:
        await trio.sleep_forever()
    finally:
        stopping.set()
        on_stopping()


class _Started(trio.TaskStatus[list[str]]):
    """Takes hypercorn's word that it serves; our caller hears the address instead."""

    def __init__(
        self, address: Address, named: Named, task_status: trio.TaskStatus[Address]
    ) -> None:
        self._address = address
        self._named = named
        self._task_status = task_status

    def started(self, value: list[str] | None = None) -> None:
        del value
        host, port = self._address
        _log.info(f"{self._named.event}_started", host=host, port=port)
        self._task_status.started(self._address)


class _Config(Config):
    """Of hypercorn, with a context that we have made."""

    tls: ServerTls | None = None

    def create_ssl_context(self) -> SSLContext | None:
        return self.tls


def _config(grace_seconds: float) -> _Config:
    config = _Config()
    config.ssl_handshake_timeout = HANDSHAKE_SECONDS
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.loglevel = "WARNING"
    config.include_server_header = False
    config.graceful_timeout = grace_seconds
    config.shutdown_timeout = grace_seconds
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = 1_000_000
    # Its pings outlive their connection and hold up the end by their interval: sockets.py has its
    # own. Nor is a silent connection a dead one: the kernel asks, and requests have a limit.
    config.websocket_ping_interval = None
    config.read_timeout = None
    config.websocket_max_message_size = MESSAGE_BYTES_MAX
    return config


def _refusal(host: str, port: int, named: Named, error: OSError) -> StartRefused:
    where = f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            why = f"another program listens there; stop it, or set {named.port_variable}"
        case errno.EACCES:
            why = f"ports below 1024 need privileges; set {named.port_variable}"
        case errno.EADDRNOTAVAIL:
            why = f"this machine does not have that address; set {named.host_variable}"
        case _:
            why = os.strerror(error.errno) if error.errno else str(error)
    return StartRefused(f"cannot serve {named.title} on {where}: {why}")
