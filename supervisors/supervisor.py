"""The thin shell around `decide`: carries effects out, posts what came of them.

All supervisors of a tree are plain data driven by one task; every worker is a task of its own in
one nursery that nobody outside can cancel. So a stop always goes through `decide`, in order.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import trio

from supervisors.decide import decide, initial, refusal
from supervisors.errors import (
    BudgetSpent,
    ChildRefused,
    InvalidSpec,
    NameTaken,
    NoChild,
    StartFailed,
    SupervisionError,
    describe,
)
from supervisors.events import Event, EventKind, EventLog
from supervisors.slot import History, Slot
from supervisors.spec import ChildSpec, DynamicSpec, Spec, SupervisorSpec, validate
from supervisors.state import (
    AddChild,
    ArmRestart,
    BecameReady,
    Boot,
    Child,
    ChildState,
    Effect,
    Exit,
    Exited,
    ExitKind,
    Finish,
    Input,
    KillTask,
    Outcome,
    OutcomeKind,
    Phase,
    Report,
    RestartDue,
    SayReady,
    StartTask,
    StartTimedOut,
    State,
    Stop,
    StopChild,
    StopTask,
    StopTimedOut,
)
from supervisors.timers import Timers

if TYPE_CHECKING:
    from supervisors.context import Context
    from supervisors.tree import Tree

# Children get the processor back after this many decisions.
DECISIONS_PER_TURN_MAX = 100

_DOWN = (ChildState.BACKING_OFF, ChildState.DONE, ChildState.QUARANTINED)
_EXITS = (
    EventKind.CRASHED,
    EventKind.EXITED,
    EventKind.GAVE_UP,
    EventKind.START_FAILED,
    EventKind.STOPPED,
)


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody who waits for a child to be up (a newer incarnation) or down."""

    child_id: str
    wants: Literal["up", "down"]
    done: trio.Event = field(default_factory=trio.Event)
    incarnation: int = 0
    value: object = None
    error: SupervisionError | None = None

    async def wait(self) -> object:
        await self.done.wait()
        if self.error is not None:
            raise self.error
        return self.value

    def settle(self, value: object = None, error: SupervisionError | None = None) -> None:
        self.value, self.error = value, error
        self.done.set()


@dataclass(slots=True, eq=False)
class Branch:
    """One incarnation of one supervisor."""

    path: str
    state: State
    history: History
    parent: "Branch | None"
    slot: Slot | None  # its own, in the parent
    since: float  # of its phase
    slots: dict[str, Slot] = field(default_factory=dict)
    branches: "dict[str, Branch]" = field(default_factory=dict)
    waiters: list[Waiter] = field(default_factory=list)

    @property
    def incarnation(self) -> int:
        return 1 if self.slot is None else self.slot.incarnation

    def child_path(self, child_id: str) -> str:
        return f"{self.path}/{child_id}" if child_id else self.path


