"""What a tree tells about itself: one frozen record per thing that happened, in a bounded log."""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TypeAlias

LOG_EVENTS_MAX = 1000
CAUSES_MAX = 10_000


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
    REQUESTED = "requested"  # somebody asked for something: the cause of what follows
    RELEASED = "released"  # a quarantined child was let go by an operator
    SUSPENDED = "suspended"  # it takes no mail, or no turn, until resumed
    RESUMED = "resumed"
    STATE_REPLACED = "state_replaced"  # an operator changed the state of an actor
    SPEC_CHANGED = "spec_changed"  # an operator changed limits of a child spec
    PHASE = "phase"  # a phase of the shutdown began, or ran out of time
    UNKNOWN_MESSAGE = "unknown_message"  # a cast nobody handles
    REDELIVERED = "redelivered"  # messages in hand at a crash, given to the next incarnation
    FENCED = "fenced"  # another process has taken over what the child did: it does no more
    OBSERVER_FAILED = "observer_failed"  # the on_event callback raised


class Event(NamedTuple):
    """One thing that happened to the child at `path`; `at` is trio's clock in seconds.

    `id` counts the tree's events from 1; `cause` is the id of the one that led here, 0 if none.
    """

    kind: EventKind
    path: str
    incarnation: int
    reason: str
    exception: BaseException | None
    at: float
    id: int = 0
    cause: int = 0


OnEvent: TypeAlias = Callable[[Event], None]


class EventLog:
    """The last events, newest last, and the one observer."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self.last = 0  # the id of the newest
        self._on_event = on_event
        self._recent: deque[Event] = deque(maxlen=LOG_EVENTS_MAX)
        self._causes: OrderedDict[int, Event] = OrderedDict()

    def add(self, event: Event, *, is_cause: bool = True) -> None:
        """Log an event; `is_cause` keeps it longer, for whoever asks why."""
        self.last = event.id
        self._recent.append(event)
        if is_cause:
            self._causes[event.id] = event
            if len(self._causes) > CAUSES_MAX:
                self._causes.popitem(last=False)
        if self._on_event is None:
            return

        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 -- an observer must not be able to end the tree
            reason = f"on_event raised for a {event.kind} event"
            self.last += 1
            self._recent.append(
                event._replace(
                    kind=EventKind.OBSERVER_FAILED,
                    reason=reason,
                    exception=error,
                    id=self.last,
                    cause=event.id,
                )
            )

    def recent(self) -> tuple[Event, ...]:
        return tuple(self._recent)

    def chain(self, event: Event) -> tuple[Event, ...]:
        """Return an event and what led to it, newest first, as far as it is remembered."""
        found = [event]
        while (cause := self._causes.get(found[-1].cause)) is not None:
            found.append(cause)
        return tuple(found)
