"""The table screen: every process in one list, sorted by any column."""

from fluxiq.admin.observer.columns import tone
from fluxiq.admin.observer.frame import Line, Span
from fluxiq.admin.observer.model import Known
from fluxiq.admin.observer.rows import Page, list_lines
from fluxiq.admin.observer.text import fit
from fluxiq.admin.observer.view import Row


def table_lines(page: Page) -> list[Line]:
    """One row a process by its path, of which the end is kept when there is no room."""
    return list_lines(page, lambda row, known, width: _name(page, row, known, width))


def _name(page: Page, row: Row, known: Known, width: int) -> Span:
    return Span(fit(row.path, width, page.look, keep_end=True), tone(known))
