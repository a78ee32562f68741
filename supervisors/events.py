"""What a tree tells about itself: one frozen record per thing that happened, in a bounded log."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

LOG_EVENTS_MAX = 1000


class EventKind(StrEnum):
    """The kinds of events, in the words an operator greps for."""

    STARTED = "started"  # a child said it is ready
    START_FAILED = "start_failed"  # it ended, or ran out of time, before that
    CRASHED = "crashed"  # a running or stopping child ended with an error
    EXITED = "exited"  # a running child returned without being asked to
    RESTARTING = "restarting"  # a restart is due; the reason gives the wait
    STOPPED = "stopped"  # a child that was asked to stop did
    OVERDUE = "overdue"  # it did not stop within its limit; now cancelled; stack in the reason
    STUCK = "stuck"  # nor after that: still alive, nothing more can be done from inside
    QUARANTINED = "quarantined"  # its own restart budget is spent
    GAVE_UP = "gave_up"  # a supervisor's restart budget is spent
    DEAD_LETTERS = "dead_letters"  # messages an actor left unhandled when it ended
    DOUBLE_REPLY = "double_reply"  # an actor answered one call twice; the second was dropped
    UNKNOWN_MESSAGE = "unknown_message"  # a cast nobody handles
    OBSERVER_FAILED = "observer_failed"  # the on_event callback raised


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to the child at `path`; `at` is trio's clock in seconds."""

    kind: EventKind
    path: str
    incarnation: int
    reason: str
    exception: BaseException | None
    at: float


OnEvent: TypeAlias = Callable[[Event], None]


class EventLog:
    """The last events, newest last, and the one observer."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self._recent: deque[Event] = deque(maxlen=LOG_EVENTS_MAX)

    def add(self, event: Event) -> None:
        self._recent.append(event)
        if self._on_event is None:
            return

        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 -- an observer must not be able to end the tree
            failed = Event(
                kind=EventKind.OBSERVER_FAILED,
                path=event.path,
                incarnation=event.incarnation,
                reason=f"on_event raised for a {event.kind} event",
                exception=error,
                at=event.at,
            )
            self._recent.append(failed)

    def recent(self) -> tuple[Event, ...]:
        return tuple(self._recent)
