"""A tree as plain data, taken without asking any actor."""

from collections.abc import Mapping
from dataclasses import dataclass

from supervisors.mailbox import MailboxStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One child, or supervisor, at one moment. Times are trio's clock in seconds.

    `state` is a ChildState value; `due` is when a child that backs off starts again;
    `reason` says why a child is in quarantine; `mailbox` is None for what is no actor.
    """

    path: str
    id: str
    name: str
    kind: str
    state: str
    since: float
    incarnation: int
    restarts: int
    due: float | None = None
    reason: str = ""
    last_exit: str = ""
    strategy: str = ""
    mailbox_depth: int = 0
    mailbox: MailboxStatistics | None = None
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All nodes, parents before children, in start order.

    A greater `revision` means that something changed in between.
    """

    revision: int
    at: float
    nodes: tuple[Node, ...]

    def find(self, path: str) -> Node | None:
        return next((node for node in self.nodes if node.path == path), None)
