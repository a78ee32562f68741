"""The help screen, which is the table of keys; docs/observer.md has the same, says a test."""

from collections.abc import Iterator

from fluxiq.admin.observer.deeds import DEEDS
from fluxiq.admin.observer.frame import Line, Span, Tone, line
from fluxiq.admin.observer.rows import Page

KEYS: tuple[tuple[str, str], ...] = (
    ("Up Down k j", "select; PgUp PgDn Home End g G: further"),
    ("Left Right h l", "close, open a branch; z Z: close, open all"),
    ("Enter", "one process in detail; u: ask about it again"),
    ("Tab", "tree or table"),
    ("< >", "sort the table by another column; o: the other way round"),
    ("/", "show only what has this text: path, kind, state or reason"),
    ("n N", "next, previous process that is not well"),
    ("Esc", "back; in a list: show everything again"),
    ("Ctrl-L", "draw the screen anew"),
    ("?", "this help"),
    ("q", "quit; so does Ctrl-C"),
)
DEED_KEYS: tuple[tuple[str, str], ...] = tuple(
    (deed.key, f"{deed.verb}: {deed.does}") for deed in DEEDS
)
NOTES = (
    "FOR: time in this state. RST: restarts. MBOX: messages waiting.",
    "MSG/S: handled per second, over the last 2 s. HANDLED: since the start.",
)
KEY_COLUMNS = 15


def help_lines(page: Page, *, read_only: bool) -> list[Line]:
    """Every key, and what the short headings mean."""
    body = list(_body(read_only=read_only))
    room = page.height - 1
    page.view.scrolled = max(0, min(page.view.scrolled, len(body) - room))
    shown = body[page.view.scrolled : page.view.scrolled + room]
    return [line("Keys  Esc: back", Tone.HEADING), *shown]


def _body(*, read_only: bool) -> Iterator[Line]:
    yield from map(_row, KEYS)
    if not read_only:
        yield line("Deeds ask first, take a reason, and are written down:", Tone.TITLE)
        yield from map(_row, DEED_KEYS)
    yield from map(line, NOTES)


def _row(pair: tuple[str, str]) -> Line:
    keys, what = pair
    return (Span(f"{keys:<{KEY_COLUMNS}}", Tone.KEY), Span(what))
