"""What the observer knows of the platform: the last tree, what flows through it, and the link.

Times are seconds of the observer's own clock; the platform only ever says how long ago.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fluxiq.admin.protocol import DiffView, NodeView, TreeView

RATE_SECONDS = 2.0  # a rate is the mean over this long: steadier than from one diff to the next
RATE_SECONDS_MIN = 0.25  # two trees one right after the other make no flood
SAMPLES_MAX = 16  # a diff comes at most every 0.25 s
SUSPENDED = "suspended"  # shown in place of `running`: it is up, and does nothing
WORST_FIRST = ("quarantined", "backing_off", "stopping", "starting", SUSPENDED, "done", "running")
WELL = ("running", "done")
INSTITUTIONS = "institutions"  # the branch below the root that has one child per institution


class Link(StrEnum):
    CONNECTING = "connecting"
    LIVE = "connected"
    SILENT = "not answering"  # it is there and says nothing: its loop is stuck
    LOST = "lost"


class OutOfStep(Exception):
    """A diff does not follow from the revision that is known: a fresh tree is needed."""


@dataclass(slots=True)
class Known:
    """One process: what was said last, when, and the counts of `handled` that came before."""

    view: NodeView
    seen_at: float
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))

    @property
    def state(self) -> str:
        view = self.view
        return SUSPENDED if view.suspended and view.state == "running" else view.state

    @property
    def is_well(self) -> bool:
        return self.state in WELL

    def seconds_in_state(self, now: float) -> float:
        return self.view.since + now - self.seen_at

    def seconds_until_due(self, now: float) -> float | None:
        due = self.view.due
        return None if due is None else max(0.0, due - (now - self.seen_at))

    def rate(self, now: float) -> float:
        """Messages handled per second, over the last RATE_SECONDS, or as long as it is known."""
        if len(self.samples) < 2 or now - self.samples[-1][0] >= RATE_SECONDS:  # noqa: PLR2004
            return 0.0
        begin = now - RATE_SECONDS
        # The count as it was at the window's begin: of the last sample before it.
        then, handled = self.samples[0]
        for at, count in self.samples:
            if at > begin:
                break
            then, handled = at, count
        return (self.samples[-1][1] - handled) / max(now - max(then, begin), RATE_SECONDS_MIN)

    def count(self, now: float) -> None:
        """Take a sample of `handled`."""
        handled = self.view.handled
        if handled is None:
            return
        if self.samples and handled < self.samples[-1][1]:
            self.samples.clear()  # its counts began anew
        self.samples.append((now, handled))


class Model:
    """The tree as last told; `version` grows with every change, `structure` with one of shape."""

    def __init__(self) -> None:
        self.version = 0
        self.structure = 0
        self.revision: int | None = None
        self.link = Link.CONNECTING
        self.link_since = 0.0
        self.link_reason = ""
        self.admission_waiting: int | None = None
        self.closed_phases: tuple[str, ...] = ()
        self.nodes: dict[str, Known] = {}
        # By parent, each in start order; a dict, since it keeps order and forgets in no time.
        self._children: dict[str, dict[str, None]] = {"": {}}
        self._flowing: set[str] = set()
        self._tally: tuple[int, Mapping[str, int], Mapping[str, int]] | None = None

    # What the platform says

    def replace(self, tree: TreeView, now: float) -> None:
        """A whole tree: the first one, or instead of a diff that would be longer."""
        before = self.nodes if self.link is Link.LIVE else {}
        self.nodes, self._children = {}, {"": {}}
        self._flowing.intersection_update(before)
        for view in tree.nodes:
            known = before.get(view.path)
            if known is not None:
                self.nodes[view.path] = known
            self._put(view, now)
        self._flowing.intersection_update(self.nodes)
        self.revision, self.closed_phases = tree.revision, tree.closed_phases
        self.structure += 1
        self.set_link(Link.LIVE, now)

    def change(self, diff: DiffView, now: float) -> None:
        """What is different now. Raises OutOfStep."""
        if diff.before_revision != self.revision:
            raise OutOfStep(f"revision {diff.before_revision}, not {self.revision}, was changed")
        for path in diff.removed:
            self._remove(path)
        for view in diff.changed:
            self._put(view, now)
        self.revision, self.closed_phases = diff.revision, diff.closed_phases
        self.set_link(Link.LIVE, now)

    def set_link(self, link: Link, now: float, reason: str = "") -> None:
        self.version += 1
        if link is not self.link:
            self.link, self.link_since = link, now
        self.link_reason = reason

    def set_admission(self, waiting: int) -> None:
        if waiting != self.admission_waiting:
            self.admission_waiting = waiting
            self.version += 1

    def _put(self, view: NodeView, now: float) -> None:
        if not view.path:
            return  # it would be its own parent
        parent = view.path.rpartition("/")[0]
        siblings = self._children.setdefault(parent if parent in self.nodes else "", {})
        if view.path not in siblings:
            siblings[view.path] = None
            self.structure += 1
        known = self.nodes.get(view.path)
        if known is None:
            known = self.nodes[view.path] = Known(view, now)
        elif known.view.handled != view.handled:
            self._flowing.add(view.path)
        known.view, known.seen_at = view, now
        known.count(now)

    def _remove(self, path: str) -> None:
        if self.nodes.pop(path, None) is not None:
            self._children.get(path.rpartition("/")[0], {}).pop(path, None)
            self._children.pop(path, None)
            self._flowing.discard(path)
            self.structure += 1

    # What the screens ask

    @property
    def is_live(self) -> bool:
        return self.link is Link.LIVE

    def children(self, path: str) -> tuple[str, ...]:
        """In start order; of "", the root."""
        return tuple(self._children.get(path, ()))

    def below(self, path: str) -> Iterator[Known]:
        """Everything under a node, parents first."""
        waiting = list(reversed(self.children(path)))
        while waiting:
            child = waiting.pop()
            yield self.nodes[child]
            waiting += reversed(self.children(child))

    def throughput(self, now: float) -> float:
        """Messages handled per second by all actors together."""
        gone = [path for path in self._flowing if not self.nodes[path].rate(now)]
        self._flowing.difference_update(gone)
        return sum(self.nodes[path].rate(now) for path in self._flowing)

    def is_flowing(self, now: float) -> bool:
        return any(self.nodes[path].rate(now) for path in self._flowing)

    def states(self) -> Mapping[str, int]:
        """How many processes are in which state, the worst first."""
        return self._counted()[0]

    def has_troubles(self) -> bool:
        return any(state not in WELL for state in self.states())

    def institutions(self) -> Mapping[str, int]:
        """The same of the institutions' own branches."""
        return self._counted()[1]

    def _counted(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        if self._tally is None or self._tally[0] != self.version:
            roots = self.children("")
            tenants = [one for root in roots for one in self.children(f"{root}/{INSTITUTIONS}")]
            self._tally = (
                self.version,
                _tallied(self.nodes.values()),
                _tallied(self.nodes[path] for path in tenants),
            )
        return self._tally[1:]


def _tallied(found: Iterable[Known]) -> Mapping[str, int]:
    numbers = Counter(known.state for known in found)
    return {state: numbers[state] for state in sorted(numbers, key=_badness)}


def _badness(state: str) -> tuple[int, str]:
    return (WORST_FIRST.index(state) if state in WORST_FIRST else -1, state)
