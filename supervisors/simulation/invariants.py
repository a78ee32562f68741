"""What must hold after every decision and at every quiet moment, checked apart from `decide`."""

from collections import deque
from dataclasses import dataclass, field

from supervisors.events import EventKind
from supervisors.mailbox import MailboxStatistics
from supervisors.spec import DynamicSpec, Restart, Strategy
from supervisors.state import (
    AddChild,
    Boot,
    ChildState,
    Exited,
    ExitKind,
    Phase,
    Report,
    RestartChild,
    StartTask,
    StopChild,
    StopTask,
)
from supervisors.supervisor import Step
from supervisors.tree import Tree


class Violation(AssertionError):
    """An invariant is broken; `invariant` is its name."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


def demand(holds: bool, invariant: str, what: str) -> None:
    if not holds:
        raise Violation(invariant, what)


@dataclass
class Followed:
    """What the invariants remember of one supervisor's incarnation."""

    alive: dict[str, int] = field(default_factory=dict)
    group: set[str] = field(default_factory=set)  # the members of the last group restart
    going: set[str] = field(default_factory=set)  # those of them that are not down yet
    restarts: dict[str, deque[float]] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)


class Invariants:
    """Follows every decision of a tree."""

    def __init__(self) -> None:
        self.closed_phases: set[str] = set()
        self._followed: dict[str, Followed] = {}

    def after(self, step: Step) -> None:
        event = step.event
        if isinstance(event, Boot):
            self._followed[step.path] = Followed()
        followed = self._followed[step.path]
        self._take_note(followed, step)
        for effect in step.effects:
            if isinstance(effect, StartTask):
                self._started(followed, step, effect)
            elif isinstance(effect, StopTask):
                self._stopping(followed, step, effect)
            elif isinstance(effect, Report) and effect.kind is EventKind.RESTARTING:
                self._restarting(followed, step, effect.child_id)
        self._nobody_is_lost(followed, step)

    def _take_note(self, followed: Followed, step: Step) -> None:
        event = step.event
        if isinstance(event, Exited) and followed.alive.get(event.child_id) == event.incarnation:
            del followed.alive[event.child_id]
            followed.going.discard(event.child_id)
            if event.exit.kind is ExitKind.IGNORED:
                followed.ignored.add(event.child_id)
        elif isinstance(event, StopChild):
            followed.going.discard(event.child_id)
            followed.group.discard(event.child_id)
        elif isinstance(event, AddChild):
            followed.restarts.pop(event.spec.id, None)  # the name is old, the child is new
        elif isinstance(event, RestartChild):
            followed.restarts.pop(event.child_id, None)
            followed.group.discard(event.child_id)  # an operator need not wait for the others

    def _started(self, followed: Followed, step: Step, effect: StartTask) -> None:
        place = f"{step.path}/{effect.child_id}"
        before = followed.alive.get(effect.child_id)
        demand(before is None, "one incarnation at a time", f"{place} starts beside #{before}")
        if effect.child_id in followed.group and followed.going:
            late = ", ".join(sorted(followed.going))
            demand(False, "a group is down before it starts", f"{place} starts before {late} ended")
        phase = step.state.children[effect.child_id].spec.phase
        over = phase in self.closed_phases
        demand(not over, "a closed phase starts nobody", f"{place} starts in {phase}")
        followed.alive[effect.child_id] = effect.incarnation
        followed.ignored.discard(effect.child_id)

    def _stopping(self, followed: Followed, step: Step, effect: StopTask) -> None:
        if isinstance(step.state.spec, DynamicSpec) or step.state.phase is not Phase.STOPPING:
            return
        order = list(step.state.children)
        place = order.index(effect.child_id)
        later = [
            name
            for name in order[place + 1 :]
            if name in followed.alive and not step.state.children[name].stuck
        ]
        what = f"{step.path}/{effect.child_id} is stopped before {', '.join(later)} ended"
        demand(not later, "stop order is start order reversed", what)

    def _restarting(self, followed: Followed, step: Step, child_id: str) -> None:
        spec = step.state.spec
        own = isinstance(spec, DynamicSpec) and spec.child_max_restarts is not None
        allowed, window = spec.max_restarts, spec.max_seconds
        if isinstance(spec, DynamicSpec) and spec.child_max_restarts is not None:
            allowed, window = spec.child_max_restarts, spec.child_max_seconds
        times = followed.restarts.setdefault(child_id if own else "", deque())
        times.append(step.event.now)
        while times[0] < step.event.now - window:
            times.popleft()
        what = f"{step.path}: {len(times)} restarts in {window:g} s, {allowed} allowed"
        demand(len(times) <= allowed, "restarts stay within budget", what)

        if isinstance(spec, DynamicSpec) or spec.strategy is Strategy.ONE_FOR_ONE:
            return
        order = list(step.state.children)
        first = 0 if spec.strategy is Strategy.ONE_FOR_ALL else order.index(child_id)
        members = {name for name in order[first:] if not step.state.children[name].held}
        followed.group = members | followed.group if followed.going else members
        followed.going |= members & set(followed.alive)

    def _nobody_is_lost(self, followed: Followed, step: Step) -> None:
        state = step.state
        if state.phase not in (Phase.STARTING, Phase.RUNNING):
            followed.going.clear()
            return
        for child_id, child in state.children.items():
            place = f"{step.path}/{child_id} ({child.state})"
            alive = child_id in followed.alive
            demand(alive == child.live, "the state knows who lives", f"{place} lives: {alive}")
            excused = (
                child.held
                or child_id in followed.ignored
                or child.spec.restart is not Restart.PERMANENT
            )
            at_rest = child.state in (ChildState.DONE, ChildState.QUARANTINED)
            waits = child.state is ChildState.BACKING_OFF
            if child.state is ChildState.DONE:
                demand(excused, "no lost child", f"{place} should run")
            if waits:
                armed = child.due is not None or state.group is not None
                demand(armed, "no lost child", f"{place} waits for nothing")
            if child.state is ChildState.STARTING and not alive:
                demand(child.queued, "no lost child", f"{place} has no turn")
            if child.state is ChildState.RUNNING:
                demand(alive, "no lost child", f"{place} has no task")
            demand(not (at_rest and alive), "the state knows who lives", f"{place} lives")


def mail_is_conserved(tree: Tree, *, at_the_end: bool) -> None:
    """Check that every message sent is accounted for in every mailbox."""
    for node in tree.snapshot().nodes:
        if node.mailbox is not None:
            _conserved(node.path, node.mailbox, at_the_end=at_the_end)


def _conserved(path: str, mail: MailboxStatistics, *, at_the_end: bool) -> None:
    accounted = mail.handled + mail.refused + mail.expired + mail.dead_lettered
    whole = accounted + mail.coalesced + mail.waiting
    demand(mail.sent == whole, "mail is conserved", f"{path}: {mail}")
    if at_the_end:
        demand(mail.waiting == 0, "mail is conserved", f"{path}: {mail.waiting} wait for nobody")


def everything_permanent_runs(tree: Tree) -> None:
    """Check what must have come back once the faults are over."""
    branches = [tree.runtime.root]
    while branches:
        branch = branches.pop()
        if branch.state.phase is not Phase.RUNNING:
            where = f"{branch.path} is {branch.state.phase}"
            demand(False, "everything permanent runs again", where)
        for child_id, child in branch.state.children.items():
            if child.wanted:
                runs = child.state is ChildState.RUNNING
                what = f"{branch.path}/{child_id} is {child.state}"
                demand(runs, "everything permanent runs again", what)
            if child_id in branch.branches:
                branches.append(branch.branches[child_id])
