"""What a supervisor does next: pure, so that it can be tabled, simulated and explained.

`decide(state, event)` never waits and never runs anybody's code; `supervisor.py` carries the
effects out and posts what came of them.
"""

from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import Any

from supervisors.backoff import charge, delay_seconds
from supervisors.events import EventKind
from supervisors.spec import AutoShutdown, DynamicSpec, Restart, Strategy, SupervisorSpec
from supervisors.state import (
    AddChild,
    After,
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
    Group,
    Input,
    KillTask,
    Outcome,
    OutcomeKind,
    Phase,
    Report,
    RestartChild,
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

# After a stop limit the child is cancelled outright; if it survives this much longer (seconds)
# it is reported as stuck and its siblings' stop goes on without it.
KILL_GRACE_SECONDS = 1.0

_UP = (ChildState.STARTING, ChildState.RUNNING)
_DOWN = (ChildState.BACKING_OFF, ChildState.QUARANTINED, ChildState.DONE)


def initial(
    spec: SupervisorSpec | DynamicSpec, key: str, children: Iterable[Child], now: float
) -> State:
    """Return a supervisor that waits for Boot and owns `children`, which start in the order given.

    Those that are `held` do not start.
    """
    table = {child.spec.id: child for child in children}
    queue = deque(child_id for child_id, child in table.items() if not child.held)
    for child in table.values():
        child.since = now
        child.queued = not child.held
        if child.held:
            child.state, child.wanted = ChildState.DONE, False
    return State(spec=spec, key=key, children=table, queue=queue)


def decide(state: State, event: Input) -> tuple[State, tuple[Effect, ...]]:
    """Return the next state and what to carry out, in order, leaving `state` as it is.

    The same decision as `step`, on a copy: for tables of tests, and for `explain`.
    """
    after = state.copy()
    return after, step(after, event)


def step(state: State, event: Input) -> tuple[Effect, ...]:
    """Change `state` in place and return what to carry out, in order.

    In place because a copy of ten thousand children per decision would cost more than all else.
    A finished supervisor ignores all.
    """
    if state.phase is Phase.DONE:
        return ()

    taken = Step(state, event.now)
    taken.take(event)
    taken.advance()
    check(state, taken.touched)
    return tuple(taken.effects)


def refusal(state: State, child_id: str) -> str | None:
    """Say why a dynamic supervisor would not take another child now, or None if it would.

    Children that wait for a restart, or in quarantine, count towards max_children.
    """
    if not isinstance(state.spec, DynamicSpec):
        return "its children are fixed; only a dynamic supervisor takes more"
    if state.phase is not Phase.RUNNING:
        return f"the supervisor is {state.phase}"
    if child_id in state.children:
        return f"it already exists and is {state.children[child_id].state}"
    if len(state.children) >= state.spec.max_children:
        return f"max_children ({state.spec.max_children}) is reached"
    return None


def check(state: State, child_ids: Iterable[str]) -> None:
    """Assert that no child is lost: who should run does, starts, or has an armed timer."""
    active = state.phase in (Phase.STARTING, Phase.RUNNING)
    for child_id in child_ids:
        child = state.children.get(child_id)
        if child is None:
            continue
        assert not (child.live and child.state in _DOWN), (child_id, child)
        assert child.live or child.state not in (ChildState.RUNNING, ChildState.STOPPING), child
        if active and child.wanted:
            assert _comes_up(state, child), (child_id, child)
        if active and not child.wanted:
            assert child.state not in (*_UP, ChildState.BACKING_OFF), (child_id, child)
    assert state.live >= 0
    assert state.phase is not Phase.DONE or state.live == 0


def _comes_up(state: State, child: Child) -> bool:
    match child.state:
        case ChildState.RUNNING:
            return True
        case ChildState.STARTING:
            return child.live or child.queued
        case ChildState.STOPPING:
            return child.after in (After.GROUP, After.RETRY, After.START)
        case ChildState.BACKING_OFF:
            grouped = state.group is not None and child.spec.id in state.group.members
            return grouped or child.due is not None
        case _:
            return False


class Step:
    """One decision in the making: the state, and the effects so far."""

    def __init__(self, state: State, now: float) -> None:
        self.state = state
        self.spec = state.spec
        self.now = now
        self.effects: list[Effect] = []
        self.touched: set[str] = set()
        self.dynamic = isinstance(state.spec, DynamicSpec)

    def take(self, event: Input) -> None:
        match event:
            case BecameReady() | Exited() | StartTimedOut() | StopTimedOut():
                child = self.state.children.get(event.child_id)
                # News of an older incarnation is no news.
                if child is not None and child.live and child.incarnation == event.incarnation:
                    self.take_news(event)
            case RestartDue():
                self.restart_due(event.child_id, event.due)
            case AddChild():
                self.add(event)
            case StopChild():
                self.stop_by_operator(event)
            case RestartChild():
                self.restart_by_operator(event)
            case Stop():
                self.stop(event)
            case Boot():
                pass

    def take_news(self, event: BecameReady | Exited | StartTimedOut | StopTimedOut) -> None:
        match event:
            case BecameReady():
                self.ready(event.child_id)
            case Exited():
                self.exited(event.child_id, event.exit)
            case StartTimedOut():
                self.start_timed_out(event.child_id)
            case StopTimedOut():
                self.stop_timed_out(event.child_id)

    # Starting

    def ready(self, child_id: str) -> None:
        child = self.state.children[child_id]
        if child.state is not ChildState.STARTING:
            return

        child.state = ChildState.RUNNING
        child.since = child.ready_at = self.now
        child.ready_once = True
        self.touched.add(child_id)
        self.leave_queue(child_id)
        self.report(EventKind.STARTED, child_id, "ready")

    def start(self, child_id: str) -> None:
        child = self.state.children[child_id]
        if child.state is not ChildState.STARTING:
            child.state, child.since = ChildState.STARTING, self.now
        child.incarnation += 1
        child.live = child.wanted = True
        child.after = After.NOTHING
        child.overdue = child.stuck = False
        child.due = child.failure = child.ready_at = None
        self.touched.add(child_id)
        self.state.live += 1
        self.state.to_pass = None
        self.effects.append(StartTask(child_id, child.incarnation))

    def start_timed_out(self, child_id: str) -> None:
        child = self.state.children[child_id]
        if child.state is not ChildState.STARTING or self.state.phase is Phase.STOPPING:
            return

        reason = f"not ready within {child.spec.start_timeout:g} s"
        self.put(child_id, failure=Exit(ExitKind.CRASHED, reason))
        self.ask_to_stop(child_id, After.RETRY, reason)
        if self.is_first_start(child):
            told = self.report(EventKind.START_FAILED, child_id, reason)
            kind = OutcomeKind.START_FAILED
            self.end(Outcome(kind, reason, child_id, at=self.now, cause=told))

    def start_failed(self, child_id: str, failure: Exit) -> None:
        child = self.state.children[child_id]
        reason = failure.reason if failure.kind is ExitKind.CRASHED else "ended before it was ready"
        told = self.report(EventKind.START_FAILED, child_id, reason, failure.exception)
        if failure.cause:
            told.cause = failure.cause
        self.leave_queue(child_id)

        if self.is_first_start(child):
            # Kept in the table: a retry of the whole supervisor tries this child again.
            self.put(child_id, state=ChildState.DONE, wanted=False)
            kind = OutcomeKind.START_FAILED
            self.end(Outcome(kind, reason, child_id, failure.exception, self.now, told))
        elif child.spec.restart is Restart.TEMPORARY or (child.requested and not child.ready_once):
            self.retire(child_id)
        else:
            self.failed(child_id, replace(failure, reason=reason))

    def is_first_start(self, child: Child) -> bool:
        """Say whether a failure of this start fails the supervisor's own start."""
        return (
            self.state.phase is Phase.STARTING
            and not child.ready_once
            and self.own_budget_max() is None
        )

    # Endings

    def exited(self, child_id: str, end: Exit) -> None:
        child = self.state.children[child_id]
        self.state.live -= 1
        self.state.paused += end.lingered
        self.put(child_id, live=False, lingered=child.lingered + end.lingered)

        if self.state.phase is Phase.STOPPING or child.state is ChildState.STOPPING:
            self.ended_asked(child_id, end)
        elif self.state.group is not None and child_id in self.state.group.members:
            self.ended_asked(child_id, end)  # it would have been stopped next
        elif child.state is ChildState.RUNNING:
            self.ended_running(child_id, end)
        elif end.kind is ExitKind.IGNORED:
            self.leave_queue(child_id)
            self.report(EventKind.EXITED, child_id, "ignored its start")
            self.retire(child_id)
        else:
            self.start_failed(child_id, end)

    def ended_running(self, child_id: str, end: Exit) -> None:
        child = self.state.children[child_id]
        crashed = end.kind is ExitKind.CRASHED
        kind = EventKind.CRASHED if crashed else EventKind.EXITED
        # Of its own accord: what was told before is no cause, what happened further down is.
        self.report(kind, child_id, end.reason, end.exception, cause=end.cause)

        permanent = child.spec.restart is Restart.PERMANENT
        if permanent or (crashed and child.spec.restart is Restart.TRANSIENT):
            self.failed(child_id, end)
        else:
            self.retire(child_id)
            self.shut_down_with(child)

    def ended_asked(self, child_id: str, end: Exit) -> None:
        """Take the end of a child that was to end anyway: an error is a report, not a restart."""
        child = self.state.children[child_id]
        crashed = end.kind is ExitKind.CRASHED
        if child.failure is None or not crashed:
            kind = EventKind.CRASHED if crashed else EventKind.STOPPED
            reason = f"while stopping: {end.reason}" if crashed else end.reason
            self.report(kind, child_id, reason, end.exception, cause=self.cause_of_stop(child))

        after = child.after if child.state is ChildState.STOPPING else After.GROUP
        if self.state.phase is Phase.STOPPING:
            self.put(child_id, state=ChildState.DONE)
        elif after is After.RETRY:
            assert child.failure is not None
            self.start_failed(child_id, replace(child.failure, exception=end.exception))
        elif after is After.START:
            self.start(child_id)
        elif after is After.GROUP and child.spec.restart is not Restart.TEMPORARY:
            assert self.state.group is not None
            self.put(child_id, state=ChildState.BACKING_OFF, due=self.state.group.due)
        else:
            self.retire(child_id)

    def cause_of_stop(self, child: Child) -> Report | int | None:
        if self.state.outcome is not None:
            return self.state.outcome.cause
        in_group = self.state.group is not None and child.spec.id in self.state.group.members
        return self.state.group.cause if in_group and self.state.group else None

    def retire(self, child_id: str) -> None:
        """Let a child rest for good; a dynamic supervisor forgets it."""
        self.leave_group(child_id)
        self.put(child_id, state=ChildState.DONE, wanted=False, due=None)
        if self.dynamic:
            del self.state.children[child_id]

    def shut_down_with(self, child: Child) -> None:
        if not isinstance(self.spec, SupervisorSpec) or not child.spec.significant:
            return

        every = all(not other.wanted for other in self.significant())
        if self.spec.auto_shutdown is AutoShutdown.ANY or (
            self.spec.auto_shutdown is AutoShutdown.ALL and every
        ):
            reason = f"significant child {child.spec.id} ended"
            self.end(Outcome(OutcomeKind.STOPPED, reason, cause=child.told))

    def significant(self) -> Iterator[Child]:
        return (child for child in self.state.children.values() if child.spec.significant)

    # Restarting

    def failed(self, child_id: str, end: Exit) -> None:
        """Restart a child that is down and should not be, unless a budget says otherwise."""
        child = self.state.children[child_id]
        if self.is_budget_spent(child_id, end):
            return

        backoff = child.spec.backoff
        stable = child.ready_at is not None and self.now - child.ready_at >= backoff.stable_after
        streak = 0 if stable else child.streak
        seed = f"{self.state.key}/{child_id}/{child.incarnation}"
        delay = delay_seconds(backoff, streak, seed)
        due = self.now + delay
        self.put(child_id, state=ChildState.BACKING_OFF, due=due, streak=streak + 1)
        self.report(EventKind.RESTARTING, child_id, f"in {delay:.3f} s: {end.reason}")

        if isinstance(self.spec, DynamicSpec) or self.spec.strategy is Strategy.ONE_FOR_ONE:
            self.effects.append(ArmRestart(child_id, due))
        else:
            self.form_group(child_id, due, self.spec.strategy)

    def is_budget_spent(self, child_id: str, end: Exit) -> bool:
        child = self.state.children[child_id]
        own_max = self.own_budget_max()
        if isinstance(self.spec, DynamicSpec) and own_max is not None:
            window = self.spec.child_max_seconds
            charges, spent = charge(child.charges, self.now - child.lingered, own_max, window)
            self.put(child_id, charges=charges)
            if spent:
                self.quarantine(child_id, f"{own_max} restarts in {window:g} s, then {end.reason}")
            return spent

        allowed, window = self.spec.max_restarts, self.spec.max_seconds
        self.state.charges, spent = charge(self.state.charges, self.budget_clock(), allowed, window)
        if spent:
            reason = f"{allowed} restarts in {window:g} s, then {child_id}: {end.reason}"
            self.put(child_id, state=ChildState.DONE, wanted=False)
            kind = OutcomeKind.GAVE_UP
            self.end(Outcome(kind, reason, child_id, end.exception, self.now, child.told))
        return spent

    def budget_clock(self) -> float:
        """Return a clock that stands still while a group stops: slow stops must not hide a loop."""
        since = self.now if self.state.paused_since is None else self.state.paused_since
        return since - self.state.paused

    def own_budget_max(self) -> int | None:
        return self.spec.child_max_restarts if isinstance(self.spec, DynamicSpec) else None

    def quarantine(self, child_id: str, reason: str) -> None:
        assert isinstance(self.spec, DynamicSpec)
        retry_at = self.now + self.spec.child_max_seconds
        self.put(
            child_id,
            state=ChildState.QUARANTINED,
            wanted=False,
            due=None,
            reason=reason,
            retry_at=retry_at,
        )
        self.report(EventKind.QUARANTINED, child_id, reason)

    def form_group(self, child_id: str, due: float, strategy: Strategy) -> None:
        ids = list(self.state.children)
        first = 0 if strategy is Strategy.ONE_FOR_ALL else ids.index(child_id)
        members = set(ids[first:])
        if self.state.group is not None:
            members |= self.state.group.members.keys()
            due = max(due, self.state.group.due)

        joined = dict.fromkeys(
            other for other in ids if other in members and self.join_group(other, due)
        )
        reason = f"{strategy.value} after {child_id} failed"
        self.state.group = Group(joined, due, reason, self.state.children[child_id].told)
        self.state.to_pass = None
        self.requeue(waiting for waiting in self.state.queue if waiting not in joined)
        if self.state.paused_since is None and self.are_live(joined):
            self.state.paused_since = self.now
        self.effects.append(ArmRestart(None, due))

    def join_group(self, child_id: str, due: float) -> bool:
        child = self.state.children[child_id]
        over = child.state is ChildState.DONE and child.spec.phase in self.state.closed_phases
        if child.held or over:
            return False

        if child.state is ChildState.STOPPING:
            self.put(child_id, after=After.GROUP, failure=None)
            return True
        if child.live:
            return True
        if child.state is ChildState.DONE and child.spec.restart is Restart.TEMPORARY:
            return False
        self.put(child_id, state=ChildState.BACKING_OFF, due=due, wanted=True)
        return True

    def restart_due(self, child_id: str | None, due: float) -> None:
        if child_id is None:
            if self.state.group is not None and self.state.group.due == due:
                self.state.group.fired = True
            return

        child = self.state.children.get(child_id)
        waits = child is not None and child.state is ChildState.BACKING_OFF and child.due == due
        group = self.state.group
        if waits and (group is None or child_id not in group.members):
            self.start(child_id)

    # Operators

    def add(self, event: AddChild) -> None:
        child_id = event.spec.id
        if refusal(self.state, child_id) is None:
            child = Child(event.spec, incarnation=event.incarnation, requested=True)
            self.asked(child, event.cause)
            self.state.children[child_id] = child
            self.start(child_id)

    def stop_by_operator(self, event: StopChild) -> None:
        child_id = event.child_id
        child = self.state.children.get(child_id)
        if child is None or self.state.phase is Phase.STOPPING:
            return
        self.asked(child, event.cause)

        after = After.REMOVE if self.dynamic else After.NOTHING
        self.leave_queue(child_id)
        self.leave_group(child_id)
        self.put(child_id, held=True, wanted=False, failure=None)
        if child.state is ChildState.STOPPING:
            self.put(child_id, after=after)
        elif child.live:
            self.ask_to_stop(child_id, after, event.reason)
        else:
            self.retire(child_id)

    def restart_by_operator(self, event: RestartChild) -> None:
        child_id = event.child_id
        child = self.state.children.get(child_id)
        if child is None or self.state.phase is Phase.STOPPING:
            return
        self.asked(child, event.cause)

        self.put(child_id, held=False, wanted=True, charges=(), streak=0)
        grouped = self.state.group is not None and child_id in self.state.group.members
        if grouped or (child.queued and not child.live):
            return  # it is on its way up already
        if child.state is ChildState.STOPPING:
            self.put(child_id, after=After.START, failure=None)
        elif child.live:
            self.ask_to_stop(child_id, After.START, event.reason)
        else:
            self.start(child_id)

    def asked(self, child: Child, cause: int) -> None:
        """Note who asked, as the cause of what follows for the child."""
        self.state.to_pass = None
        if cause:
            kind, told = EventKind.REQUESTED, "asked"
            child.told = Report(kind, child.spec.id, child.incarnation, told, event=cause)

    # Stopping

    def stop(self, event: Stop) -> None:
        reason = event.reason
        self.end(Outcome(OutcomeKind.STOPPED, reason, cause=event.cause or None))
        if not event.at_once or self.state.at_once:
            return

        self.state.at_once = True
        for child_id in [
            name for name in reversed(self.state.children) if self.state.children[name].live
        ]:
            self.kill(child_id, f"at once: {reason}")

    def end(self, outcome: Outcome) -> None:
        """Begin the supervisor's own end; the first reason stays."""
        if self.state.phase is Phase.STOPPING:
            return

        self.state.phase, self.state.outcome = Phase.STOPPING, outcome
        self.state.group = self.state.to_pass = None
        self.requeue(())
        if outcome.kind is OutcomeKind.GAVE_UP:
            outcome.cause = self.report(
                EventKind.GAVE_UP, "", outcome.reason, outcome.exception, outcome.cause
            )
        for child_id, child in list(self.state.children.items()):
            if child.live and child.state is ChildState.STOPPING:
                self.put(child_id, wanted=False, after=After.NOTHING)
            elif child.live and self.dynamic:
                self.put(child_id, wanted=False)
                self.ask_to_stop(child_id, After.NOTHING, outcome.reason)
            elif child.live or child.state is ChildState.QUARANTINED:
                self.put(child_id, wanted=False)
            else:
                self.put(child_id, state=ChildState.DONE, wanted=False, due=None)

    def ask_to_stop(self, child_id: str, after: After, reason: str) -> None:
        child = self.put(child_id, state=ChildState.STOPPING, after=after)
        limit = child.spec.shutdown
        self.effects.append(StopTask(child_id, child.incarnation, reason, limit))

    def kill(self, child_id: str, reason: str) -> None:
        child = self.put(child_id, state=ChildState.STOPPING, overdue=True)
        limit = KILL_GRACE_SECONDS
        self.effects.append(KillTask(child_id, child.incarnation, reason, limit))

    def stop_timed_out(self, child_id: str) -> None:
        child = self.state.children[child_id]
        if child.state is not ChildState.STOPPING:
            return

        if child.overdue:
            self.put(child_id, stuck=True)
            self.report(EventKind.STUCK, child_id, "still alive after it was cancelled outright")
            return
        reason = f"did not stop within {child.spec.shutdown:g} s"
        self.report(EventKind.OVERDUE, child_id, reason)
        self.kill(child_id, reason)

    # What follows from the state alone

    def advance(self) -> None:
        """Take the next ordered step, if its turn has come."""
        if self.state.phase is Phase.STOPPING:
            assert self.state.outcome is not None
            if self.state.live == 0:
                self.state.phase = Phase.DONE
                self.effects.append(Finish(self.state.outcome))
            elif not self.dynamic:
                self.stop_next(self.state.children, After.NOTHING, self.state.outcome.reason)
            return

        if self.state.group is not None:
            self.advance_group(self.state.group)
        queue = self.state.queue
        if self.state.group is None and queue and not self.state.children[queue[0]].live:
            self.start(queue[0])
        if self.state.phase is Phase.STARTING and not queue and self.state.group is None:
            self.state.phase = Phase.RUNNING
            self.effects.append(SayReady())

    def advance_group(self, group: Group) -> None:
        if self.are_live(group.members):
            self.stop_next(group.members, After.GROUP, group.reason)
            return

        if self.state.paused_since is not None:
            self.state.paused += self.now - self.state.paused_since
            self.state.paused_since = None
        if group.fired:
            self.state.group = None
            waiting = {*group.members, *self.state.queue}
            self.requeue(name for name in self.state.children if name in waiting)
            for child_id in group.members:
                self.put(child_id, state=ChildState.STARTING, due=None)

    def are_live(self, child_ids: Iterable[str]) -> bool:
        return any(self.state.children[child_id].live for child_id in child_ids)

    def stop_next(self, child_ids: Container[str], after: After, reason: str) -> None:
        """Stop the last one in start order that is up, unless a later one is still going down."""
        if self.state.to_pass is None:
            self.state.to_pass = list(self.state.children)
        to_pass = self.state.to_pass
        while to_pass:
            child_id = to_pass[-1]
            child = self.state.children[child_id]
            if child.live and not child.stuck:
                if child.state is ChildState.STOPPING:
                    return
                if child_id in child_ids:
                    self.ask_to_stop(child_id, after, reason)
                    return
            to_pass.pop()

    # Small tools

    def put(self, child_id: str, **changes: Any) -> Child:
        child = self.state.children[child_id]
        if changes.get("state", child.state) is not child.state:
            child.since = self.now
        for name, value in changes.items():
            setattr(child, name, value)
        self.touched.add(child_id)
        return child

    def leave_queue(self, child_id: str) -> None:
        child = self.state.children[child_id]
        if child.queued:
            child.queued = False
            if self.state.queue[0] == child_id:
                self.state.queue.popleft()
            else:
                self.state.queue.remove(child_id)

    def requeue(self, child_ids: Iterable[str]) -> None:
        after = deque(child_ids)
        for child_id in self.state.queue:
            self.state.children[child_id].queued = False
        for child_id in after:
            self.state.children[child_id].queued = True
        self.state.queue = after

    def leave_group(self, child_id: str) -> None:
        if self.state.group is not None and child_id in self.state.group.members:
            members = self.state.group.members
            self.state.group.members = {name: None for name in members if name != child_id}
            self.state.to_pass = None

    def report(
        self,
        kind: EventKind,
        child_id: str,
        reason: str,
        exception: BaseException | None = None,
        cause: Report | int | None = None,
    ) -> Report:
        """Tell what happened to a child, or to the supervisor itself when `child_id` is empty.

        `cause` is what led here; without one, the last that was told about the child.
        """
        child = self.state.children.get(child_id)
        incarnation = 0 if child is None else child.incarnation
        if cause is None and child is not None:
            cause = child.told
        told = Report(kind, child_id, incarnation, reason, exception, cause)
        if child is not None:
            child.told = told
        self.effects.append(told)
        return told
