"""The tree and its processes as text: states in words, and what an operator asks for first."""

from collections.abc import Iterator

from fluxiq.admin.protocol import DiffView, NodeView, TreeView


def render_tree(tree: TreeView) -> str:
    """One line a node, indented by its place; below them once more what needs a look."""
    children: dict[str, list[NodeView]] = {}
    roots = []
    for node in tree.nodes:
        parent, _, _ = node.path.rpartition("/")
        children.setdefault(parent, []).append(node) if parent else roots.append(node)
    rows = [row for root in roots for row in _rows(root, children, "", "")]
    if tree.closed_phases:
        rows.insert(0, f"DRAINED: {', '.join(tree.closed_phases)}; `undrain` starts it again")
    # In a long tree nobody finds one word at three in the morning.
    trouble = [node for node in tree.nodes if is_trouble(node)]
    if trouble:
        rows += ["", "needs a look:", *(f"  {node.path} {_how(node)}" for node in trouble)]
    return "\n".join(rows)


def is_trouble(node: NodeView) -> bool:
    """Whether an operator should know: it is down and does not want to be, or does no work."""
    return node.suspended or node.state in ("quarantined", "backing_off")


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
        words.append(duration(node.since))
    if node.restarts:
        words.append(f"restarts={node.restarts}")
    if node.mailbox:
        words.append(f"mailbox={node.mailbox}")
    words += [f"{name}={value}" for name, value in node.facts.items()]
    if node.last_exit is not None and node.state != "running":
        words.append(f"— {node.reason or node.last_exit}")
    return " ".join(words)


def _how(node: NodeView) -> str:
    if node.suspended:
        return "is SUSPENDED"
    due = "" if node.due is None else f", next start in {duration(node.due)}"
    return f"is {node.state}{due}: {node.reason or node.last_exit}"


def duration(seconds: float) -> str:
    """3.2s, 12m, 5h, 3d: as coarse as its size."""
    if seconds < 100:  # noqa: PLR2004  below a hundred, seconds read best
        return f"{seconds:.1f}s"
    for unit, size, limit in (("m", 60, 100), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"


class Changes:
    """What a watcher hears, as lines: the changes of state, and at first only what needs a look."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int, bool]] = {}

    def lines(self, change: TreeView | DiffView) -> Iterator[str]:
        first = not self._seen
        if isinstance(change, TreeView):
            nodes = change.nodes
            removed = self._seen.keys() - {node.path for node in nodes}
        else:
            nodes, removed = change.changed, set(change.removed)
        for node in nodes:
            seen = (node.state, node.incarnation, node.suspended)
            if self._seen.get(node.path) != seen and (not first or is_trouble(node)):
                yield _changed(node)
            self._seen[node.path] = seen
        for path in sorted(removed):
            self._seen.pop(path, None)
            yield f"{'removed':<12} {path}"
        if first:
            yield f"watching {len(self._seen)} processes; Ctrl-C ends it"


def _changed(node: NodeView) -> str:
    said = node.reason or (node.last_exit or "" if node.state != "running" else "")
    state = "SUSPENDED" if node.suspended else node.state
    return f"{state:<12} {node.path} #{node.incarnation} {said}".rstrip()
