"""The thin shell around `decide`: carries effects out, posts what came of them.

All supervisors of a tree are plain data driven by one task; every worker is a task of its own in
one nursery that nobody outside can cancel. So a stop always goes through `decide`, in order.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context as Variables
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from supervisors.admission import Admission, RestartAdmission
from supervisors.branch import Branch, CheckSpec, event_of, exit_of
from supervisors.decide import initial, refusal, step
from supervisors.errors import ChildRefused, NameTaken, NoChild, describe
from supervisors.events import Event, EventKind, EventLog
from supervisors.slot import History, Slot
from supervisors.spec import ChildSpec, DynamicSpec, SupervisorSpec
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
from supervisors.waiters import Waiter

if TYPE_CHECKING:
    from supervisors.tree import Tree

# Children get the processor back after this many decisions.
DECISIONS_PER_TURN_MAX = 100

_EXITS = (
    EventKind.CRASHED,
    EventKind.EXITED,
    EventKind.GAVE_UP,
    EventKind.START_FAILED,
    EventKind.STOPPED,
)


class Step(NamedTuple):
    """One decision, for simulations and tests: `state` is the live one, not to be touched."""

    path: str
    event: Input
    effects: tuple[Effect, ...]
    state: State


OnStep = Callable[[Step], None]


class Runtime:
    """Drives the supervisors of one tree."""

    def __init__(
        self,
        tree: "Tree",
        spec: SupervisorSpec | DynamicSpec,
        *,
        seed: int,
        log: EventLog,
        admission: RestartAdmission,
        on_step: OnStep | None,
        check_spec: CheckSpec,
    ) -> None:
        self.tree = tree
        self.revision = 0
        self.root_ready = trio.Event()
        self.finished = trio.Event()
        self.outcome: Outcome | None = None
        self.interrupted: BaseException | None = None
        self.nursery: trio.Nursery
        self.is_up = False  # tasks can be started
        self.context: Variables = copy_context()
        self.admission = Admission(admission, self.call_at)
        self._seed = seed
        self._log = log
        self._on_step = on_step
        self._check_spec = check_spec
        self.closed_phases: set[str] = set()  # of the shutdown: nothing in them starts again
        self._timers = Timers()
        self._inbox: deque[tuple[Branch, Input, Waiter | None]] = deque()
        self._sleeper: trio.lowlevel.Task | None = None
        self._nap = trio.CancelScope()
        self._nap_until = float("inf")
        self.root = self._make_branch(spec, spec.id, History(incarnation=1), None, None)

    async def run(self) -> None:
        """Bring the tree up, drive it, and return when the last child is gone."""
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as self.nursery:
                    self.is_up = True
                    self.post(self.root, Boot(trio.current_time()))
                    await self._drive()
        finally:
            self.is_up = False
            self.finished.set()
            self._dismiss_waiters()

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

    def close_phase(self, name: str) -> None:
        """Let nothing in a phase of the shutdown start again."""
        self.closed_phases.add(name)
        self._tell_phases()

    def open_phase(self, name: str) -> None:
        self.closed_phases.discard(name)
        self._tell_phases()

    def _tell_phases(self) -> None:
        for branch in self._branches():
            branch.state.closed_phases = frozenset(self.closed_phases)

    def _branches(self) -> Iterator[Branch]:
        """Yield every supervisor that runs now."""
        waiting = [self.root]
        while waiting:
            branch = waiting.pop()
            yield branch
            waiting.extend(branch.branches.values())

    # What slots ask for

    def became_ready(self, slot: Slot) -> None:
        if slot.withdraw_start_limit is not None:
            slot.withdraw_start_limit()
        branch, child_id = slot.branch, slot.spec.id
        if branch.slots.get(child_id) is slot:
            self.post(branch, BecameReady(trio.current_time(), child_id, slot.incarnation))

    def changed(self) -> None:
        self.revision += 1

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]:
        withdraw = self._timers.add(when, action)
        if when < self._nap_until:
            self._nap_until = self._nap.deadline = when
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
        *,
        history: History,
        exception: BaseException | None = None,
        cause: int = 0,
    ) -> int:
        """Tell an event, put it into the flight recorder of its node, and return its id."""
        self.revision += 1
        event = Event(
            kind,
            path,
            incarnation,
            reason,
            exception,
            trio.current_time(),
            self._log.last + 1,
            cause,
        )
        first_start = kind is EventKind.STARTED and incarnation == 1
        if not first_start:
            history.note(event)
        self._log.add(event, is_cause=not first_start)
        return event.id

    # The loop: no line of it waits for anybody's code

    async def _drive(self) -> None:
        while self.outcome is None:
            self._timers.fire(trio.current_time())
            for _ in range(DECISIONS_PER_TURN_MAX):
                if not self._inbox:
                    break
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

        self._nap_until = self._timers.next_due()
        with trio.CancelScope(deadline=self._nap_until) as self._nap:
            self._sleeper = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)
        self._nap_until = float("-inf")  # awake: no need to be woken

    def _step(self, branch: Branch, event: Input, waiter: Waiter | None) -> None:
        if waiter is not None and not self._admit(branch, event, waiter):
            return

        state = branch.state
        phase = state.phase
        effects = step(state, event)
        self.revision += 1
        for effect in effects:
            self._carry_out(branch, effect)
        if state.phase is not phase:
            branch.since = event.now
        if branch.waiters:
            self._settle(branch, "" if state.phase is not phase else _child_of(event))
        if isinstance(event, Exited | StopChild):
            self._rest(branch, event.child_id)
        if self._on_step is not None:
            self._on_step(Step(branch.path, event, effects, state))

    def _admit(self, branch: Branch, event: Input, waiter: Waiter) -> bool:
        """Take note of a waiter, or tell it at once why not."""
        path = branch.child_path(waiter.child_id)
        child = branch.state.children.get(waiter.child_id)
        if branch.state.phase is Phase.DONE:
            waiter.settle(error=NoChild(path, "its supervisor has ended"))
            return False
        if isinstance(event, AddChild):
            problem = refusal(branch.state, waiter.child_id)
            if event.spec.phase in self.closed_phases:
                problem = f"its shutdown phase {event.spec.phase} is over"
            if problem is not None:
                waiter.settle(error=ChildRefused(path, problem))
                return False
        elif child is None:
            waiter.settle(error=NoChild(path))
            return False

        waiter.incarnation = 0 if child is None else child.incarnation
        branch.waiters.setdefault(waiter.child_id, []).append(waiter)
        return True

    def _carry_out(self, branch: Branch, effect: Effect) -> None:
        match effect:
            case StartTask():
                self._start(branch, effect)
            case Report():
                self._report(branch, effect)
            case StopTask() | KillTask():
                self._stop(branch, effect)
            case ArmRestart():
                due = effect.due
                self.call_at(due, partial(self._restart_due, branch, effect.child_id, due))
            case SayReady():
                self._say_ready(branch)
            case Finish():
                self._finish(branch, effect.outcome)

    # Starting

    def _start(self, branch: Branch, effect: StartTask) -> None:
        child_id = effect.child_id
        spec, path = branch.state.children[child_id].spec, branch.child_path(child_id)
        history = branch.history.of(child_id)
        history.incarnation = effect.incarnation
        slot = branch.slots[child_id] = Slot(self, spec, path, history)
        slot.branch = branch
        try:
            self.tree.registry.claim(slot.name, path)
        except NameTaken as taken:
            self._ended(branch, slot, Exit(ExitKind.CRASHED, describe(taken), taken))
            return

        if isinstance(spec, ChildSpec):
            slot.launch(self.nursery, partial(self._ended, branch, slot))
        else:
            told = branch.state.children[child_id].told
            below = self._make_branch(spec, path, history, branch, slot, cause=told)
            branch.branches[child_id] = below
            self.post(below, Boot(trio.current_time()))
        if not slot.said_ready and slot.end is None and spec.start_timeout != float("inf"):
            due = trio.current_time() + spec.start_timeout
            post = partial(self._limit_passed, branch, StartTimedOut, slot)
            slot.withdraw_start_limit = self.call_at(due, post)

    def _ended(self, branch: Branch, slot: Slot, end: Exit) -> None:
        slot.end = end
        registry = self.tree.registry
        if registry.release(slot.name, slot.path):
            registry.monitors.announce(slot.down(end))
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
        *,
        cause: Report | None = None,
    ) -> Branch:
        now = trio.current_time()
        key = f"{self._seed}/{path}"
        branch = Branch(path, initial(spec, key, (), now), history, parent, slot, now)
        children = [
            Child(
                child,
                incarnation=history.of(child.id).incarnation,
                held=child.phase in self.closed_phases,
                told=cause,
            )
            for child in branch.specs(self._check_spec)
        ]
        branch.state = initial(spec, key, children, now)
        branch.state.closed_phases = frozenset(self.closed_phases)
        return branch

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
            cause = branch.state.children[effect.child_id].told
            stop = Stop(trio.current_time(), effect.reason, at_once, event_of(cause))
            self.post(below, stop)
        elif at_once:
            slot.kill(effect.reason)
        else:
            slot.ask_to_stop(effect.reason)

        if slot.withdraw_stop_limit is not None:
            slot.withdraw_stop_limit()
        if slot.end is None and effect.limit != float("inf"):
            due = trio.current_time() + effect.limit
            post = partial(self._limit_passed, branch, StopTimedOut, slot)
            slot.withdraw_stop_limit = self.call_at(due, post)

    def _finish(self, branch: Branch, outcome: Outcome) -> None:
        for child in branch.history.children.values():
            child.abandon(f"{branch.path} ended: {outcome.reason}")
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
        def admitted() -> None:
            self.post(branch, RestartDue(trio.current_time(), child_id, due))

        def waits_still() -> bool:
            if child_id is None:
                group = branch.state.group
                return group is not None and group.due == due
            child = branch.state.children.get(child_id)
            return child is not None and child.due == due

        self.admission.ask(admitted, waits_still)

    # Telling

    def _report(self, branch: Branch, effect: Report) -> None:
        child_id, reason, kind = effect.child_id, effect.reason, effect.kind
        history = branch.history.of(child_id) if child_id else branch.history
        if kind in (EventKind.OVERDUE, EventKind.STUCK):
            reason = "\n  ".join([reason, *self.stacks(branch, child_id)])
        elif kind in _EXITS:
            history.last_exit = f"{kind}: {effect.reason}"
            slot = branch.slots.get(child_id)
            if kind is EventKind.START_FAILED and slot is not None and slot.end is not None:
                slot.end = replace(slot.end, reason=reason)  # for whoever waits for the start
        effect.event = self.tell(
            kind,
            branch.child_path(child_id),
            effect.incarnation if child_id else branch.incarnation,
            reason,
            history=history,
            exception=effect.exception,
            cause=event_of(effect.cause),
        )
        effect.cause = None  # told: the event has its id, and no chain may grow for ever

    def stacks(self, branch: Branch, child_id: str) -> list[str]:
        """Return where the tasks of a child, and of all below it, wait now."""
        below = branch.branches.get(child_id)
        if below is None:
            slot = branch.slots.get(child_id)
            return [] if slot is None else slot.stack()
        live = [name for name, child in below.state.children.items() if child.live]
        return [line for name in live for line in self.stacks(below, name)]

    def _dismiss_waiters(self) -> None:
        """Let nobody wait for a runtime that has ended, or failed."""
        waiting = [waiter for _, _, waiter in self._inbox if waiter is not None]
        for branch in self._branches():
            waiting.extend(one for several in branch.waiters.values() for one in several)
            branch.waiters.clear()
        for waiter in waiting:
            waiter.settle(error=NoChild(waiter.child_id, "the runtime has ended"))

    def _settle(self, branch: Branch, child_id: str) -> None:
        """Look at who waits for a child, or at everybody if `child_id` is empty."""
        active = branch.state.phase in (Phase.STARTING, Phase.RUNNING)
        for waited_for in [child_id] if child_id else list(branch.waiters):
            path = branch.child_path(waited_for)
            child, slot = branch.state.children.get(waited_for), branch.slots.get(waited_for)
            left = [
                waiter
                for waiter in branch.waiters.pop(waited_for, ())
                if not waiter.look(path, child, slot, active=active)
            ]
            if left:
                branch.waiters[waited_for] = left

    def _rest(self, branch: Branch, child_id: str) -> None:
        """Give up the mail of a child that came to rest; forget a dynamic one that was removed."""
        child = branch.state.children.get(child_id)
        history = branch.history.children.get(child_id)
        if child is not None and child.state not in (ChildState.DONE, ChildState.QUARANTINED):
            return
        if history is not None:
            history.abandon("it does not come back" if child is None else f"it is {child.state}")
        if child is None:
            slot = branch.slots.pop(child_id, None)
            branch.history.children.pop(child_id, None)
            if slot is not None:
                self.tree.registry.forget(slot.name, slot.path)


def _child_of(event: Input) -> str:
    """Return whose event it is; empty for the supervisor's own."""
    if isinstance(event, AddChild):
        return event.spec.id
    return getattr(event, "child_id", None) or ""
