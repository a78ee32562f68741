"""A real pseudo-terminal and what a person at it would see, by a terminal emulator."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyte
import trio

from tests.support.patience import PATIENCE_SECONDS

READ_BYTES = 65536
# Less than a whole test has, so that one in vain tells what the screen showed.
SEEN_SECONDS_MAX = PATIENCE_SECONDS / 2


class TerminalScreen:
    """The master side; `path` is the device for whoever is to draw on it."""

    def __init__(self, columns: int, lines: int) -> None:
        self._master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)
        self.raw = bytearray()
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._news = trio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._set_size(columns, lines)
        self.modes_before = self.modes()

    @classmethod
    @contextmanager
    def open(cls, columns: int = 80, lines: int = 24) -> Iterator["TerminalScreen"]:
        screen = cls(columns, lines)
        try:
            yield screen
        finally:
            screen.close()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.hang_up()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1

    # The program

    def start(self, command: Sequence[str], cwd: os.PathLike[str], env: Mapping[str, str]) -> None:
        """Run it as a shell would: this terminal is the controlling one, it is in front."""
        slave = self._slave

        def take_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            pass_fds=(slave,),
            preexec_fn=take_terminal,  # noqa: PLW1509  nothing but one system call
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """The exit status."""
        assert self._process is not None
        status: int = await trio.to_thread.run_sync(self._process.wait, PATIENCE_SECONDS)
        return status

    # What a person does

    async def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())
        await trio.lowlevel.checkpoint()

    def resize(self, columns: int, lines: int) -> None:
        """The kernel tells the program that is in front."""
        self._screen.resize(lines, columns)
        self._set_size(columns, lines)

    def hang_up(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    # What a person sees

    async def watch(self) -> None:
        """Take what is drawn, until cancelled: a terminal that nobody reads blocks its program."""
        while True:
            await trio.lowlevel.wait_readable(self._master)
            self._take()
            self._news.set()
            self._news = trio.Event()

    def _take(self) -> None:
        data = os.read(self._master, READ_BYTES)
        self.raw += data
        self._stream.feed(data)

    @property
    def rows(self) -> list[str]:
        return list(self._screen.display)

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows)

    def row(self, words: str) -> str:
        """The first row with these words."""
        return next(row for row in self.rows if words in row)

    def colour(self, words: str) -> str:
        """Of the first of these words, as the emulator names it."""
        number, row = next((n, row) for n, row in enumerate(self.rows) if words in row)
        return str(self._screen.buffer[number][row.index(words)].fg)

    def is_selected(self, words: str) -> bool:
        """Whether a row with these words is in reverse, below the headings."""
        return any(
            words in row and bool(self._screen.buffer[number][0].reverse)
            for number, row in enumerate(self.rows)
            if number > 2
        )

    async def sees(self, *words: str, without: str = "") -> None:
        """Wait until all the words are on screen, and `without` is not."""

        def shows() -> bool:
            text = self.text
            return all(word in text for word in words) and not (without and without in text)

        await self.until(shows, f"{words} without {without!r}")

    async def sees_at(self, number: int, words: str) -> None:
        """Wait until the row of this number begins with the words."""
        await self.until(lambda: self.rows[number].startswith(words), f"{words!r} at {number}")

    async def sees_selected(self, words: str) -> None:
        await self.until(lambda: self.is_selected(words), f"{words!r} selected")

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        with trio.move_on_after(SEEN_SECONDS_MAX):
            while not is_so():
                await self._news.wait()
            return
        raise AssertionError(f"never saw {what}:\n{self.text}")

    # Its modes

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def is_given_back(self) -> bool:
        """As it was before: modes, screen, cursor, wrapping, pastes."""
        while select.select([self._master], [], [], 0)[0]:
            self._take()
        said = bytes(self.raw)
        pairs = ((b"?1049", b"hl"), (b"?25", b"lh"), (b"?7", b"lh"), (b"?2004", b"hl"))
        for mode, (begin, end) in ((mode, map(chr, order)) for mode, order in pairs):
            began = said.rfind(b"\x1b[" + mode + begin.encode())
            ended = said.rfind(b"\x1b[" + mode + end.encode())
            if began >= 0 and ended < began:
                return False
        return self.modes() == self.modes_before

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)
