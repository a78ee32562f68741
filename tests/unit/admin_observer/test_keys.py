"""Keys as terminals send them, in whatever pieces they arrive."""

import math

import pytest

from fluxiq.admin.observer.keys import (
    ESCAPE_SECONDS,
    PASTE_SECONDS,
    SEQUENCE_BYTES_MAX,
    Key,
    Keyboard,
    Typed,
)


def keys(*pieces: bytes) -> list[Key | Typed]:
    keyboard = Keyboard()
    found = [key for piece in pieces for key in keyboard.feed(piece)]
    return [*found, *keyboard.flush()]


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"\x1b[A", Key.UP),
        (b"\x1bOA", Key.UP),
        (b"\x1b[B", Key.DOWN),
        (b"\x1b[C", Key.RIGHT),
        (b"\x1b[1;5D", Key.LEFT),
        (b"\x1b[H", Key.HOME),
        (b"\x1b[1~", Key.HOME),
        (b"\x1bOF", Key.END),
        (b"\x1b[4~", Key.END),
        (b"\x1b[5~", Key.PAGE_UP),
        (b"\x1b[6~", Key.PAGE_DOWN),
        (b"\r", Key.ENTER),
        (b"\t", Key.TAB),
        (b"\x7f", Key.BACKSPACE),
        (b"\x08", Key.BACKSPACE),
        (b"\x15", Key.ERASE_LINE),
        (b"\x0c", Key.REDRAW),
        (b"\x03", Key.INTERRUPT),
        (b"\x1b", Key.ESCAPE),
        (b"q", Typed("q")),
        ("ç".encode(), Typed("ç")),
    ],
)
def test_a_key_is_what_terminals_send_for_it(raw: bytes, key: Key | Typed) -> None:
    assert keys(raw) == [key]
    assert keys(*(bytes([byte]) for byte in raw)) == [key]  # one byte at a time


def test_keys_that_mean_nothing_here_are_passed_over() -> None:
    assert keys(b"\x1b[15~\x1b[3~\x1b[<0;1;1M\x00\x1a\x1c" + b"a") == [Typed("a")]


def test_an_escape_waits_a_moment_for_what_it_begins() -> None:
    keyboard = Keyboard()
    assert keyboard.patience == math.inf
    assert list(keyboard.feed(b"\x1b")) == []
    assert keyboard.patience == ESCAPE_SECONDS
    assert list(keyboard.feed(b"[A")) == [Key.UP]
    assert list(keyboard.flush()) == []


def test_an_escape_and_another_key_are_two_keys() -> None:
    assert keys(b"\x1bj") == [Key.ESCAPE, Typed("j")]
    assert keys(b"\x1b\x1b[A") == [Key.ESCAPE, Key.UP]


def test_pasted_text_is_marked_and_its_line_ends_are_no_enter() -> None:
    pasted = keys(b"\x1b[200~Ry\r\x1b[A\x1b[201~q")

    assert pasted == [*(Typed(char, pasted=True) for char in "Ry "), Typed("q")]


def test_a_paste_whose_end_is_lost_does_not_last_for_ever() -> None:
    keyboard = Keyboard()
    assert list(keyboard.feed(b"\x1b[200~R")) == [Typed("R", pasted=True)]
    assert keyboard.patience == PASTE_SECONDS
    assert list(keyboard.flush()) == []
    assert list(keyboard.feed(b"q")) == [Typed("q")]


def test_a_sequence_without_an_end_is_given_up() -> None:
    keyboard = Keyboard()

    assert list(keyboard.feed(b"\x1b[" + b"1" * SEQUENCE_BYTES_MAX)) == [Typed("1")] * 2


def test_bytes_that_are_no_text_are_no_command() -> None:
    assert keys(b"\xff\xfe") == [Typed("\ufffd")] * 2
