"""The supervision tree, as `GET /operations/tree` says it and as it is told on the websocket."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct


class TreeNode(Struct, frozen=True, kw_only=True):
    """A supervisor or one of its children. `since` and `due` are seconds: in this state, and until
    the next start of one that backs off. `reason` says why one is in quarantine, `last_exit` why
    the incarnation before ended. `mailbox` counts the messages that wait, `handled` those that were
    worked on; both are null for what is no actor. A supervisor gives up after more than
    `max_restarts` within `max_seconds`. `facts` are what it reports of itself, such as a `pid`.
    """

    path: str
    id: str
    name: str
    kind: str
    state: str
    since: float
    due: float | None
    reason: str
    restart: str
    restarts: int
    incarnation: int
    last_exit: str | None
    strategy: str | None
    max_restarts: int | None
    max_seconds: float | None
    suspended: bool
    mailbox: int | None
    handled: int | None
    facts: dict[str, Any]


class TreeView(Struct, frozen=True, kw_only=True):
    """The tree, parents before children, siblings in start order. `closed_phases` are the phases of
    a shutdown that are kept down, as by a drain.
    """

    revision: int
    nodes: list[TreeNode]
    closed_phases: list[str]


class TreeTold(TreeView, frozen=True, kw_only=True, tag_field="type", tag="tree"):
    """The tree as a client first hears of it, and instead of a patch that would be longer."""

    topic: Literal["tree"] = "tree"


class TreePatchTold(Struct, frozen=True, kw_only=True, tag_field="type", tag="tree_patch"):
    """What is different since `before_revision`: nodes that changed or are new, those behind their
    siblings, and paths that are gone.
    """

    topic: Literal["tree"] = "tree"
    before_revision: int
    revision: int
    changed: list[TreeNode]
    removed: list[str]
    closed_phases: list[str]


def tree_view(answer: Mapping[str, Any]) -> TreeView:
    """Of the desk's answer to `tree`."""
    return msgspec.convert(answer, TreeView)


def tree_told(change: Mapping[str, Any]) -> TreeTold | TreePatchTold:
    """Of what the desk's `watch_tree` gives."""
    if "changed" in change:
        return msgspec.convert({**change, "type": "tree_patch"}, TreePatchTold)
    return msgspec.convert({**change, "type": "tree"}, TreeTold)
