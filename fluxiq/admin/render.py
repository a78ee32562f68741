"""The tree as text: states in words, and only facts that an operator asks for first."""

from collections.abc import Iterator
from typing import Any

from fluxiq.admin.protocol import NodeView, TreeView


def render_tree(tree: TreeView) -> str:
    """One line a node, indented by its place."""
    children: dict[str, list[NodeView]] = {}
    roots = []
    for node in tree.nodes:
        parent, _, _ = node.path.rpartition("/")
        children.setdefault(parent, []).append(node) if parent else roots.append(node)
    return "\n".join(row for root in roots for row in _rows(root, children, "", ""))


def _rows(
    node: NodeView, children: dict[str, list[NodeView]], lead: str, follow: str
) -> Iterator[str]:
    yield f"{lead}{_describe(node)}"
    below = children.get(node.path, [])
    for number, child in enumerate(below, 1):
        last = number == len(below)
        yield from _rows(
            child,
            children,
            follow + ("└─ " if last else "├─ "),
            follow + ("   " if last else "│  "),
        )


def _describe(node: NodeView) -> str:
    words = [node.id]
    if node.strategy:
        words.append(f"({node.strategy})")
    words.append(node.state)
    if node.suspended:
        words.append("SUSPENDED")
    if node.state == "running":
        words.append(_duration(node.since))
    if node.restarts:
        words.append(f"restarts={node.restarts}")
    if node.mailbox:
        words.append(f"mailbox={node.mailbox}")
    words += [f"{name}={value}" for name, value in node.facts.items()]
    if node.last_exit is not None and node.state != "running":
        words.append(f"— {node.reason or node.last_exit}")
    return " ".join(words)


def _duration(seconds: float) -> str:
    """3.2s, 12m, 5h, 3d: as coarse as its size."""
    if seconds < 100:  # noqa: PLR2004  below a hundred, seconds read best
        return f"{seconds:.1f}s"
    for unit, size, limit in (("m", 60, 100), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"


def render_event(event: dict[str, Any]) -> str:
    """One event in one line, and the exception behind it below."""
    ago = _duration(event["seconds_ago"])
    place = f"{event['path']} #{event['incarnation']}"
    first = f"{event['kind']} {place} {ago} ago: {event['reason']}"
    return "\n".join([first, *(f"    {line}" for line in event["exception"])])


def render_inspection(answer: dict[str, Any]) -> str:
    """One process in the order an operator asks: how is it, what happened, where does it wait."""
    node = answer["node"]
    lines = [f"{node['path']} ({node['kind']}) is {node['state']} since {_duration(node['since'])}"]
    if node["suspended"]:
        lines.append("it is SUSPENDED")
    if node["reason"]:
        lines.append(f"because: {node['reason']}")
    lines.append(f"incarnation {node['incarnation']}, {node['restarts']} restarts")
    lines += [f"{name}: {value}" for name, value in node["facts"].items()]
    lines.append("spec: " + ", ".join(f"{name}={value}" for name, value in answer["spec"].items()))
    if answer["mailbox"] is not None:
        counts = ", ".join(f"{name} {value}" for name, value in answer["mailbox"].items())
        lines.append(f"mailbox: {counts}; first: {', '.join(answer['mailbox_head']) or 'empty'}")
    lines += ["waits in:", *(f"  {line}" for line in answer["stack"])] if answer["stack"] else []
    lines += ["last events:", *(f"  {render_event(one)}" for one in answer["events"])]
    return "\n".join(lines)