class Runtime:
    """Drives the supervisors of one tree."""

    def __init__(
        self, tree: "Tree", spec: SupervisorSpec | DynamicSpec, seed: int, log: EventLog
    ) -> None:
        self.tree = tree
        self.revision = 0
        self.root_ready = trio.Event()
        self.finished = trio.Event()
        self.outcome: Outcome | None = None
        self.interrupted: BaseException | None = None
        self._seed = seed
        self._log = log
        self._timers = Timers()
        self._inbox: deque[tuple[Branch, Input, Waiter | None]] = deque()
        self._sleeper: trio.lowlevel.Task | None = None
        self._nap = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self.root = self._make_branch(spec, spec.id, History(incarnation=1), None, None)

    async def run(self) -> None:
        """Bring the tree up, drive it, and return when the last child is gone."""
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as self._nursery:
                    self.post(self.root, Boot(trio.current_time()))
                    await self._drive()
        finally:
            self.finished.set()

    def post(self, branch: Branch, event: Input, waiter: Waiter | None = None) -> None:
        """Hand an event to a supervisor; never waits."""
        if self.finished.is_set():
            self._step(branch, event, waiter)  # nothing starts any more: only waiters are told
            return

        self._inbox.append((branch, event, waiter))
        if self._sleeper is not None:
            trio.lowlevel.reschedule(self._sleeper)
            self._sleeper = None

    def find_branch(self, path: str) -> Branch | None:
        """Return the supervisor at `path` if it runs now."""
        first, *rest = path.split("/")
        branch: Branch | None = self.root if first == self.root.path else None
        for child_id in rest:
            branch = None if branch is None else branch.branches.get(child_id)
        return branch

    # What slots ask for

    def became_ready(self, slot: Slot) -> None:
        if slot.withdraw_start_limit is not None:
            slot.withdraw_start_limit()
        branch = self.find_branch(slot.path.rpartition("/")[0])
        child_id = slot.spec.id
        if branch is not None and branch.slots.get(child_id) is slot:
            self.post(branch, BecameReady(trio.current_time(), child_id, slot.incarnation))

    def changed(self) -> None:
        self.revision += 1

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]:
        withdraw = self._timers.add(when, action)
        self._nap.deadline = min(self._nap.deadline, when)
        return withdraw

    def interrupt(self, error: BaseException) -> None:
        """Stop because of a KeyboardInterrupt or SystemExit in a child; open_tree raises it."""
        self.interrupted = error
        self.tree.stop(describe(error))

    def tell(
        self,
        kind: EventKind,
        path: str,
        incarnation: int,
        reason: str,
        exception: BaseException | None = None,
    ) -> None:
        self.revision += 1
        event = Event(
            kind=kind,
            path=path,
            incarnation=incarnation,
            reason=reason,
            exception=exception,
            at=trio.current_time(),
        )
        self._log.add(event)

    # The loop: no line of it waits for anybody's code

    async def _drive(self) -> None:
        while self.outcome is None:
            self._timers.fire(trio.current_time())
            for _ in range(min(len(self._inbox), DECISIONS_PER_TURN_MAX)):
                self._step(*self._inbox.popleft())
            if self._inbox:
                await trio.lowlevel.checkpoint()
            elif self.outcome is None:
                await self._sleep()
        while self._inbox:
            self._step(*self._inbox.popleft())

    async def _sleep(self) -> None:
        def abort(_raise_cancel: Any) -> trio.lowlevel.Abort:
            self._sleeper = None
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.CancelScope(deadline=self._timers.next_due()) as self._nap:
            self._sleeper = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)

    def _step(self, branch: Branch, event: Input, waiter: Waiter | None) -> None:
        if waiter is not None and not self._admit(branch, event, waiter):
            return

        before = branch.state
        branch.state, effects = decide(before, event)
        self.revision += 1
        if branch.state.phase is not before.phase:
            branch.since = event.now
        for effect in effects:
            self._carry_out(branch, effect)
        self._settle(branch)
        if isinstance(event, Exited | StopChild):
            self._forget(branch, event.child_id)

    def _admit(self, branch: Branch, event: Input, waiter: Waiter) -> bool:
        """Take note of a waiter, or tell it at once why not."""
        path = branch.child_path(waiter.child_id)
        child = branch.state.children.get(waiter.child_id)
        if branch.state.phase is Phase.DONE:
            waiter.settle(error=NoChild(path, "its supervisor has ended"))
            return False
        if isinstance(event, AddChild):
            problem = refusal(branch.state, waiter.child_id)
            if problem is not None:
                waiter.settle(error=ChildRefused(path, problem))
                return False
        elif child is None:
            waiter.settle(error=NoChild(path))
            return False

        waiter.incarnation = 0 if child is None else child.incarnation
        branch.waiters.append(waiter)
        return True

    def _carry_out(self, branch: Branch, effect: Effect) -> None:
        match effect:
            case StartTask():
                self._start(branch, effect)
            case StopTask() | KillTask():
                self._stop(branch, effect)
            case ArmRestart():
                due = effect.due
                self.call_at(due, partial(self._restart_due, branch, effect.child_id, due))
            case Report():
                self._report(branch, effect)
            case SayReady():
                self._say_ready(branch)
            case Finish():
                self._finish(branch, effect.outcome)

    # Starting

    def _start(self, branch: Branch, effect: StartTask) -> None:
        child_id, incarnation = effect.child_id, effect.incarnation
        spec, path = branch.state.children[child_id].spec, branch.child_path(child_id)
        history = branch.history.of(child_id)
        history.incarnation = incarnation
        slot = branch.slots[child_id] = Slot(self, spec, path, history)

        try:
            self.tree.registry.claim(slot.name, path)
        except NameTaken as taken:
            self._ended(branch, slot, Exit(ExitKind.CRASHED, describe(taken), taken))
            return

        if spec.start_timeout != float("inf"):
            due = trio.current_time() + spec.start_timeout
            post = partial(self._limit_passed, branch, StartTimedOut, slot)
            slot.withdraw_start_limit = self.call_at(due, post)
        if isinstance(spec, ChildSpec):
            assert self._nursery is not None
            self._nursery.start_soon(self._run_child, branch, slot, name=path)
        else:
            below = self._make_branch(spec, path, history, branch, slot)
            branch.branches[child_id] = below
            self.post(below, Boot(trio.current_time()))

    async def _run_child(self, branch: Branch, slot: Slot) -> None:
        end = await slot.run()
        self._ended(branch, slot, end)

    def _ended(self, branch: Branch, slot: Slot, end: Exit) -> None:
        slot.end = end
        self.tree.registry.release(slot.name, slot.path)
        for withdraw in (slot.withdraw_start_limit, slot.withdraw_stop_limit):
            if withdraw is not None:
                withdraw()
        self.post(branch, Exited(trio.current_time(), slot.spec.id, slot.incarnation, end))

    def _make_branch(
        self,
        spec: SupervisorSpec | DynamicSpec,
        path: str,
        history: History,
        parent: Branch | None,
        slot: Slot | None,
    ) -> Branch:
        children = [
            Child(child, incarnation=history.of(child.id).incarnation)
            for child in self._children_of(spec, path, history)
        ]
        state = initial(spec, f"{self._seed}/{path}", children, trio.current_time())
        return Branch(path, state, history, parent, slot, trio.current_time())

    def _children_of(
        self, spec: SupervisorSpec | DynamicSpec, path: str, history: History
    ) -> list[Spec]:
        if isinstance(spec, SupervisorSpec):
            return list(spec.children)

        # Children that came by start_child come back with their restarted supervisor.
        keys = list(history.children) if history.incarnation > 1 else list(spec.keys)
        return [self._from_template_or_failing(spec, path, key) for key in keys]

    def _from_template_or_failing(self, spec: DynamicSpec, path: str, key: str) -> Spec:
        """Let a key whose template raises fail its own start, like any other child."""
        try:
            return from_template(spec, path, key)
        except Exception as error:  # noqa: BLE001 -- it is raised again, by the child's start
            return ChildSpec(id=key, start=partial(_raise, error))

    def _say_ready(self, branch: Branch) -> None:
        if branch.slot is None:
            self.root_ready.set()
        else:
            branch.slot.ready(None)

    # Stopping

    def _stop(self, branch: Branch, effect: StopTask | KillTask) -> None:
        slot = branch.slots[effect.child_id]
        below = branch.branches.get(effect.child_id)
        at_once = isinstance(effect, KillTask)
        if below is not None:
            self.post(below, Stop(trio.current_time(), effect.reason, at_once))
        elif at_once:
            slot.kill(effect.reason)
        else:
            slot.ask_to_stop(effect.reason)

        if slot.withdraw_stop_limit is not None:
            slot.withdraw_stop_limit()
        if effect.limit != float("inf"):
            due = trio.current_time() + effect.limit
            post = partial(self._limit_passed, branch, StopTimedOut, slot)
            slot.withdraw_stop_limit = self.call_at(due, post)

    def _finish(self, branch: Branch, outcome: Outcome) -> None:
        if branch.parent is None:
            self.outcome = outcome
            return

        assert branch.slot is not None
        del branch.parent.branches[branch.slot.spec.id]
        self._ended(branch.parent, branch.slot, exit_of(branch, outcome, trio.current_time()))

    def _limit_passed(
        self, branch: Branch, event: type[StartTimedOut] | type[StopTimedOut], slot: Slot
    ) -> None:
        self.post(branch, event(trio.current_time(), slot.spec.id, slot.incarnation))

    def _restart_due(self, branch: Branch, child_id: str | None, due: float) -> None:
        self.post(branch, RestartDue(trio.current_time(), child_id, due))

    # Telling

    def _report(self, branch: Branch, effect: Report) -> None:
        incarnation = effect.incarnation if effect.child_id else branch.incarnation
        reason = effect.reason
        if effect.kind in (EventKind.OVERDUE, EventKind.STUCK):
            reason = "\n  ".join([reason, *self._stacks(branch, effect.child_id)])
        if effect.kind in _EXITS:
            history = branch.history.of(effect.child_id) if effect.child_id else branch.history
            history.last_exit = f"{effect.kind}: {effect.reason}"
        path = branch.child_path(effect.child_id)
        self.tell(effect.kind, path, incarnation, reason, effect.exception)

    def _stacks(self, branch: Branch, child_id: str) -> list[str]:
        below = branch.branches.get(child_id)
        if below is None:
            return branch.slots[child_id].stack()
        live = [name for name, child in below.state.children.items() if child.live]
        return [line for name in live for line in self._stacks(below, name)]

    def _settle(self, branch: Branch) -> None:
        for waiter in list(branch.waiters):
            if waiter.wants == "up":
                self._settle_up(branch, waiter)
            else:
                child = branch.state.children.get(waiter.child_id)
                if child is None or (not child.live and child.state in _DOWN):
                    waiter.settle()
            if waiter.done.is_set():
                branch.waiters.remove(waiter)

    def _settle_up(self, branch: Branch, waiter: Waiter) -> None:
        child = branch.state.children.get(waiter.child_id)
        slot = branch.slots.get(waiter.child_id)
        newer = child is not None and child.incarnation > waiter.incarnation
        if child is not None and slot is not None and newer and child.state is ChildState.RUNNING:
            waiter.settle(slot.value)
            return

        ended = child is None or child.state in (_DOWN if newer else _DOWN[1:])
        if not ended and branch.state.phase in (Phase.STARTING, Phase.RUNNING):
            return

        end = None if slot is None else slot.end
        if end is not None and end.kind is ExitKind.IGNORED:
            waiter.settle()
        elif end is not None and isinstance(end.exception, StartFailed):
            waiter.settle(error=end.exception)
        else:
            reason = "it was stopped" if end is None else end.reason
            path = branch.child_path(waiter.child_id)
            cause = None if end is None else end.exception
            waiter.settle(error=StartFailed(path, reason, cause))

    def _forget(self, branch: Branch, child_id: str) -> None:
        """Drop what is known of a dynamic child that was removed."""
        if child_id not in branch.state.children:
            slot = branch.slots.pop(child_id, None)
            branch.history.children.pop(child_id, None)
            if slot is not None:
                self.tree.registry.forget(slot.name, slot.path)


def from_template(spec: DynamicSpec, path: str, key: str) -> Spec:
    """Make and check the spec for a key. Raises InvalidSpec, or what the template raises."""
    made = spec.template(key)
    place = f"{path}/{key}"
    validate(made, place)
    if made.id != key:
        raise InvalidSpec(place, "id", f"{made.id!r} is not the key its template was given")
    return made


def exit_of(branch: Branch, outcome: Outcome, now: float) -> Exit:
    """Say to the supervisor above how this one ended."""
    cause = outcome.exception
    error: SupervisionError
    match outcome.kind:
        case OutcomeKind.STOPPED:
            return Exit(ExitKind.NORMAL, outcome.reason)
        case OutcomeKind.START_FAILED if isinstance(cause, StartFailed):
            error = cause
        case OutcomeKind.START_FAILED:
            error = StartFailed(branch.child_path(outcome.child_id), outcome.reason, cause)
        case OutcomeKind.GAVE_UP:
            error = BudgetSpent(branch.path, outcome.reason, cause)
    return Exit(ExitKind.CRASHED, str(error), error, now - outcome.at)


async def _raise(error: Exception, _context: "Context") -> None:
    raise error
