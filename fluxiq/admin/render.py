"""The tree as text: states in words, and only facts that an operator asks for first."""

from collections.abc import Iterator

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
