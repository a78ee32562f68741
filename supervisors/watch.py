"""Watching a tree: a snapshot first, then what changed. Nobody who watches presses back on it."""

from collections.abc import Callable
from typing import NamedTuple

import trio

from supervisors.snapshot import Node, Snapshot

DIFFS_KEPT_MAX = 64


class Diff(NamedTuple):
    """What is different between two revisions: new and changed nodes in start order, and paths."""

    before_revision: int
    revision: int
    at: float
    changed: tuple[Node, ...]
    removed: tuple[str, ...]


class Watched:
    """What all watchers of a tree share: one snapshot per tick, one diff per pair of them."""

    def __init__(
        self,
        take: Callable[[], Snapshot],
        changed: Callable[[], None],
        is_over: Callable[[], bool],
    ) -> None:
        self._take = take
        self._changed = changed
        self.is_over = is_over
        self._last: Snapshot | None = None
        # With the snapshots themselves, so that their identities stay theirs.
        self._diffs: dict[tuple[int, int], tuple[Snapshot, Snapshot, Diff | Snapshot]] = {}

    def snapshot(self, age_max: float) -> Snapshot:
        """Return the tree as it is, or was at most `age_max` seconds ago."""
        last, now = self._last, trio.current_time()
        if last is None or now - last.at >= age_max:
            taken = self._take()
            if last is not None and taken.revision == last.revision and taken.nodes != last.nodes:
                self._changed()  # by mail alone, which no decision is made about
                taken = self._take()
            self._last = last = taken
        return last

    def difference(self, before: Snapshot, after: Snapshot) -> Diff | Snapshot:
        """Return the diff, or the snapshot itself where that is no longer than the diff."""
        key = (id(before), id(after))
        if key not in self._diffs:
            if len(self._diffs) >= DIFFS_KEPT_MAX:
                self._diffs.clear()
            self._diffs[key] = (before, after, difference(before, after))
        return self._diffs[key][2]


def difference(before: Snapshot, after: Snapshot) -> Diff | Snapshot:
    old = {node.path: node for node in before.nodes}
    changed = tuple(node for node in after.nodes if old.get(node.path) != node)
    here = {node.path for node in after.nodes}
    removed = tuple(path for path in old if path not in here)
    if len(changed) + len(removed) >= len(after.nodes):
        return after
    return Diff(before.revision, after.revision, after.at, changed, removed)


class Watch:
    """An async iterator: a Snapshot, then a Diff whenever something changed.

    It is pulled: whoever is slow gets one Diff, or a fresh Snapshot, over all it missed.
    """

    def __init__(self, watched: Watched, interval: float) -> None:
        if not 0 < interval < float("inf"):
            raise ValueError(f"a watch needs an interval in seconds > 0, not {interval!r}")
        self._watched = watched
        self._interval = interval
        self._seen: Snapshot | None = None
        self._next_at = 0.0

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> Snapshot | Diff:
        """Wait for a change, at least `interval` after the last one. Ends with the tree."""
        await trio.lowlevel.checkpoint()
        before = self._seen
        while True:
            await trio.sleep_until(self._next_at)
            after = self._watched.snapshot(self._interval / 2)
            self._next_at = trio.current_time() + self._interval
            if before is None:
                self._seen = after
                return after
            found = before if after is before else self._watched.difference(before, after)
            if found is not before and not _is_empty(found):
                self._seen = after
                return found
            if self._watched.is_over():
                raise StopAsyncIteration


def _is_empty(found: Snapshot | Diff) -> bool:
    return isinstance(found, Diff) and not found.changed and not found.removed
