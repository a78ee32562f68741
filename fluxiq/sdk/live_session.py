"""A live connection without I/O: bytes in, messages out, and bytes to send; and what to do when it
is lost. Both loops (`live`) are these two around a socket.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from fluxiq.sdk import updates
from fluxiq.sdk.answers import REQUEST_ID, Answer, error_of
from fluxiq.sdk.errors import ApiError, Refused, Unavailable
from fluxiq.sdk.exchange import Retries
from fluxiq.sdk.updates import Complaint, EventUpdate, Message, Ready, Refetch, Update

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024  # an event has at most a million
REFUSAL_BYTES_MAX: Final = 64 * 1024

# What the server says before it hangs up, and may not say the next time.
_PASSING: Final = frozenset(
    {"unavailable", "too_many_connections", "rate_limited", "internal_error"}
)
_PONG: Final = '{"type":"pong"}'


class Session:
    """One connection. `target` is path and query, `host` as in the Host header."""

    def __init__(self, host: str, target: str, headers: Mapping[str, str]) -> None:
        self._ws = WSConnection(ConnectionType.CLIENT)
        said = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = Request(host=host, target=target, extra_headers=said)
        self._out = bytearray(self._ws.send(request))
        self._text: list[str] = []
        self._size = 0
        self._refused: RejectConnection | None = None
        self._refusal = bytearray()
        self._complaint: Complaint | None = None

    def take(self) -> bytes:
        """What is to be sent by now."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def heard(self, data: bytes) -> Iterator[Message]:
        """What these bytes complete; b"" says that the other side has hung up. Raises ApiError when
        the connection has ended, after the messages that came before its end.
        """
        try:
            self._ws.receive_data(data or None)
        except RemoteProtocolError as error:
            raise lost(f"not a websocket: {error}") from error
        for event in self._ws.events():
            match event:
                case AcceptConnection():
                    continue
                case TextMessage(data=text):
                    yield from self._read(text, is_whole=event.message_finished)
                case Ping():
                    self._out += self._ws.send(event.response())
                case RejectConnection() | RejectData():
                    self._refuse(event)
                case CloseConnection(code=code, reason=why):
                    self._say_goodbye(event)
                    is_lost = code == CloseReason.ABNORMAL_CLOSURE  # nobody said goodbye
                    how = f"closed with {int(code)}: {why or 'no reason given'}"
                    raise self._ended("the connection was lost" if is_lost else how)
        if not data:
            raise self._ended("the connection was lost before it stood")

    def close(self) -> None:
        """Say goodbye, where there is somebody to say it to."""
        if self._ws.state is ConnectionState.OPEN:
            self._out += self._ws.send(CloseConnection(code=1000))

    def _read(self, text: str, *, is_whole: bool) -> Iterator[Message]:
        self._text.append(text)
        self._size += len(text)
        if self._size > MESSAGE_BYTES_MAX:
            raise lost(f"a message of over {MESSAGE_BYTES_MAX} characters")
        if not is_whole:
            return

        whole, self._text, self._size = "".join(self._text), [], 0
        try:
            message = updates.read(whole)
        except msgspec.DecodeError as error:
            raise lost(f"not a message of the API: {error}") from error
        match message:
            case updates.Ping():
                self._out += self._ws.send(TextMessage(data=_PONG))
            case Complaint():
                self._complaint = message
            case None:
                return
            case _:
                yield message

    def _refuse(self, event: RejectConnection | RejectData) -> None:
        """Refused before it began: an answer of HTTP."""
        if isinstance(event, RejectConnection):
            self._refused = event
            if event.has_body:
                return
        else:
            self._refusal += event.data
            if not event.body_finished and len(self._refusal) < REFUSAL_BYTES_MAX:
                return
        assert self._refused is not None, "a body comes behind its head"
        headers = {
            name.decode("latin-1").title(): value.decode("latin-1")
            for name, value in self._refused.headers
        }
        raise error_of(Answer(self._refused.status_code, _Headers(headers), bytes(self._refusal)))

    def _say_goodbye(self, event: CloseConnection) -> None:
        try:
            self._out += self._ws.send(event.response())
        except LocalProtocolError:
            return  # it answers ours

    def _ended(self, message: str) -> ApiError:
        said = self._complaint
        if said is None:
            return lost(message)
        kind = Unavailable if said.error.code in _PASSING else Refused
        return kind(
            said.error.code,
            said.error.message,
            details=said.error.details,
            request_id=said.meta.request_id,
        )


class Course:
    """Where one is in the events of the merchant, over any number of connections. Without topics:
    events.

    `now` is a monotonic clock in seconds, `draw` gives 0 to 1. Gives up when no connection was to
    be had for `retries.patience_seconds`, or for good reason.
    """

    def __init__(
        self,
        topics: tuple[str, ...],
        since: int | None,
        retries: Retries,
        *,
        now: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self.topics = topics or (updates.PAYMENTS,)
        self.sequence = since
        self._retries = retries
        self._now = now
        self._draw = draw
        self._attempts = 0
        self._lost_at: float | None = None

    @property
    def query(self) -> str:
        """What the next connection asks for."""
        since = f"&since={self.sequence}" if self._is_numbered else ""
        return f"?topics={','.join(self.topics)}{since}"

    def pass_on(self, message: Message) -> Update | None:
        """The message, if it is one for the caller."""
        match message:
            case Ready():
                self._attempts, self._lost_at = 0, None
                if self.sequence is None:
                    self.sequence = message.sequence
                return None
            case EventUpdate():
                self.sequence = message.sequence
                return message
            case Refetch():
                if message.sequence is not None:
                    self.sequence = message.sequence
                return message
            case updates.Ping() | Complaint():
                return None
        return message

    def pause(self, error: ApiError) -> float:
        """How many seconds to wait before another connection. Raises `error` when it is over."""
        if isinstance(error, Refused):
            raise error
        if self._lost_at is None:
            self._lost_at = self._now()

        self._attempts += 1
        error.attempts = self._attempts
        seconds = self._retries.pause(self._attempts, self._draw(), error.retry_after)
        if self._now() + seconds > self._lost_at + self._retries.patience_seconds:
            raise error
        return seconds

    @property
    def _is_numbered(self) -> bool:
        return self.sequence is not None and updates.PAYMENTS in self.topics


def lost(message: str) -> Unavailable:
    """The connection is of no more use; another one may be."""
    return Unavailable("connection_lost", message)


class _Headers(dict[str, str]):
    """Looked up without regard to case, as `Answer` wants it."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.title(), default)


assert REQUEST_ID.title() == REQUEST_ID, "what is looked up is written so"
