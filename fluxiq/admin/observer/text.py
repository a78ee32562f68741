"""Text that is safe in a terminal and fits: nothing leaves this program without passing here."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import get_character_cell_size

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What this terminal can show. Without `unicode` only ASCII leaves us, without `colours`
    only bold and reverse.
    """

    unicode: bool = True
    colours: bool = True

    @property
    def glyphs(self) -> "Glyphs":
        return UNICODE if self.unicode else ASCII


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Each is as many cells wide in one set as in the other."""

    branch: str
    last_branch: str
    trunk: str
    folded: str
    ascending: str
    descending: str
    cut: str
    bar: str


UNICODE = Glyphs("├─ ", "└─ ", "│  ", "▸", "▴", "▾", "…", "│")
ASCII = Glyphs("|- ", "`- ", "|  ", "+", "^", "v", "~", "|")
GAP = "   "  # of a tree, below a last branch


def clean(text: str, look: Look) -> str:
    """`text` with every character that a terminal could obey, or misplace, written as an escape.

    Control characters (ESC, C1, newlines), direction overrides, joiners and combining marks: a
    name or a reason comes from outside and must not move the cursor of whoever looks at it.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe(char, look.unicode) for char in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=4096)
def _safe(char: str, unicode: bool) -> str:
    if not char.isprintable() or char_cells(char) < 1:
        return char.encode("unicode_escape").decode()
    return char if unicode or char.isascii() else "?"


@lru_cache(maxsize=4096)
def char_cells(char: str) -> int:
    return get_character_cell_size(char)


def cells(text: str) -> int:
    """How many columns a clean text takes."""
    return len(text) if text.isascii() else sum(map(char_cells, text))


def fit(text: str, width: int, look: Look, *, right: bool = False, keep_end: bool = False) -> str:
    """`text`, cleaned, in exactly `width` columns: padded, or cut with a mark where it was cut.

    `keep_end` cuts at the front: of a path, the end tells more.
    """
    text = clean(text, look)
    size = cells(text)
    if size > width:
        mark = look.glyphs.cut if width > 0 else ""
        kept = _end(text, width - 1) if keep_end else _begin(text, width - 1)
        text = mark + kept if keep_end else kept + mark
        size = cells(text)
    padding = " " * (width - size)
    return padding + text if right else text + padding


def wrap(text: str, width: int, look: Look, *, indent: str = "") -> Iterator[str]:
    """The lines of a text, each at most `width` columns; continued ones begin with `indent`.

    Broken between words, unless that would leave more than half of the line empty.
    """
    for line in text.splitlines() or [""]:
        rest, lead = clean(line.expandtabs(4), look), ""
        while rest:
            piece = _begin(rest, max(width - cells(lead), 2))
            if len(piece) < len(rest) and piece.rfind(" ") > len(piece) // 2:
                piece = piece[: piece.rfind(" ") + 1]
            yield lead + piece
            rest, lead = rest[len(piece) :], indent
        if not line:
            yield ""


def _begin(text: str, width: int) -> str:
    taken, used = 0, 0
    for char in text:
        used += char_cells(char)
        if used > width:
            break
        taken += 1
    return text[:taken]


def _end(text: str, width: int) -> str:
    return _begin(text[::-1], width)[::-1]


def duration(seconds: float) -> str:
    """7s, 12m, 5h, 3d: as coarse as its size, at most four columns until 999 days."""
    seconds = max(0, int(seconds))
    if seconds < 100:  # noqa: PLR2004  below a hundred, seconds read best
        return f"{seconds}s"
    for unit, size, limit in (("m", MINUTE, 100), ("h", HOUR, 48)):
        if seconds < size * limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // DAY}d"


def quantity(number: float) -> str:
    """0, 12, 4.2k, 31k, 1.7M: at most four columns until 10^12."""
    if number < 10 and number != int(number):  # noqa: PLR2004  a slow trickle shows a decimal
        return f"{number:.1f}"
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"  # noqa: PLR2004
    return f"{number:.0f}"
