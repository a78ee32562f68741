"""The plain data of one supervisor: its state, what can happen to it, and what it then wants.

`decide.py` is the only place that makes one of these from another.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import TypeAlias

from supervisors.events import EventKind
from supervisors.spec import DynamicSpec, Spec, SupervisorSpec


class ChildState(StrEnum):
    """A child is always in exactly one of these."""

    STARTING = "starting"  # has a task that is not ready yet, or waits for its turn to get one
    RUNNING = "running"
    STOPPING = "stopping"
    BACKING_OFF = "backing_off"  # `due` says until when
    QUARANTINED = "quarantined"
    DONE = "done"


class Phase(StrEnum):
    """Where the supervisor itself is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"


class ExitKind(StrEnum):
    """How a child's task ended."""

    NORMAL = "normal"
    CRASHED = "crashed"
    IGNORED = "ignored"


class After(Enum):
    """What follows once a child that is being stopped is down."""

    NOTHING = "nothing"  # it stays down
    GROUP = "group"  # it waits for its group's restart
    RETRY = "retry"  # its start ran out of time: a failed start
    START = "start"  # an operator restarts it
    REMOVE = "remove"  # a dynamic child is forgotten


@dataclass(slots=True)
class Exit:
    """The end of one child's task.

    `lingered` is the time (seconds) a failed supervisor needed to stop its children: it does
    not age the restart budget above it, so that slow shutdowns cannot hide a loop. `cause` is
    the id of the event, further down, that led to it.
    """

    kind: ExitKind
    reason: str
    exception: BaseException | None = None
    lingered: float = 0.0
    cause: int = field(default=0, compare=False)


@dataclass(slots=True)
class Child:
    """What a supervisor knows about one child."""

    spec: Spec
    state: ChildState = ChildState.STARTING
    since: float = 0.0
    incarnation: int = 0
    live: bool = False  # a task, or a supervisor below, exists
    wanted: bool = True  # it should run
    queued: bool = False  # to be started when its turn comes
    held: bool = False  # an operator stopped it: group restarts leave it alone
    requested: bool = False  # came by start_child, not with the spec
    ready_once: bool = False
    ready_at: float | None = None
    streak: int = 0  # failures since the last stable run
    due: float | None = None
    after: After = After.NOTHING
    overdue: bool = False  # its stop limit passed and it was cancelled outright
    stuck: bool = False  # it survived that too
    failure: Exit | None = None  # why its start is being given up
    charges: tuple[float, ...] = ()  # its own budget, when it has one
    lingered: float = 0.0
    retry_at: float = 0.0  # of a quarantine
    reason: str = ""  # of a quarantine
    # The last report about it: the cause of what comes next.
    told: "Report | None" = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Group:
    """Children that restart together, in start order, once due and once all of them are down."""

    members: Mapping[str, None]
    due: float
    reason: str
    # The failure that formed it.
    cause: "Report | None" = field(default=None, compare=False, repr=False)
    fired: bool = False


class OutcomeKind(StrEnum):
    """How a supervisor ended."""

    STOPPED = "stopped"
    GAVE_UP = "gave_up"
    START_FAILED = "start_failed"


@dataclass(slots=True)
class Outcome:
    """Why a supervisor ended; `child_id`, `exception` and `cause` name the failure behind it."""

    kind: OutcomeKind
    reason: str
    child_id: str = ""
    exception: BaseException | None = None
    at: float = 0.0
    cause: "Report | int | None" = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class State:
    """One supervisor. `children` is in start order; `key` seeds the jitter."""

    spec: SupervisorSpec | DynamicSpec
    key: str
    children: dict[str, Child] = field(default_factory=dict)
    phase: Phase = Phase.STARTING
    # To be started one after the other; the first may be starting.
    queue: deque[str] = field(default_factory=deque)
    group: Group | None = None
    charges: tuple[float, ...] = ()
    paused: float = 0.0  # seconds of stopping that do not age the budget
    paused_since: float | None = None
    live: int = 0
    outcome: Outcome | None = None
    at_once: bool = False
    closed_phases: frozenset[str] = frozenset()  # of the shutdown: nothing in them starts again
    # While children stop one by one: whom `stop_next` has not passed yet, in start order. Without
    # it, the stop of ten thousand would look at fifty million. None: look at all of them anew.
    to_pass: list[str] | None = field(default=None, compare=False, repr=False)

    def copy(self) -> "State":
        """Return a state of its own, to try something on."""
        return replace(
            self,
            children={child_id: replace(child) for child_id, child in self.children.items()},
            queue=self.queue.copy(),
            group=None if self.group is None else replace(self.group),
            outcome=None if self.outcome is None else replace(self.outcome),
            to_pass=None,
        )


# What can happen. `now` is trio's clock in seconds.


@dataclass(slots=True)
class Boot:
    now: float


@dataclass(slots=True)
class BecameReady:
    now: float
    child_id: str
    incarnation: int


@dataclass(slots=True)
class Exited:
    now: float
    child_id: str
    incarnation: int
    exit: Exit


@dataclass(slots=True)
class StartTimedOut:
    now: float
    child_id: str
    incarnation: int


@dataclass(slots=True)
class StopTimedOut:
    now: float
    child_id: str
    incarnation: int


@dataclass(slots=True)
class RestartDue:
    """The timer of a child, or of the group when `child_id` is None; stale if `due` differs."""

    now: float
    child_id: str | None
    due: float


@dataclass(slots=True)
class AddChild:
    now: float
    spec: Spec
    incarnation: int = 0
    cause: int = 0


@dataclass(slots=True)
class StopChild:
    """`cause` is the id of the event that says who asked."""

    now: float
    child_id: str
    reason: str
    cause: int = 0


@dataclass(slots=True)
class RestartChild:
    now: float
    child_id: str
    reason: str
    cause: int = 0


@dataclass(slots=True)
class Stop:
    now: float
    reason: str
    at_once: bool = False
    cause: int = 0


Input: TypeAlias = (
    Boot
    | BecameReady
    | Exited
    | StartTimedOut
    | StopTimedOut
    | RestartDue
    | AddChild
    | StopChild
    | RestartChild
    | Stop
)


# What the supervisor then wants done.


@dataclass(slots=True)
class StartTask:
    child_id: str
    incarnation: int


@dataclass(slots=True)
class StopTask:
    """Ask a child to stop; report StopTimedOut after `limit` seconds."""

    child_id: str
    incarnation: int
    reason: str
    limit: float


@dataclass(slots=True)
class KillTask:
    """Cancel all of a child, its cleanup too; report StopTimedOut after `limit` seconds."""

    child_id: str
    incarnation: int
    reason: str
    limit: float


@dataclass(slots=True)
class ArmRestart:
    child_id: str | None
    due: float


@dataclass(slots=True)
class Report:
    """`cause` is the report, or the id of the event, that led here. `event` is filled by the
    runtime, which then forgets the cause, so that no chain grows for ever.
    """

    kind: EventKind
    child_id: str
    incarnation: int
    reason: str
    exception: BaseException | None = None
    cause: "Report | int | None" = field(default=None, compare=False, repr=False)
    event: int = field(default=0, compare=False, repr=False)


@dataclass(slots=True)
class SayReady:
    pass


@dataclass(slots=True)
class Finish:
    outcome: Outcome


Effect: TypeAlias = StartTask | StopTask | KillTask | ArmRestart | Report | SayReady | Finish
