"""The trace of one actor, when somebody asked for it: its last messages and what became of them."""

from collections import deque
from typing import NamedTuple

import trio

from supervisors.caller import Envelope

TRACE_ENTRIES_MAX = 10_000


class TraceEntry(NamedTuple):
    """What became of one message; `at` is trio's clock, `waited` and `took` are seconds.

    `what` is handled, refused, expired, dead_lettered, crashed or replied_late. Of the message
    only its type is kept: it may hold documents and keys.
    """

    at: float
    what: str
    message_type: str
    waited: float
    took: float


class Trace:
    """The last entries, oldest first. A message handled inline leaves the same entry."""

    def __init__(self, size: int) -> None:
        if not 1 <= size <= TRACE_ENTRIES_MAX:
            raise ValueError(f"a trace holds 1 to {TRACE_ENTRIES_MAX} entries, not {size}")
        self._entries: deque[TraceEntry] = deque(maxlen=size)
        self._in_hand_since = 0.0

    def entries(self) -> tuple[TraceEntry, ...]:
        return tuple(self._entries)

    def took_in_hand(self) -> None:
        self._in_hand_since = trio.current_time()

    def add(self, what: str, envelope: Envelope) -> None:
        now = trio.current_time()
        in_hand = what in ("handled", "crashed")
        until = self._in_hand_since if in_hand else now
        sent_at = envelope.sent_at or until  # sent before the trace began
        took = now - self._in_hand_since if in_hand else 0.0
        self._entries.append(
            TraceEntry(now, what, envelope.message_type, max(0.0, until - sent_at), took)
        )

    def note(self, what: str) -> None:
        self._entries.append(TraceEntry(trio.current_time(), what, "", 0.0, 0.0))
