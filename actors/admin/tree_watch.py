"""The tree for those who watch it over the API: whole, then in patches, of what is theirs to see.

All who see the same share one view of each change: a hundred watchers cost one of it.
"""

from collections.abc import AsyncGenerator
from typing import Any, Final

from actors.admin.scope import Scope
from actors.admin.views import change_view, plain
from supervisors import Diff, Snapshot, Tree

WATCH_SECONDS: Final = 0.25  # between two changes that a watcher is told
KEPT_MAX: Final = 64  # institutions, of whose people somebody watches

_Change = Snapshot | Diff


class TreeViews:
    """Of one tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._last: dict[str, tuple[_Change, dict[str, Any]]] = {}  # by branch; "" is all of it

    async def watch(self, scope: Scope | None) -> AsyncGenerator[dict[str, Any], None]:
        """The tree, then what changed in it. A change elsewhere is none: the next one here goes on
        from the revision that was told last. Ends with the tree.
        """
        told: dict[str, Any] | None = None
        async for change in self._tree.watch(interval=WATCH_SECONDS):
            view = self._view(change, scope)
            if told is not None and "changed" in view:
                if _says_nothing(view, told):
                    continue
                view = view | {"before_revision": told["revision"]}
            told = view
            yield view

    def _view(self, change: _Change, scope: Scope | None) -> dict[str, Any]:
        key = "" if scope is None else scope.branch
        known = self._last.get(key)
        if known is not None and known[0] is change:
            return known[1]

        view: dict[str, Any] = plain(change_view(_within(change, scope), self._tree.closed_phases))
        if len(self._last) >= KEPT_MAX:
            self._last.clear()
        self._last[key] = change, view
        return view


def _within(change: _Change, scope: Scope | None) -> _Change:
    if scope is None:
        return change
    if isinstance(change, Snapshot):
        return change._replace(nodes=scope.nodes(change.nodes))
    return change._replace(
        changed=scope.nodes(change.changed),
        removed=tuple(path for path in change.removed if scope.owns(path)),
    )


def _says_nothing(view: dict[str, Any], told: dict[str, Any]) -> bool:
    """All of it happened elsewhere."""
    same_phases = view["closed_phases"] == told["closed_phases"]
    return not view["changed"] and not view["removed"] and same_phases
