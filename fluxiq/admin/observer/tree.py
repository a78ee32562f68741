"""The tree screen: who is whose child, and how each one does."""

from fluxiq.admin.observer.columns import tone
from fluxiq.admin.observer.frame import Line, Span, Tone
from fluxiq.admin.observer.model import Known
from fluxiq.admin.observer.rows import Page, list_lines
from fluxiq.admin.observer.text import GAP, cells, clean, fit
from fluxiq.admin.observer.view import Row


def tree_lines(page: Page) -> list[Line]:
    """One row a process under its parent, a closed branch with what is in it."""
    return list_lines(page, lambda row, known, width: _name(page, row, known, width))


def _name(page: Page, row: Row, known: Known, width: int) -> Span:
    glyphs, view = page.look.glyphs, page.view
    lead = "".join(GAP if last else glyphs.trunk for last in row.lasts[:-1])
    if row.lasts:
        lead += glyphs.last_branch if row.lasts[-1] else glyphs.branch
    name, own = clean(known.view.id, page.look), tone(known)

    # Deep in the tree the names get the room, not the lines that lead to them.
    room = max(0, width - cells(name) - 1)
    lead = fit(lead, min(cells(lead), room), page.look, keep_end=True)
    if row.path in view.folded and not view.filter and page.model.children(row.path):
        inside = list(page.model.below(row.path))
        unwell = sum(not one.is_well for one in inside)
        name += f" [{unwell} of {len(inside)} not well]" if unwell else f" [+{len(inside)}]"
        lead += glyphs.folded
        own = Tone.TROUBLE if unwell else own
    elif known.view.strategy:
        name += f" ({clean(known.view.strategy, page.look)})"
    return Span(fit(lead + name, width, page.look), own)
