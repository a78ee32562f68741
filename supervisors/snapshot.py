"""A tree as plain data, taken without asking any actor."""

from collections.abc import Mapping
from typing import NamedTuple

import trio

from supervisors.branch import Branch
from supervisors.mailbox import MailboxStatistics
from supervisors.spec import DynamicSpec, registered_name
from supervisors.state import Child, ChildState

_NO_FACTS: Mapping[str, object] = {}


class Node(NamedTuple):
    """One child, or supervisor, at one moment. Times are trio's clock in seconds.

    `state` is a ChildState value; `due` is when a child that backs off starts again; `reason`
    says why a child is in quarantine; `mailbox` is None for what is no actor, and the budget of
    `max_restarts` within `max_seconds` for what is no supervisor.
    """

    path: str
    id: str
    name: str
    kind: str
    state: str
    since: float
    incarnation: int
    restarts: int
    due: float | None
    reason: str
    last_exit: str
    strategy: str
    restart: str
    significant: bool
    suspended: bool
    max_restarts: int | None
    max_seconds: float | None
    mailbox_depth: int
    mailbox: MailboxStatistics | None
    facts: Mapping[str, object]


class Snapshot(NamedTuple):
    """All nodes, parents before children, in start order.

    A greater `revision` means that something changed in between.
    """

    revision: int
    at: float
    nodes: tuple[Node, ...]

    def find(self, path: str) -> Node | None:
        return next((node for node in self.nodes if node.path == path), None)


class NodeStatistics(NamedTuple):
    """What one child did; `seconds_up` is 0 for one that does not run now."""

    path: str
    state: str
    seconds_up: float
    incarnation: int
    restarts: int
    suspended: bool
    mailbox_depth: int
    mailbox: MailboxStatistics | None


def take_snapshot(root: Branch, revision: int) -> Snapshot:
    nodes = [_root_node(root)]
    _add_nodes(root, nodes)
    return Snapshot(revision, trio.current_time(), tuple(nodes))


def node_of(branch: Branch, child: Child) -> Node:
    """Return one child as plain data."""
    spec = child.spec
    child_id = spec.id
    path = f"{branch.path}/{child_id}"
    slot = branch.slots.get(child_id)
    history = branch.history.children.get(child_id)
    below = branch.branches.get(child_id)
    queue = None if slot is None or slot.body is None else slot.body.queue
    restarts = child.incarnation - 1
    own = below.state.spec if below is not None else None
    return Node(
        path,
        child_id,
        slot.name if slot is not None else registered_name(spec, path),
        spec.kind,
        child.state.value,
        child.since,
        child.incarnation,
        max(0, restarts),
        child.due,
        child.reason if child.state is ChildState.QUARANTINED else "",
        "" if history is None else history.last_exit,
        "" if below is None else _strategy(below),
        spec.restart.value,
        spec.significant,
        child.live and slot is not None and slot.suspended,
        None if own is None else own.max_restarts,
        None if own is None else own.max_seconds,
        0 if queue is None else len(queue),
        None if queue is None else queue.statistics(),
        _NO_FACTS if slot is None else slot.facts,
    )


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
        due=None,
        reason="",
        last_exit=root.history.last_exit,
        strategy=_strategy(root),
        restart=spec.restart.value,
        significant=False,
        suspended=False,
        max_restarts=spec.max_restarts,
        max_seconds=spec.max_seconds,
        mailbox_depth=0,
        mailbox=None,
        facts=_NO_FACTS,
    )


def _add_nodes(branch: Branch, nodes: list[Node]) -> None:
    for child in branch.state.children.values():
        nodes.append(node_of(branch, child))
        below = branch.branches.get(child.spec.id)
        if below is not None:
            _add_nodes(below, nodes)


def _strategy(branch: Branch) -> str:
    spec = branch.state.spec
    return "dynamic" if isinstance(spec, DynamicSpec) else spec.strategy.value
