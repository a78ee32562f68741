"""The terminal itself: raw mode, the alternate screen, its size, and giving it all back."""

import os
import select
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio

from fluxiq.admin.observer.text import Look
from fluxiq.errors import StartRefused

CONTROLLING_TERMINAL = "/dev/tty"
SIZE_UNKNOWN = (80, 24)  # what a line without a size, such as a serial one, is taken for
RESTORE_SECONDS_MAX = 1.0  # for a terminal that takes nothing more, over a dead ssh connection

# Alternate screen, no wrapping at the right edge, no cursor, pastes marked, clear.
_BEGIN = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[?2004h\x1b[0m\x1b[2J"
# The other way round; first to the last line, for terminals that have no alternate screen.
_END = "\x1b[0m\x1b[999;1H\x1b[K\x1b[?2004l\x1b[?25h\x1b[?7h\x1b[?1049l"
CLEAR = "\x1b[0m\x1b[2J"

_INPUT, _LOCAL, _CHARACTERS = 0, 3, 6  # places in what tcgetattr returns


class Terminal:
    """Reads and writes without ever blocking the loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)
        self._stream = trio.lowlevel.FdStream(descriptor)

    @classmethod
    @contextmanager
    def open(cls, path: str = CONTROLLING_TERMINAL) -> Iterator["Terminal"]:
        """Take the screen; leaving the block gives it back as it was. Raises StartRefused.

        The device is opened anew: O_NONBLOCK on an inherited descriptor would be the shell's too.
        """
        flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = -1
        try:
            descriptor = os.open(path, flags)
            terminal = cls(descriptor)
        except (OSError, termios.error) as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise StartRefused(f"observe needs a terminal: {path}: {error}") from None
        try:
            terminal.begin()
            yield terminal
        finally:
            terminal._end()

    def begin(self) -> None:
        """Raw mode and the alternate screen; again after somebody else had the terminal."""
        termios.tcsetattr(self._descriptor, termios.TCSANOW, _raw(self._before))
        self._write_now(_BEGIN)

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            columns, lines = os.get_terminal_size(self._descriptor)
        except OSError:
            return SIZE_UNKNOWN
        return (columns or SIZE_UNKNOWN[0], lines or SIZE_UNKNOWN[1])

    async def read(self) -> bytes:
        """What was typed; empty when the terminal has hung up."""
        try:
            return bytes(await self._stream.receive_some())
        except trio.BrokenResourceError:
            return b""

    async def write(self, text: str) -> None:
        """Raises BrokenResourceError when the terminal has hung up."""
        await self._stream.send_all(text.encode())

    def _end(self) -> None:
        try:
            self._write_now(_END)
            # What was typed for us is not for the shell.
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        except (OSError, termios.error):
            pass  # it has hung up: there is nobody to give it back to
        finally:
            self._stream.close()

    def _write_now(self, text: str) -> None:
        """Not trio's way: this must also work while everything is being cancelled."""
        data, deadline = text.encode(), time.monotonic() + RESTORE_SECONDS_MAX
        while data and (left := deadline - time.monotonic()) > 0:
            _, writable, _ = select.select([], [self._descriptor], [], left)
            if writable:
                data = data[os.write(self._descriptor, data) :]


def _raw(before: list[Any]) -> list[Any]:
    r"""Keys one by one and unchanged. Ctrl-C stays a signal: it must work whatever else does not.

    Ctrl-Z and Ctrl-\ would leave the shell with this screen, so they are keys like any other; so
    are Ctrl-S and Ctrl-Q.
    """
    mode = [*before[:_CHARACTERS], list(before[_CHARACTERS])]
    mode[_INPUT] &= ~(termios.IXON | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP)
    mode[_LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    disabled = b"\0"
    for place, value in (
        (termios.VMIN, b"\1"),
        (termios.VTIME, b"\0"),
        (termios.VSUSP, disabled),
        (termios.VQUIT, disabled),
    ):
        mode[_CHARACTERS][place] = value
    return mode


def look_of(environ: Mapping[str, str], *, ascii_only: bool) -> Look:
    """What a terminal with these variables can show. Raises StartRefused for one that is dumb."""
    kind = environ.get("TERM", "")
    if kind in ("", "dumb", "unknown"):
        raise StartRefused(
            f"a terminal of TERM={kind or '(unset)'} cannot be drawn on; use `tree` or `watch`"
        )
    monochrome = kind.endswith(("-m", "-mono")) or kind.startswith(("vt1", "vt2"))
    return Look(
        unicode=not ascii_only and _speaks_utf_8(environ),
        colours=not environ.get("NO_COLOR") and not monochrome,
    )


def _speaks_utf_8(environ: Mapping[str, str]) -> bool:
    """By the locale, as the C library would choose it."""
    names = (environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    chosen = next((name for name in names if name), "")
    return "utf8" in chosen.casefold().replace("-", "")
