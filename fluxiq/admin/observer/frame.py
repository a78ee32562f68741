"""A frame: lines of toned spans, painted into exactly as many columns as the terminal has."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from fluxiq.admin.observer.text import Look, cells, clean, fit

RESET = "\x1b[0m"


class Tone(StrEnum):
    """What a span means; each is a pair of SGR parameters, with and without colours.

    Only what a VT100 and everything after it understand: bold, reverse and the eight colours
    (grey, which is none of them, is bold black where it is missing).
    """

    PLAIN = "plain"
    TITLE = "title"
    HEADING = "heading"
    SELECTED = "selected"
    QUIET = "quiet"
    MOVING = "moving"
    HELD = "held"
    TROUBLE = "trouble"
    ALARM = "alarm"
    KEY = "key"


_SGR: dict[Tone, tuple[str, str]] = {
    Tone.PLAIN: ("", ""),
    Tone.TITLE: ("1", "1"),
    Tone.HEADING: ("7", "7"),
    Tone.SELECTED: ("7", "7"),
    Tone.QUIET: ("90", ""),
    Tone.MOVING: ("33", "1"),
    Tone.HELD: ("35", "1"),
    Tone.TROUBLE: ("1;31", "1"),
    Tone.ALARM: ("1;37;41", "1;7"),
    Tone.KEY: ("1", "1"),
}


class Span(NamedTuple):
    text: str
    tone: Tone = Tone.PLAIN


Line: TypeAlias = Sequence[Span]


def line(text: str, tone: Tone = Tone.PLAIN) -> Line:
    return (Span(text, tone),)


def toned(one: Line, tone: Tone) -> Line:
    """The whole line in one tone, to its right edge."""
    return (Span("".join(span.text for span in one), tone),)


def paint(one: Line, width: int, look: Look) -> str:
    """Exactly `width` columns, cut with a mark, and no control character but our own tones."""
    spans = [Span(clean(span.text, look), span.tone) for span in one]
    rest = sum(cells(span.text) for span in spans)
    painted, left = [], width
    for text, tone in spans:
        size = cells(text)
        rest -= size
        if size > left or (size == left and rest > 0):
            painted.append(_toned(fit(f"{text} ", left, look), tone, look))
            return "".join(painted)
        painted.append(_toned(text, tone, look))
        left -= size
    # The tone of a line that has one only goes on to the edge: a bar, not a word.
    bar = one[0].tone if len(one) == 1 else Tone.PLAIN
    return "".join([*painted, _toned(" " * left, bar, look)])


def _toned(text: str, tone: Tone, look: Look) -> str:
    parameters = _SGR[tone][0 if look.colours else 1]
    return f"\x1b[{parameters}m{text}{RESET}" if parameters and text else text


def update(before: Sequence[str], after: Sequence[str]) -> str:
    """What makes a terminal that shows `before` show `after`: only the rows that differ.

    Each row is placed absolutely, so that a terminal which thinks otherwise about the width of a
    character spoils one row and not the screen. Erased first, not last: after a full row the cursor
    stands on its last column, and would take that away.
    """
    return "".join(
        f"\x1b[{number};1H\x1b[K{row}"
        for number, row in enumerate(after, 1)
        if number > len(before) or before[number - 1] != row
    )
