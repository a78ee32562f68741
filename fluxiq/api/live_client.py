"""What one live client was told, and what it is owed: no event is missing and none comes twice.

Events are numbered per merchant, without a gap (`ports.event_log`). As long as the next number is
the next event, it is queued. Otherwise something was lost on the way, or the client has gone back
to an earlier number: it is *owed* a span, which whoever writes to it reads from the log. Meanwhile
nothing is queued, only heard of; the last step from the log to the live events is taken without
waiting in between, so no event can fall into the crack.
"""

from collections import deque
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
import trio
from msgspec import Struct


class Ending(Struct, frozen=True):
    """Why a connection is closed, and the code that says so (RFC 6455, 7.4.2)."""

    code: int
    why: str


GOING_AWAY: Final = Ending(1001, "the server stops")
SUSPENDED: Final = Ending(4403, "institution_suspended")
UNAUTHORIZED_CODE: Final = 4401
KEY_OVER: Final = Ending(UNAUTHORIZED_CODE, "unauthorized")


class Span(Struct, frozen=True):
    """Events numbered above `after`, up to and with `until`."""

    after: int
    until: int


class Registry(Protocol):
    """Who knows that a client is there: the hub."""

    def remove(self, client: "LiveClient") -> None: ...


class Refetch(Struct, frozen=True, kw_only=True, tag_field="type", tag="refetch"):
    """Some messages will not come: read the API again. Events up to `since` were told, and what
    comes next is numbered above `sequence`; both are missing where no events are listened to.
    """

    topics: list[str]
    since: int | msgspec.UnsetType = msgspec.UNSET
    sequence: int | msgspec.UnsetType = msgspec.UNSET


class LiveClient:
    """One client's queue. A context manager: leaving it unsubscribes.

    Events are told from `begin` on. `topics` is the hub's to change. `actor` is whose key or
    session it came in by, where that is known.
    """

    def __init__(
        self, hub: Registry, audience: tuple[str, str], queue_size: int, actor: str = ""
    ) -> None:
        self.audience = audience
        self.actor = actor
        self.topics: frozenset[str] = frozenset()
        self.closed = False
        self.ending = GOING_AWAY
        self._hub = hub
        self._queue_size = queue_size
        # Frames, with the number of the event that each tells.
        self._waiting: deque[tuple[str, int | None]] = deque()
        self._something = trio.Event()
        self._nothing = trio.Event()  # that is, all was taken
        # Every event above `_first`, up to and with `_queued`, was queued; up to `_sent` it was
        # also taken. `_head` is the newest that was heard of.
        self._begun = False
        self._first = self._queued = self._sent = self._head = 0
        self._behind = False  # what is above _queued is read from the log
        self._back: Span | None = None  # and so is this, from before it was begun

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hub.remove(self)

    # What happens. Nothing here waits.

    def offer(self, text: str, sequence: int | None = None) -> bool:
        """Queue a frame; True when the queue was full and became one Refetch instead."""
        overflows = len(self._waiting) >= self._queue_size
        if overflows:
            self._waiting.clear()
            text, sequence = self._missed(), None
        self._waiting.append((text, sequence))
        self._something.set()
        return overflows

    def offer_event(self, sequence: int, text: str) -> bool:
        """As `offer`, unless the event was told before, or one before it was not."""
        self._head = max(self._head, sequence)
        if not self._begun or self._behind or sequence <= self._queued:
            return False
        if sequence > self._queued + 1:
            self._fall_behind()
            return False
        self._queued = sequence
        return self.offer(text, sequence)

    def hear_of(self, sequence: int) -> None:
        """An event of this number is on paper."""
        self._head = max(self._head, sequence)
        if self._begun and not self._behind and self._head > self._queued:
            self._fall_behind()

    def begin(self, last: int, since: int | None = None) -> bool:
        """Tell the events above `since`; without it those above `last`, the newest on paper.

        Afterwards it means going back: what was told on this connection is not told again. False
        while the client is already on its way back.
        """
        self._head = max(self._head, last)
        if not self._begun:
            self._begun = True
            self._first = self._queued = self._sent = last if since is None else since
            if self._head > self._queued:
                self._fall_behind()
            return True

        self.hear_of(last)
        if since is not None and since < self._first:
            if self._back is not None:
                return False
            self._back = Span(since, self._first)
            self._first = since
            self._something.set()
        return True

    def stop(self) -> None:
        """Events are not listened to any more."""
        self._begun = self._behind = False
        self._back = None

    async def emptied(self) -> None:
        """Until all that was offered is taken: whoever waits tells no faster than is read."""
        while self._waiting:
            self._nothing = trio.Event()
            await self._nothing.wait()

    def close(self, ending: Ending = GOING_AWAY) -> None:
        self.closed, self.ending = True, ending
        self._something.set()

    # For whoever writes to the client.

    def take(self) -> str | None:
        """The next frame; None when none is queued."""
        if not self._waiting:
            return None
        text, sequence = self._waiting.popleft()
        if sequence is not None:
            self._sent = sequence
        if not self._waiting:
            self._nothing.set()
        return text

    def owed(self) -> Span | None:
        """What has to be read from the log now; None when there is nothing, and events are live."""
        if self._back is not None:
            return self._back
        if self._behind and self._head > self._queued:
            return Span(self._queued, self._head)
        self._behind = False
        return None

    def repaid(self, span: Span, until: int) -> None:
        """The events of an owed span were told, up to and with `until`."""
        assert span.after < until <= span.until, f"{until} is not within {span}"
        if span == self._back:
            self._back = Span(until, span.until) if until < span.until else None
        elif span.after == self._queued:
            self._queued = self._sent = until

    def forgiven(self, span: Span) -> str:
        """The events of an owed span will not be told; the frame that says so."""
        if span == self._back:
            self._back = None
            self._first = span.until
        elif span.after == self._queued:
            self._first = self._queued = self._sent = span.until
        return frame(Refetch(topics=["payments"], since=span.after, sequence=span.until))

    async def wait(self) -> None:
        """Until there is something to take or to read, or the client is closed."""
        while not (self._waiting or self.closed or self._behind or self._back is not None):
            self._something = trio.Event()
            await self._something.wait()

    def _fall_behind(self) -> None:
        self._behind = True
        self._something.set()

    def _missed(self) -> str:
        """What a client is told whose queue was full. Its events go on behind the last one."""
        if not self._begun:
            return frame(Refetch(topics=sorted(self.topics)))
        since, self._first, self._sent = self._sent, self._queued, self._queued
        return frame(Refetch(topics=sorted(self.topics), since=since, sequence=self._queued))


def event_frame(sequence: int, event: bytes) -> str:
    """What a client reads of an event; `event` is its frozen JSON."""
    return f'{{"type":"event","topic":"payments","sequence":{sequence},"event":{event.decode()}}}'


def frame(said: Struct) -> str:
    return _encode(said).decode()


_encode: Final = msgspec.json.Encoder().encode
