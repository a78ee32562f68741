"""A row of tree or table as a line, and the line of headings above them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fluxiq.admin.observer.columns import NAME, Column, shown, widths
from fluxiq.admin.observer.frame import Line, Span, Tone, toned
from fluxiq.admin.observer.model import Known, Model
from fluxiq.admin.observer.text import Look, fit
from fluxiq.admin.observer.view import Row, View


@dataclass(frozen=True, slots=True)
class Page:
    """What every screen is drawn on; `height` is of the body, in lines."""

    model: Model
    view: View
    look: Look
    width: int
    height: int
    now: float


Name = Callable[[Row, Known, int], Span]


def list_lines(page: Page, name: Name) -> list[Line]:
    """The headings and the rows on screen; `name` writes the first column, and tones the row."""
    columns = shown(page.width)
    sizes = widths(columns, page.width)
    rows = page.view.settle(page.model, page.now, page.height - 1)
    lines: list[Line] = [_headings(page, columns, sizes, _part(page, len(rows)))]
    for row in rows:
        known = page.model.nodes[row.path]
        one = _line(page, known, columns, sizes, name(row, known, sizes[0]))
        lines.append(toned(one, Tone.SELECTED) if row.path == page.view.selected else one)
    return lines


def _line(
    page: Page, known: Known, columns: Sequence[Column], sizes: Sequence[int], name: Span
) -> Line:
    spans = [name]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        text = fit(column.text(known, page.now), size, page.look, right=column.right)
        spans.append(Span(f" {text}", name.tone))
    return spans


def _part(page: Page, shown_rows: int) -> str:
    """What of everything is seen: the filter, and which rows when there are more than fit."""
    view, total = page.view, len(page.view.rows(page.model, page.now))
    part = f" {view.top + 1}-{view.top + shown_rows} of {total}" if shown_rows < total else ""
    return f"{part} /{view.filter}" if view.filter else part


def _headings(page: Page, columns: Sequence[Column], sizes: Sequence[int], part: str) -> Line:
    view, glyphs = page.view, page.look.glyphs
    titles = []
    for column, size in zip(columns, sizes, strict=True):
        title = column.title
        if column is view.sort and view.list_screen == "table":
            descending = column.most_first != view.reversed
            title = (glyphs.descending if descending else glyphs.ascending) + title
        title += part if column is NAME else ""
        titles.append(fit(title, size, page.look, right=column.right))
    return (Span(" ".join(titles), Tone.HEADING),)
