"""Thousands of websocket clients in one thread: they answer pings, and say when an event came.

Written on epoll and RFC 6455 by hand: a client library would take more memory and time than the
server that is measured.
"""

import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

CONNECT_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.05

_PONG_TEXT: Final = b'{"type":"pong"}'
# A client's frames are masked; with zeros the text stays as it is.
_PONG: Final = bytes([0x81, 0x80 | len(_PONG_TEXT)]) + bytes(4) + _PONG_TEXT
_OPCODE, _CLOSE = 0x0F, 0x8
_SHORT = _TWO_BYTES = 126  # a size of as much or more stands in the bytes that follow


class Crowd:
    """Clients of one address under one key. A context manager: leaving it closes them all."""

    def __init__(self, host: str, port: int, api_key: str, path: str) -> None:
        self._where = (host, port)
        self._hello = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {api_key}\r\n\r\n"
        ).encode()
        self._selector = selectors.DefaultSelector()
        self._buffers: dict[int, bytearray] = {}
        self._greeted: set[int] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)
        self.ready = self.refused = self.pings = self.lost = 0
        self.ends: Counter[int] = Counter()  # by the server's close code
        self.heard: list[float] = []  # when each client's event came, on time.monotonic

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket), "only sockets are watched"
            key.fileobj.close()
        self._selector.close()

    def join(self) -> None:
        """One more client. Returns when it is connected; `ready` counts those that were greeted."""
        client = socket.create_connection(self._where, CONNECT_SECONDS_MAX)
        client.sendall(self._hello)
        client.setblocking(False)
        self._buffers[client.fileno()] = bytearray()
        self._selector.register(client, selectors.EVENT_READ)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(LOOK_SECONDS):
                assert isinstance(key.fileobj, socket.socket), "only sockets are watched"
                self._read(key.fileobj)

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._lose(client)
            return

        buffer = self._buffers[client.fileno()]
        buffer += data
        if buffer.startswith(b"HTTP/"):
            head, found, _ = bytes(buffer).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._lose(client)
                return
            del buffer[: len(head) + 4]
        for opcode, text in _frames(buffer):
            self._hear(client, opcode, text)

    def _hear(self, client: socket.socket, opcode: int, text: bytes) -> None:
        if opcode == _CLOSE:
            self.ends[int.from_bytes(text[:2], "big")] += 1
        elif text.startswith(b'{"type":"event"'):
            self.heard.append(time.monotonic())
        elif text.startswith(b'{"type":"ping"'):
            self.pings += 1
            with suppress(ConnectionError):  # the next read notices
                client.sendall(_PONG)
        elif text.startswith(b'{"type":"ready"'):
            self.ready += 1
            self._greeted.add(client.fileno())

    def _lose(self, client: socket.socket) -> None:
        self.lost += 1
        self.refused += client.fileno() not in self._greeted
        self._greeted.discard(client.fileno())
        self._selector.unregister(client)
        client.close()


def _frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole frames out of the buffer: a server's are not masked (RFC 6455, 5.2)."""
    while len(buffer) >= 2:  # noqa: PLR2004 - the shortest head
        size, start = buffer[1], 2
        if size >= _SHORT:
            start = 4 if size == _TWO_BYTES else 10
            if len(buffer) < start:
                return
            size = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + size:
            return
        yield buffer[0] & _OPCODE, bytes(buffer[start : start + size])
        del buffer[: start + size]
