"""A running tree of processes: the handle, and the block that keeps it."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import trio

from supervisors.admission import AdmissionStatistics, RestartAdmission
from supervisors.branch import Branch, exit_of, from_template
from supervisors.change import SpecPlan, StalePlan, apply_change, plan_change
from supervisors.errors import (
    AmbiguousName,
    ChildRefused,
    InvalidSpec,
    NoChild,
    NoProcess,
    NotQuarantined,
    Quarantined,
    RootFailed,
    StartFailed,
    SupervisionError,
)
from supervisors.events import Event, EventKind, EventLog
from supervisors.explain import Explanation, explain, explain_root
from supervisors.groups import Group
from supervisors.monitors import Monitor
from supervisors.phases import PhasedStop, ShutdownPhases, phase_children
from supervisors.registry import Ref, Registry
from supervisors.slot import History, Slot
from supervisors.snapshot import Node, NodeStatistics, Snapshot, node_of, take_snapshot
from supervisors.spec import DynamicSpec, Spec, SupervisorSpec, validate
from supervisors.state import (
    AddChild,
    Child,
    ChildState,
    OutcomeKind,
    RestartChild,
    Stop,
    StopChild,
)
from supervisors.supervisor import OnStep, Runtime
from supervisors.tracing import TraceEntry
from supervisors.waiters import Waiter
from supervisors.watch import Watch, Watched

ADMISSION = RestartAdmission()
STATE_SECONDS_MAX = 1.0


@asynccontextmanager
async def open_tree(
    spec: SupervisorSpec | DynamicSpec,
    *,
    seed: int | None = None,
    on_open: "Callable[[Tree], None] | None" = None,
    on_event: Callable[[Event], None] | None = None,
    on_step: OnStep | None = None,
    admission: RestartAdmission = ADMISSION,
    phases: ShutdownPhases | None = None,
) -> "AsyncIterator[Tree]":
    """Run a tree for the length of the block; entered once every child is ready.

    Leaving the block, or cancelling it from outside, stops the children in reverse order.
    `seed` fixes the jitter of restarts. `on_open` is called with the tree before anything
    starts. `on_event` is called at once for each event; it must not wait; so is `on_step`, after
    each decision. `admission` limits restarts over the whole tree. With `phases` an ordered stop
    goes phase by phase first. Raises InvalidSpec, StartFailed (naming the child) and, if the root
    gave up and `wait` has not said so yet, RootFailed.
    """
    validate(spec)
    if phases is not None:
        phases.check(spec)
    tree = Tree(
        spec,
        seed=secrets.randbits(64) if seed is None else seed,
        on_event=on_event,
        on_step=on_step,
        admission=admission,
        phases=phases,
    )
    if on_open is not None:
        on_open(tree)
    raised: BaseException | None = None
    async with trio.open_nursery() as outer:
        sentinel = trio.CancelScope()
        outer.start_soon(tree.runtime.run, name=f"{spec.id}: keeper")
        outer.start_soon(_stop_when_cancelled, tree, sentinel, name=f"{spec.id}: sentinel")
        try:
            await tree.wait_ready()
            yield tree
        except BaseException as error:  # noqa: BLE001 -- raised again below, outside the nursery
            raised = error
        tree.stop_in_order("its block ended")
        with trio.CancelScope(shield=True):  # bounded by the children's own limits
            await tree.runtime.finished.wait()
        sentinel.cancel(reason="the tree has stopped")

    if tree.runtime.interrupted is not None:
        raise tree.runtime.interrupted
    if raised is not None:
        raise raised
    tree.raise_failure()


class Tree:
    """A handle on the running tree, safe to use from any task of the same event loop."""

    def __init__(
        self,
        spec: SupervisorSpec | DynamicSpec,
        *,
        seed: int,
        on_event: Callable[[Event], None] | None,
        on_step: OnStep | None,
        admission: RestartAdmission,
        phases: ShutdownPhases | None,
    ) -> None:
        self._log = EventLog(on_event)
        self._stop_asked = False
        self._failure_told = False
        self._phases = phases
        self.registry = Registry(self._explain_absence)
        self.runtime = Runtime(
            self,
            spec,
            seed=seed,
            log=self._log,
            admission=admission,
            on_step=on_step,
            check_spec=self._check_phase,
        )
        self.watched = Watched(self.snapshot, self.runtime.changed, self.runtime.finished.is_set)

    def ref(self, name: str) -> Ref:
        """Return a reference by registered name; it survives restarts."""
        return self.registry.ref(name)

    def events(self) -> tuple[Event, ...]:
        """Return the last events, newest last."""
        return self._log.recent()

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self.runtime.revision

    def snapshot(self) -> Snapshot:
        """Return the whole tree as plain data, without waiting for anybody."""
        return take_snapshot(self.runtime.root, self.runtime.revision)

    # Children

    async def start_child(self, supervisor_path: str, key: str, *, reason: str = "") -> object:
        """Start a child of a dynamic supervisor and return the value it was ready with.

        Raises NoChild, ChildRefused, InvalidSpec or StartFailed; then the child is not kept.
        """
        branch = self.runtime.find_branch(supervisor_path)
        if branch is None:
            raise NoChild(supervisor_path, "there is no such supervisor running")
        if not isinstance(branch.state.spec, DynamicSpec):
            raise ChildRefused(f"{supervisor_path}/{key}", "its supervisor is not dynamic")

        spec = from_template(branch.state.spec, branch.path, key)
        self._check_phase(spec, f"{supervisor_path}/{key}")
        waiter = Waiter(key, "up")
        cause = self._request(branch, "", f"start {key}", reason) if reason else 0
        add = AddChild(trio.current_time(), spec, cause=cause)
        self.runtime.post(branch, add, waiter)
        return await waiter.wait()

    async def stop_child(self, path: str, *, reason: str = "") -> None:
        """Stop a child and return when it is down. It stays down until restart_child.

        A dynamic supervisor forgets the child. Raises NoChild.
        """
        branch, child_id = self._parent_of(path)
        await self._stop_child(branch, child_id, reason)

    async def stop_child_if_idle(self, path: str, *, reason: str = "") -> bool:
        """Stop an actor if it has nothing to do; False, and untouched, if it has.

        The look and the closing of the mailbox are one step: no message is accepted and then
        dead-lettered. Raises NoChild.
        """
        branch, child_id = self._parent_of(path)
        slot = branch.slots.get(child_id)
        if slot is None or slot.body is None or not slot.body.is_idle:
            return False

        slot.close_mailbox()
        await self._stop_child(branch, child_id, reason)
        return True

    def idle_children(self, supervisor_path: str) -> Iterator[tuple[str, int]]:
        """Yield the key, and the messages handled so far, of every child actor that is idle now.

        Raises NoChild.
        """
        branch = self.runtime.find_branch(supervisor_path)
        if branch is None:
            raise NoChild(supervisor_path, "there is no such supervisor running")
        for key, slot in list(branch.slots.items()):
            if slot.body is not None and slot.body.is_idle:
                yield key, slot.body.turns

    async def restart_child(self, path: str, *, reason: str = "") -> object:
        """Stop a child if it is up, start it, and return the value it was ready with.

        Costs no restart budget; ends a backoff or a quarantine. Raises NoChild, StartFailed, or
        ChildRefused if its shutdown phase is over.
        """
        branch, child_id = self._parent_of(path)
        return await self._restart_child(branch, child_id, EventKind.REQUESTED, "restart", reason)

    async def release(self, path: str, *, reason: str = "") -> object:
        """Let a quarantined child start again, with a fresh budget; return as restart_child.

        Raises NotQuarantined, and what restart_child raises.
        """
        branch, child_id = self._parent_of(path)
        state = branch.state.children[child_id].state
        if state is not ChildState.QUARANTINED:
            raise NotQuarantined(path, str(state))
        return await self._restart_child(branch, child_id, EventKind.RELEASED, "release", reason)

    @property
    def closed_phases(self) -> tuple[str, ...]:
        """The shutdown phases whose children are kept down now, in their order."""
        plan = () if self._phases is None else self._phases.phases
        return tuple(name for name, _ in plan if name in self.runtime.closed_phases)

    def phase(self, name: str) -> tuple[Node, ...]:
        """Return the children of a shutdown phase, in start order. Raises InvalidSpec."""
        self._limit_of(name)
        found = phase_children(self.runtime.root, name)
        return tuple(node_of(branch, branch.state.children[one]) for branch, one in found)

    async def close_phase(self, name: str, *, reason: str = "") -> None:
        """Stop the children of a shutdown phase, and keep them down whatever restarts above them.

        Returns when they are down, or the limit of the phase has passed. Doing it twice is doing
        it once. Raises InvalidSpec, and ChildRefused once the tree stops.
        """
        limit, plan = self._limit_of(name), self._phases_of_a_tree_that_stays()
        cause = self._request(self.runtime.root, "", f"close phase {name}", reason)
        stop = PhasedStop(self.runtime, plan, reason or "asked to close", cause)
        await stop.stop_phase(name, limit)

    async def open_phase(self, name: str, *, reason: str = "") -> None:
        """Start the children of a closed phase again, in start order, also those stopped alone.

        Doing it twice is doing it once. Raises InvalidSpec, ChildRefused once the tree stops, and
        StartFailed for the first that did not start, when all others were asked to.
        """
        self._limit_of(name)
        self._phases_of_a_tree_that_stays()
        if name not in self.runtime.closed_phases:
            return
        self._request(self.runtime.root, "", f"open phase {name}", reason)
        self.runtime.open_phase(name)
        failed: SupervisionError | None = None
        for branch, child_id in list(phase_children(self.runtime.root, name)):
            child = branch.state.children.get(child_id)
            if child is None or not child.held or name in self.runtime.closed_phases:
                continue  # it went meanwhile, never was down, or the phase is closed again
            try:
                await self.restart_child(branch.child_path(child_id), reason=reason)
            except SupervisionError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def stop(self, reason: str) -> None:
        """Ask for an ordered stop; a second call stops everything at once, without limits."""
        at_once = self._stop_asked
        self._stop_asked = True
        root = self.runtime.root
        what = "stop at once" if at_once else "stop"
        cause = self._request(root, "", what, reason)
        if self._phases is None or at_once:
            self.runtime.post(root, Stop(trio.current_time(), reason, at_once, cause))
        else:
            PhasedStop(self.runtime, self._phases, reason, cause).begin()

    async def wait(self) -> None:
        """Return when the root has stopped. Raises RootFailed if it gave up."""
        await self.runtime.finished.wait()
        self.raise_failure()

    # Looking, without waiting

    def resolve(self, name_or_path: str) -> str:
        """Return the path of a child by path, registered name, or unique end of a path.

        Raises NoChild or AmbiguousName.
        """
        nodes = self.snapshot().nodes
        for node in nodes:
            if name_or_path in (node.path, node.name):
                return node.path
        found = [node.path for node in nodes if node.path.endswith(f"/{name_or_path}")]
        if not found:
            raise NoChild(name_or_path)
        if len(found) > 1:
            raise AmbiguousName(name_or_path, found)
        return found[0]

    def statistics(self, path: str) -> NodeStatistics:
        """Return the counts of one child. Raises NoChild."""
        node = self._node(path)
        up = trio.current_time() - node.since if node.state == ChildState.RUNNING else 0.0
        return NodeStatistics(
            path,
            node.state,
            up,
            node.incarnation,
            node.restarts,
            node.suspended,
            node.mailbox_depth,
            node.mailbox,
        )

    def mailbox_head(self, path: str, limit: int = 10) -> tuple[str, ...]:
        """Return the types of the first messages that wait. Raises NoChild."""
        slot = self._slot(path)
        return () if slot is None or slot.queue is None else slot.queue.head(limit)

    def stack(self, path: str) -> tuple[str, ...]:
        """Return where the tasks of a child, or of all below a supervisor, wait. Raises NoChild."""
        if path == self.runtime.root.path:
            root = self.runtime.root
            lines = [line for name in root.slots for line in self.runtime.stacks(root, name)]
            return tuple(lines)
        return tuple(self.runtime.stacks(*self._parent_of(path)))

    def spec_of(self, path: str) -> Spec:
        """Return the spec that is in force now. Raises NoChild."""
        if path == self.runtime.root.path:
            return self.runtime.root.state.spec
        branch, child_id = self._parent_of(path)
        return branch.state.children[child_id].spec

    def explain(self, path: str) -> Explanation:
        """Say what would happen if the child crashed now: a dry run of `decide`. Raises NoChild."""
        root = self.runtime.root
        return explain_root(root) if path == root.path else explain(*self._parent_of(path))

    def why(self, path: str) -> tuple[Event, ...]:
        """Return the last transition of a node and what led to it, newest first. Raises NoChild."""
        flight = self.flight(path)
        last = flight[-1] if flight else self._first_start(path)
        return () if last is None else self._log.chain(last)

    def flight(self, path: str) -> tuple[Event, ...]:
        """Return the last events of a node, oldest first, over all incarnations.

        The first start of a child that never had trouble is not kept. Raises NoChild.
        """
        return tuple(self._history(path).events or ())

    def admission(self) -> AdmissionStatistics:
        """Return how many restarts wait for their turn."""
        return self.runtime.admission.statistics()

    def watch(self, *, interval: float = 0.25) -> Watch:
        """Return a watch: a Snapshot, then a Diff at most every `interval` seconds."""
        return Watch(self.watched, interval)

    # Operating

    def suspend(self, path: str, *, reason: str = "") -> None:
        """Let an actor take no more mail, or a worker no more turns, after the one in hand.

        Mail waits meanwhile, and calls run into their deadlines. Raises NoChild, NotAnActor.
        """
        self._running_slot(path).suspend()
        self._tell(EventKind.SUSPENDED, path, reason)

    def resume(self, path: str, *, reason: str = "") -> None:
        """End a suspension. Raises NoChild, NotAnActor."""
        self._running_slot(path).resume()
        self._tell(EventKind.RESUMED, path, reason)

    async def get_state(
        self,
        path: str,
        *,
        timeout: float = STATE_SECONDS_MAX,  # noqa: ASYNC109 -- as in call
    ) -> dict[str, object]:
        """Return an actor's state between two messages, secrets masked.

        Raises NoChild, NotAnActor, NoProcess, and CallTimeout when the message in hand takes
        longer than `timeout` seconds.
        """
        return await self._running_slot(path).get_state(timeout)

    async def replace_state(
        self,
        path: str,
        changes: Mapping[str, object],
        *,
        timeout: float = STATE_SECONDS_MAX,  # noqa: ASYNC109 -- as in call
        reason: str = "",
    ) -> None:
        """Set attributes of an actor between two messages, all or none.

        Raises StateRefused, and what get_state raises.
        """
        await self._running_slot(path).replace_state(changes, timeout)
        self._tell(EventKind.STATE_REPLACED, path, reason or ", ".join(changes))

    def trace(self, path: str, size: int) -> None:
        """Keep what becomes of an actor's last `size` messages from now on; 0 ends the trace.

        Raises NoChild, NotAnActor, ValueError.
        """
        self._running_slot(path).trace(size)

    def traced(self, path: str) -> tuple[TraceEntry, ...]:
        """Return the trace so far, oldest first. Raises NoChild, NotAnActor."""
        return self._running_slot(path).traced()

    def plan(self, path: str, changes: Mapping[str, object]) -> SpecPlan:
        """Check a change of plain spec fields and say what it would do.

        Raises NoChild, and InvalidSpec with the field.
        """
        return plan_change(path, self.spec_of(path), changes)

    async def apply(self, plan: SpecPlan, *, reason: str = "") -> None:
        """Carry a plan out. It survives restarts of the supervisors above, not of the process.

        Raises NoChild, and StalePlan if the spec has changed since.
        """
        if self.spec_of(plan.path) is not plan.before:
            raise StalePlan(plan.path)
        apply_change(self.runtime, plan)
        self._tell(EventKind.SPEC_CHANGED, plan.path, f"{plan.summary()} {reason}".strip())
        await trio.lowlevel.checkpoint()

    # Monitors and groups

    def monitor(self, name: str) -> Monitor:
        """Wait for the end of the process that has the name now; one that nobody has is down."""
        monitor = Monitor(name)
        self.registry.monitors.add(name, monitor.tell)
        return monitor

    def group(self, name: str) -> Group:
        """Return a group of processes."""
        return self.registry.groups.group(name)

    # For open_tree

    def stop_in_order(self, reason: str) -> None:
        """Ask for an ordered stop if nobody has; never hurries one that is under way."""
        if not self._stop_asked:
            self.stop(reason)

    async def wait_ready(self) -> None:
        async with trio.open_nursery() as nursery:
            for event in (self.runtime.root_ready, self.runtime.finished):
                nursery.start_soon(_cancel_after, event, nursery.cancel_scope)
        if self.runtime.root_ready.is_set():
            return

        outcome, root = self.runtime.outcome, self.runtime.root
        self._failure_told = True
        if outcome is None or outcome.kind is OutcomeKind.STOPPED:
            reason = "the runtime ended" if outcome is None else outcome.reason
            raise StartFailed(root.path, f"stopped before it was ready: {reason}")
        error = exit_of(root, outcome, outcome.at).exception
        if isinstance(error, StartFailed):
            raise error
        raise StartFailed(root.path, outcome.reason, error)

    def raise_failure(self) -> None:
        """Raise once what ended the tree, if it was not a stop."""
        outcome = self.runtime.outcome
        if outcome is None or outcome.kind is not OutcomeKind.GAVE_UP or self._failure_told:
            return
        self._failure_told = True
        raise RootFailed(outcome.reason, outcome.exception)

    def _parent_of(self, path: str) -> tuple[Branch, str]:
        parent, _, child_id = path.rpartition("/")
        branch = self.runtime.find_branch(parent)
        if branch is None or child_id not in branch.state.children:
            raise NoChild(path)
        return branch, child_id

    def _limit_of(self, phase: str) -> float:
        limits = {} if self._phases is None else dict(self._phases.phases)
        if phase not in limits:
            raise InvalidSpec("phases", "name", f"{phase!r} is none of {', '.join(limits)}")
        return limits[phase]

    def _phases_of_a_tree_that_stays(self) -> ShutdownPhases:
        assert self._phases is not None
        if self._stop_asked:
            raise ChildRefused(self.runtime.root.path, "it is stopping")
        return self._phases

    def _first_start(self, path: str) -> Event | None:
        """Give the one event that no flight recorder keeps, so that idle children stay small.

        The log of all has it for a while, with whoever asked for it; later it is made again of
        what the supervisor still knows. None if the child has not been up yet, or is the root.
        """
        if path == self.runtime.root.path:
            return None
        branch, child_id = self._parent_of(path)
        child = branch.state.children[child_id]
        told = child.told
        if told is None or told.kind is not EventKind.STARTED or child.ready_at is None:
            return None
        for event in reversed(self._log.recent()):
            if event.id == told.event:
                return event

        # A child of the spec started because its supervisor did: what led to that led here too.
        cause = 0
        for event in branch.history.events or ():
            if event.kind is EventKind.STARTED and not child.requested:
                cause = event.cause
        at, reason = child.ready_at, told.reason
        return Event(told.kind, path, child.incarnation, reason, None, at, told.event, cause)

    def _check_phase(self, spec: Spec, path: str) -> None:
        if self._phases is not None:
            self._phases.check(spec, path)

    def _slot(self, path: str) -> Slot | None:
        branch, child_id = self._parent_of(path)
        return branch.slots.get(child_id)

    def _running_slot(self, path: str) -> Slot:
        branch, child_id = self._parent_of(path)
        slot = branch.slots.get(child_id)
        if slot is None or not branch.state.children[child_id].live:
            raise NoProcess(path, f"it is {branch.state.children[child_id].state}")
        return slot

    def _node(self, path: str) -> Node:
        if path == self.runtime.root.path:
            return self.snapshot().nodes[0]
        branch, child_id = self._parent_of(path)
        return node_of(branch, branch.state.children[child_id])

    def _history(self, path: str) -> History:
        if path == self.runtime.root.path:
            return self.runtime.root.history
        branch, child_id = self._parent_of(path)
        return branch.history.of(child_id)

    def _tell(self, kind: EventKind, path: str, reason: str) -> int:
        history = self._history(path)
        said = reason or "asked by the platform"
        return self.runtime.tell(kind, path, history.incarnation, said, history=history)

    def _request(self, branch: Branch, child_id: str, what: str, reason: str) -> int:
        text = f"{what}: {reason}" if reason else what
        return self._tell(EventKind.REQUESTED, branch.child_path(child_id), text)

    async def _stop_child(self, branch: Branch, child_id: str, reason: str) -> None:
        cause = self._request(branch, child_id, "stop", reason)
        waiter = Waiter(child_id, "down")
        said = reason or "stopped by an operator"
        stop = StopChild(trio.current_time(), child_id, said, cause)
        self.runtime.post(branch, stop, waiter)
        await waiter.wait()

    async def _restart_child(
        self, branch: Branch, child_id: str, kind: EventKind, what: str, reason: str
    ) -> object:
        phase = branch.state.children[child_id].spec.phase
        if phase in self.runtime.closed_phases:
            raise ChildRefused(branch.child_path(child_id), f"its shutdown phase {phase} is over")
        text = f"{what}: {reason}" if reason else what
        cause = self._tell(kind, branch.child_path(child_id), text)
        waiter = Waiter(child_id, "up")
        said = reason or "restarted by an operator"
        restart = RestartChild(trio.current_time(), child_id, said, cause)
        self.runtime.post(branch, restart, waiter)
        return await waiter.wait()

    def _explain_absence(self, name: str) -> SupervisionError:
        """Say why a name has no mailbox: find the first child on its path that is not up."""
        root = self.runtime.root
        path = self.registry.holder(name) or self.registry.last_path(name)
        branch: Branch | None = root
        slot: Slot | None = None
        for child_id in (path or f"{root.path}/{name}").split("/")[1:]:
            child = None if branch is None else branch.state.children.get(child_id)
            if branch is None or child is None:
                return NoProcess(name)
            if child.state is ChildState.QUARANTINED:
                return Quarantined(name, child.reason, child.retry_at)
            if not child.live:
                return NoProcess(name, _absence(branch.child_path(child_id), child))
            slot = branch.slots[child_id]
            branch = branch.branches.get(child_id)
        ending = slot is not None and slot.queue is not None
        return NoProcess(name, "it is about to end" if ending else "it has no mailbox")


async def _stop_when_cancelled(tree: Tree, scope: trio.CancelScope) -> None:
    """Turn a cancellation from outside into an ordered stop, even while the block is busy."""
    with scope:
        try:
            await trio.sleep_forever()
        finally:
            tree.stop_in_order("cancelled from outside")


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _absence(path: str, child: Child) -> str:
    if child.state is ChildState.BACKING_OFF and child.due is not None:
        wait = max(0.0, child.due - trio.current_time())
        return f"{path} is down and restarts in {wait:.3f} s"
    return f"{path} is {child.state}"
