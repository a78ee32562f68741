"""Requests and responses as records, and llhttp's callbacks that gather them."""

from collections import deque
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from urllib.parse import unquote

import httptools
from msgspec import Struct

RECEIVE_BYTES = 65_536
JSON = (("content-type", "application/json"),)

Headers = tuple[tuple[str, str], ...]


class Request(Struct, frozen=True, kw_only=True):
    """What a client asked. Names of headers are in lower case; of repeated ones the last counts."""

    method: str
    target: str  # as sent: path and query
    headers: Mapping[str, str]
    body: bytes
    keeps_alive: bool

    @property
    def path(self) -> str:
        """The path alone, percent-decoded."""
        return unquote(self.target.partition("?")[0])


class Response(Struct, frozen=True, kw_only=True):
    """What a server answered. `complete` is False when the body was longer than the reader takes:
    then `body` is its beginning.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | Headers = ()
    complete: bool = True


class Gathering:
    """Callbacks of llhttp for one connection: gathers messages as their bytes come in."""

    def __init__(self) -> None:
        self.body_bytes = 0
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self._headers_done = False
        self._target = b""
        self._wire_bytes = 0  # since the last whole message

    def arrived(self, count: int) -> None:
        """`count` bytes are about to be parsed. llhttp holds half a header back without a limit,
        and chunks may be all framing: so what came over the wire is counted too.
        """
        self._wire_bytes += count

    def header_is_over(self, bytes_max: int) -> bool:
        return not self._headers_done and self._wire_bytes > bytes_max

    def body_is_over(self, bytes_max: int) -> bool:
        framing_max = RECEIVE_BYTES + 4 * bytes_max
        return self.body_bytes > bytes_max or self._wire_bytes > bytes_max + framing_max

    def on_message_begin(self) -> None:
        self._target = b""
        self.headers = {}
        self.body = []
        self.body_bytes = 0
        self._headers_done = False

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headers_done = True

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        self.body.append(body)

    def on_message_complete(self) -> None:
        self._wire_bytes = 0
        self._headers_done = False


class RequestGathering(Gathering):
    """Of a server: requests may be pipelined, so several can be waiting in `requests`."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: deque[Request] = deque()
        self.parser = httptools.HttpRequestParser(self)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.requests.append(
            Request(
                method=self.parser.get_method().decode(),
                target=self._target.decode("latin-1"),
                headers=self.headers,
                body=b"".join(self.body),
                keeps_alive=self.parser.should_keep_alive(),
            )
        )


def write_head(first_line: str, headers: Mapping[str, str] | Headers) -> bytes:
    """The head of a message. A header that would smuggle a line is a bug of the caller."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [first_line, *(f"{name}: {value}" for name, value in pairs)]
    text = "\r\n".join(lines)
    assert text.count("\n") == len(lines) - 1, "a line break inside a header"
    assert text.count("\r") == len(lines) - 1, "a line break inside a header"
    return f"{text}\r\n\r\n".encode("latin-1")


@cache
def status_line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}"
