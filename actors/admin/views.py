"""What is in the tree, in the words of the protocol."""

import traceback
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from actors.masking import masked_error, masked_reason
from fluxiq.admin.protocol import DiffView, NodeView, TreeView
from supervisors import Diff, Event, Node, Snapshot, Tree

_HERE = str(Path(__file__).parents[2])

CAUSES_MAX = 10  # a longer chain of exceptions says nothing more


def tree_view(tree: Tree) -> TreeView:
    """The tree as it is now."""
    return _snapshot_view(tree.snapshot(), tree.closed_phases)


def plain(record: msgspec.Struct) -> Any:
    """As dicts and lists; a fact that JSON has no word for as Python shows it."""
    return msgspec.to_builtins(record, enc_hook=repr)


def change_view(change: Snapshot | Diff, closed_phases: tuple[str, ...]) -> TreeView | DiffView:
    if isinstance(change, Snapshot):
        return _snapshot_view(change, closed_phases)
    return DiffView(
        before_revision=change.before_revision,
        revision=change.revision,
        changed=tuple(map(partial(node_view, now=change.at), change.changed)),
        removed=change.removed,
        closed_phases=closed_phases,
    )


def _snapshot_view(snapshot: Snapshot, closed_phases: tuple[str, ...]) -> TreeView:
    nodes = tuple(node_view(node, snapshot.at) for node in snapshot.nodes)
    return TreeView(revision=snapshot.revision, nodes=nodes, closed_phases=closed_phases)


def node_view(node: Node, now: float) -> NodeView:
    return NodeView(
        path=node.path,
        id=node.id,
        kind=node.kind,
        state=node.state,
        strategy=node.strategy,
        restarts=node.restarts,
        incarnation=node.incarnation,
        since=now - node.since,
        mailbox=node.mailbox_depth,
        facts=dict(node.facts),
        last_exit=None if node.last_exit is None else masked_reason(node.last_exit),
        suspended=node.suspended,
        reason=masked_reason(node.reason),
        due=None if node.due is None else max(0.0, node.due - now),
        handled=None if node.mailbox is None else node.mailbox.handled,
        name=node.name,
        restart=node.restart,
        max_restarts=node.max_restarts,
        max_seconds=node.max_seconds,
    )


def event_view(event: Event, now: float) -> dict[str, object]:
    """An event with its exception tree: types and messages, masked, and no values."""
    return {
        "id": event.id,
        "cause": event.cause,
        "kind": event.kind.value,
        "path": event.path,
        "incarnation": event.incarnation,
        "seconds_ago": now - event.at,
        "reason": masked_reason(event.reason),
        "exception": _exceptions(event.exception),
    }


def _exceptions(error: BaseException | None) -> list[str]:
    """The error and what caused it, one line each, and where each was raised."""
    lines: list[str] = []
    for _ in range(CAUSES_MAX):
        if error is None:
            break
        lines += [masked_error(error), *_places(error)]
        error = error.__cause__
    return lines


def _places(error: BaseException) -> list[str]:
    """Our innermost place, and the innermost of all: a driver's line alone says little."""
    frames = [
        f"{frame.f_code.co_qualname} ({short_file(frame.f_code.co_filename)}:{number})"
        for frame, number in traceback.walk_tb(error.__traceback__)
    ]
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [one for one, file in zip(frames, files, strict=True) if _is_ours(file)]
    if not frames:
        return []
    if not ours or ours[-1] == frames[-1]:
        return [f"  in {frames[-1]}"]
    return [f"  in {ours[-1]}", f"  raised in {frames[-1]}"]


def short_file(file: str) -> str:
    """A path as an operator names it: from the project, or from the library, on."""
    _, found, after = file.rpartition("/site-packages/")
    return after if found else file.removeprefix(f"{_HERE}/")


def short_stack_line(line: str) -> str:
    """`PATH: FUNCTION (FILE:LINE)`, the file as short_file has it."""
    before, bracket, place = line.rpartition("(")
    return f"{before}({short_file(place)}" if bracket else line


def _is_ours(file: str) -> bool:
    return file.startswith(f"{_HERE}/") and "/site-packages/" not in file


def spec_view(tree: Tree, path: str) -> dict[str, object]:
    spec = tree.spec_of(path)
    fields = ("restart", "shutdown", "start_timeout", "significant", "phase", "kind")
    more = ("strategy", "max_restarts", "max_seconds", "max_children", "child_max_restarts")
    view = {field: getattr(spec, field) for field in (*fields, *more) if hasattr(spec, field)}
    view["restart"] = spec.restart.value
    if "strategy" in view:
        view["strategy"] = view["strategy"].value
    shown = {name: "infinity" if value == float("inf") else value for name, value in view.items()}
    return {**shown, "backoff": msgspec.to_builtins(spec.backoff)}
