"""A running tree of processes: the handle, and the block that keeps it."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from supervisors.errors import (
    ChildRefused,
    NoChild,
    NoProcess,
    Quarantined,
    RootFailed,
    StartFailed,
    SupervisionError,
)
from supervisors.events import Event, EventLog
from supervisors.registry import Ref, Registry
from supervisors.slot import Slot
from supervisors.snapshot import Node, Snapshot
from supervisors.spec import DynamicSpec, SupervisorSpec, registered_name, validate
from supervisors.state import (
    AddChild,
    Child,
    ChildState,
    OutcomeKind,
    RestartChild,
    Stop,
    StopChild,
)
from supervisors.supervisor import Branch, Runtime, Waiter, exit_of, from_template


@asynccontextmanager
async def open_tree(
    spec: SupervisorSpec | DynamicSpec,
    *,
    seed: int | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> "AsyncIterator[Tree]":
    """Run a tree for the length of the block; entered once every child is ready.

    Leaving the block, or cancelling it from outside, stops the children in reverse order.
    `seed` fixes the jitter of restarts. `on_event` is called at once for each event; it must
    not wait. Raises InvalidSpec, StartFailed (naming the child) and, if the root gave up and
    `wait` has not said so yet, RootFailed.
    """
    validate(spec)
    tree = Tree(spec, secrets.randbits(64) if seed is None else seed, on_event)
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
        seed: int,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self._log = EventLog(on_event)
        self._stop_asked = False
        self._failure_told = False
        self.registry = Registry(self._explain_absence)
        self.runtime = Runtime(self, spec, seed, self._log)

    def ref(self, name: str) -> Ref:
        """Return a reference by registered name; it survives restarts."""
        return self.registry.ref(name)

    def events(self) -> tuple[Event, ...]:
        """Return the last events, newest last."""
        return self._log.recent()

    def snapshot(self) -> Snapshot:
        """Return the whole tree as plain data, without waiting for anybody."""
        nodes: list[Node] = []
        root = self.runtime.root
        nodes.append(_root_node(root))
        _add_nodes(root, nodes)
        at = trio.current_time()
        return Snapshot(revision=self.runtime.revision, at=at, nodes=tuple(nodes))

    async def start_child(self, supervisor_path: str, key: str) -> object:
        """Start a child of a dynamic supervisor and return the value it was ready with.

        Raises NoChild, ChildRefused, InvalidSpec or StartFailed; then the child is not kept.
        """
        branch = self.runtime.find_branch(supervisor_path)
        if branch is None:
            raise NoChild(supervisor_path, "there is no such supervisor running")
        if not isinstance(branch.state.spec, DynamicSpec):
            raise ChildRefused(f"{supervisor_path}/{key}", "its supervisor is not dynamic")

        spec = from_template(branch.state.spec, branch.path, key)
        waiter = Waiter(key, "up")
        self.runtime.post(branch, AddChild(trio.current_time(), spec), waiter)
        return await waiter.wait()

    async def stop_child(self, path: str) -> None:
        """Stop a child and return when it is down. It stays down until restart_child.

        A dynamic supervisor forgets the child. Raises NoChild.
        """
        branch, child_id = self._parent_of(path)
        waiter = Waiter(child_id, "down")
        event = StopChild(trio.current_time(), child_id, "stopped by an operator")
        self.runtime.post(branch, event, waiter)
        await waiter.wait()

    async def restart_child(self, path: str) -> object:
        """Stop a child if it is up, start it, and return the value it was ready with.

        Costs no restart budget; ends a backoff or a quarantine. Raises NoChild or StartFailed.
        """
        branch, child_id = self._parent_of(path)
        waiter = Waiter(child_id, "up")
        event = RestartChild(trio.current_time(), child_id, "restarted by an operator")
        self.runtime.post(branch, event, waiter)
        return await waiter.wait()

    def stop(self, reason: str) -> None:
        """Ask for an ordered stop; a second call stops everything at once, without limits."""
        at_once = self._stop_asked
        self._stop_asked = True
        self.runtime.post(self.runtime.root, Stop(trio.current_time(), reason, at_once))

    async def wait(self) -> None:
        """Return when the root has stopped. Raises RootFailed if it gave up."""
        await self.runtime.finished.wait()
        self.raise_failure()

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


def _root_node(root: Branch) -> Node:
    spec = root.state.spec
    return Node(
        path=root.path,
        id=spec.id,
        name=registered_name(spec, root.path),
        kind=spec.kind,
        state=str(root.state.phase),
        since=root.since,
        incarnation=1,
        restarts=0,
        last_exit=root.history.last_exit,
        strategy=_strategy(root),
        facts={},
    )


def _add_nodes(branch: Branch, nodes: list[Node]) -> None:
    for child_id, child in branch.state.children.items():
        below = branch.branches.get(child_id)
        nodes.append(_node(branch, child, below))
        if below is not None:
            _add_nodes(below, nodes)


def _node(branch: Branch, child: Child, below: Branch | None) -> Node:
    spec, path = child.spec, branch.child_path(child.spec.id)
    slot = branch.slots.get(spec.id)
    history = branch.history.children.get(spec.id)
    queue = None if slot is None else slot.queue
    return Node(
        path=path,
        id=spec.id,
        name=registered_name(spec, path),
        kind=spec.kind,
        state=str(child.state),
        since=child.since,
        incarnation=child.incarnation,
        restarts=max(0, child.incarnation - 1),
        due=child.due,
        reason=child.reason if child.state is ChildState.QUARANTINED else "",
        last_exit="" if history is None else history.last_exit,
        strategy="" if below is None else _strategy(below),
        mailbox_depth=0 if queue is None else len(queue),
        mailbox=None if queue is None else queue.statistics(),
        facts={} if slot is None else slot.facts,
    )


def _strategy(branch: Branch) -> str:
    spec = branch.state.spec
    return "dynamic" if isinstance(spec, DynamicSpec) else spec.strategy.value
