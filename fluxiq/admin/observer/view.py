"""What the operator looks at: which screen, which process, folded, filtered and sorted how."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from fluxiq.admin.observer.columns import COLUMNS, Column, shown
from fluxiq.admin.observer.model import Known, Model

FOLD_NODES_MIN = 500  # a tree this big is shown with its institutions folded at first
FOLD_DEPTH = 2  # of an institution: root/institutions/12345678


class Screen(StrEnum):
    TREE = "tree"
    TABLE = "table"
    DETAIL = "detail"
    HELP = "help"


class Row(NamedTuple):
    """One visible process; `lasts` says of each ancestor, and itself, whether it is the last."""

    path: str
    lasts: tuple[bool, ...] = ()


class View:
    """Pure: no clock, no terminal. The selection is a path and stays with it as the tree moves."""

    def __init__(self) -> None:
        self.screen = Screen.TREE
        self.selected = ""
        self.filter = ""
        self.sort: Column = COLUMNS[0]
        self.reversed = False
        self.top = 0  # the first row shown of tree or table
        self.scrolled = 0  # the first line shown of detail or help
        self.list_screen = Screen.TREE  # where detail and help go back to
        self.folded: set[str] = set()
        self._place = 0  # the selection's row, for when its process goes away
        self._cached: tuple[object, tuple[Row, ...]] = (None, ())
        self._places: dict[str, int] = {}  # of the cached rows, by path
        self._greeted = False

    # Rows

    def rows(self, model: Model, now: float) -> tuple[Row, ...]:
        """All rows of tree or table, computed again only when something moved them."""
        key = self._key(model, now)
        if self._cached[0] != key:
            found = self._table(model, now) if self._shows_table else self._tree(model)
            self._cached = (key, tuple(found))
            self._places = {row.path: place for place, row in enumerate(self._cached[1])}
        return self._cached[1]

    def _key(self, model: Model, now: float) -> object:
        moves = self._shows_table or bool(self.filter)
        # Rates fall with time alone, while there are any: the order is that of the second.
        fades = self._shows_table and self.sort.fades and model.is_flowing(now)
        time = int(now) if fades else None
        version = model.version if moves else model.structure
        folded = frozenset(self.folded) if not self._shows_table else None
        return (id(model), version, time, self.filter, self.sort.title, self.reversed, folded)

    @property
    def _shows_table(self) -> bool:
        return self.list_screen is Screen.TABLE

    def _table(self, model: Model, now: float) -> Iterator[Row]:
        found = [(path, known) for path, known in model.nodes.items() if self._matches(known)]
        descending = self.sort.most_first != self.reversed
        # By path first, so that equals do not dance; the sort is stable, reversed too.
        found.sort(key=lambda one: one[0])
        found.sort(key=lambda one: self.sort.order(one[1], now), reverse=descending)
        return (Row(path) for path, _ in found)

    def _tree(self, model: Model) -> Iterator[Row]:
        wanted = self._with_ancestors(model) if self.filter else None
        waiting = [Row(path) for path in reversed(model.children(""))]
        while waiting:
            row = waiting.pop()
            if wanted is not None and row.path not in wanted:
                continue
            yield row
            if row.path in self.folded and wanted is None:
                continue
            below = [path for path in model.children(row.path) if wanted is None or path in wanted]
            ends = (Row(path, (*row.lasts, path == below[-1])) for path in reversed(below))
            waiting += ends

    def _with_ancestors(self, model: Model) -> set[str]:
        wanted: set[str] = set()
        for path, known in model.nodes.items():
            if self._matches(known):
                while path and path not in wanted:
                    wanted.add(path)
                    path = path.rpartition("/")[0]  # noqa: PLW2901  a walk to the root
        return wanted

    def _matches(self, known: Known) -> bool:
        if not self.filter:
            return True
        view = known.view
        said = (view.path, known.state, view.kind, view.reason)
        # How it once ended is no property of one that runs.
        return any(self.filter.casefold() in text.casefold() for text in said) or (
            not known.is_well and self.filter.casefold() in (view.last_exit or "").casefold()
        )

    # Selection

    def settle(self, model: Model, now: float, height: int) -> tuple[Row, ...]:
        """The rows on screen, the selection among them: moved only if its process is not shown."""
        self._greet(model)
        rows = self.rows(model, now)
        self._place = self._find(rows, model)
        self.selected = rows[self._place].path if rows else ""
        self.top = max(0, min(self.top, self._place, len(rows) - height))
        self.top = max(self.top, self._place - height + 1)
        return rows[self.top : self.top + height]

    def _greet(self, model: Model) -> None:
        """A big tree begins with its institutions folded: their troubles show on the folded row."""
        if self._greeted or not model.nodes:
            return
        self._greeted = True
        if len(model.nodes) >= FOLD_NODES_MIN:
            self.fold_all(model)

    def _find(self, rows: tuple[Row, ...], model: Model) -> int:
        places, path = self._places, self.selected
        if path in places:
            return places[path]
        if path in model.nodes and not self._shows_table:  # in a folded or filtered branch
            while path:
                path = path.rpartition("/")[0]
                if path in places:
                    return places[path]
        return max(0, min(self._place, len(rows) - 1))

    def move(self, steps: int, model: Model, now: float) -> None:
        rows = self.rows(model, now)
        if rows:
            place = self._find(rows, model)
            self.selected = rows[max(0, min(place + steps, len(rows) - 1))].path

    def next_trouble(self, model: Model, now: float, step: int) -> bool:
        """Select the next process that is not well, unfolding what hides it; False if none is."""
        paths = [path for path, known in self._in_order(model, now) if not known.is_well]
        if not paths:
            return False
        order = {path: number for number, (path, _) in enumerate(self._in_order(model, now))}
        here = order.get(self.selected, -1)
        if step > 0:
            later = [path for path in paths if order[path] > here]
            self.selected = (later or paths)[0]
        else:
            earlier = [path for path in paths if order[path] < here]
            self.selected = (earlier or paths)[-1]
        path = self.selected
        while path:
            path = path.rpartition("/")[0]
            self.folded.discard(path)
        return True

    def _in_order(self, model: Model, now: float) -> list[tuple[str, Known]]:
        if self._shows_table or self.filter:
            return [(row.path, model.nodes[row.path]) for row in self.rows(model, now)]
        return [(known.view.path, known) for known in model.below("")]

    # Folds and sorting

    def unfold(self, model: Model) -> None:
        """Open the selected branch; one that is open gives the selection to its first child."""
        below = model.children(self.selected) if self.selected else ()
        if self.selected in self.folded:
            self.folded.discard(self.selected)
        elif below:
            self.selected = below[0]

    def fold(self, model: Model) -> None:
        """Close the selected branch; one that is closed gives the selection to its parent."""
        if model.children(self.selected) and self.selected not in self.folded:
            self.folded.add(self.selected)
        elif "/" in self.selected:
            self.selected = self.selected.rpartition("/")[0]

    def fold_all(self, model: Model) -> None:
        """Close every branch as deep as an institution."""
        self.folded.intersection_update(model.nodes)
        for path in model.nodes:
            if path.count("/") >= FOLD_DEPTH and model.children(path):
                self.folded.add(path)

    def unfold_all(self) -> None:
        self.folded.clear()

    def sort_by_neighbour(self, step: int, width: int) -> None:
        """The column to the right or left, of those on screen, in its own direction."""
        columns = shown(width)
        place = columns.index(self.sort) if self.sort in columns else 0
        self.sort = columns[(place + step) % len(columns)]
        self.reversed = False

    def reverse(self) -> None:
        self.reversed = not self.reversed

    # Screens

    def show_list(self, screen: Screen) -> None:
        self.screen = self.list_screen = screen

    def open(self, screen: Screen) -> None:
        """Detail or help; `back` leaves it."""
        self.screen = screen
        self.scrolled = 0

    def back(self) -> None:
        self.screen = self.list_screen
