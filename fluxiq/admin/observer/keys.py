"""Bytes from a terminal to keys. Pure: when an escape stands alone is for the caller's clock."""

import codecs
import math
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

ESCAPE_SECONDS = 0.1  # an arrow key over a slow line is no escape key
PASTE_SECONDS = 2.0
SEQUENCE_BYTES_MAX = 32  # no key is longer; what is has lost its end


class Key(StrEnum):
    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"
    PAGE_UP = "page up"
    PAGE_DOWN = "page down"
    HOME = "home"
    END = "end"
    ENTER = "enter"
    TAB = "tab"
    BACKSPACE = "backspace"
    ESCAPE = "escape"
    ERASE_LINE = "ctrl-u"
    REDRAW = "ctrl-l"
    INTERRUPT = "ctrl-c"


class Typed(NamedTuple):
    """What a key, or a paste, wrote."""

    text: str
    pasted: bool = False


_CONTROLS = {
    "\r": Key.ENTER,
    "\n": Key.ENTER,
    "\t": Key.TAB,
    "\x7f": Key.BACKSPACE,
    "\b": Key.BACKSPACE,
    "\x15": Key.ERASE_LINE,
    "\x0c": Key.REDRAW,
    "\x03": Key.INTERRUPT,
}
_FINALS = {
    "A": Key.UP,
    "B": Key.DOWN,
    "C": Key.RIGHT,
    "D": Key.LEFT,
    "H": Key.HOME,
    "F": Key.END,
}
_NUMBERED = {
    "1": Key.HOME,
    "4": Key.END,
    "5": Key.PAGE_UP,
    "6": Key.PAGE_DOWN,
    "7": Key.HOME,
    "8": Key.END,
}
_PASTE_BEGIN, _PASTE_END = "200", "201"


class Keyboard:
    """Keys may come in any pieces. Pasted text is marked, so that it can never be a command."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._waiting = ""
        self._pasting = False

    @property
    def patience(self) -> float:
        """How many seconds to wait for more until `flush`."""
        if self._waiting:
            return ESCAPE_SECONDS
        return PASTE_SECONDS if self._pasting else math.inf

    def feed(self, data: bytes) -> Iterator[Key | Typed]:
        """The keys that are whole now."""
        text = self._waiting + self._decode(data)
        self._waiting = ""
        while text:
            if text[0] != "\x1b":
                yield from self._plain(text[0])
                text = text[1:]
                continue
            length = _sequence_length(text)
            if length == 0:
                self._waiting = text
                return
            yield from self._sequence(text[:length])
            text = text[length:]

    def flush(self) -> Iterator[Key | Typed]:
        """Nothing more came: what waits was the escape key, or the end of a paste got lost."""
        waiting, self._waiting, self._pasting = self._waiting, "", False
        if waiting == "\x1b":
            yield Key.ESCAPE

    def _plain(self, char: str) -> Iterator[Key | Typed]:
        if self._pasting:
            yield Typed(char if char.isprintable() else " ", pasted=True)
        elif char in _CONTROLS:
            yield _CONTROLS[char]
        elif char.isprintable():
            yield Typed(char)

    def _sequence(self, sequence: str) -> Iterator[Key | Typed]:
        if sequence == "\x1b":
            yield Key.ESCAPE
            return
        final, number = sequence[-1], sequence[2:-1].partition(";")[0]
        if final == "~" and number in (_PASTE_BEGIN, _PASTE_END):
            self._pasting = number == _PASTE_BEGIN
        elif self._pasting:
            return
        elif final == "~" and number in _NUMBERED:
            yield _NUMBERED[number]
        elif final in _FINALS and sequence[1] in "[O":
            yield _FINALS[final]


def _sequence_length(text: str) -> int:
    """Of the escape sequence that `text` begins with; 0 when its end has not come yet."""
    if len(text) == 1:
        return 0
    if text[1] not in "[O":
        return 1  # the escape key, and then another
    for place, char in enumerate(text[2:SEQUENCE_BYTES_MAX], 2):
        if "@" <= char <= "~":
            return place + 1
    return 0 if len(text) < SEQUENCE_BYTES_MAX else SEQUENCE_BYTES_MAX
