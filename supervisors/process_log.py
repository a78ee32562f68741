"""Where a supervised OS process writes: straight into a file, or line by line to a function."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import trio

LOG_TAIL_LINES = 20  # lines of its log that the error about a dead process carries
LOG_LINE_BYTES_MAX = 16 * 1024  # a longer line is cut into pieces
LOG_FILE_BYTES_MAX = 16 * 1024 * 1024  # at a start, a larger log file is put aside as name.1
DRAIN_SECONDS_MAX = 1.0  # for the last lines; somebody may hold the pipe open for ever


class ProcessLog(Protocol):
    """Where a process writes: `output` is the descriptor it gets."""

    output: int

    async def pump(self) -> None: ...

    async def drain(self) -> None: ...

    def tail(self) -> tuple[str, ...]: ...


@contextmanager
def open_log(target: Path | Callable[[str], None]) -> Iterator[ProcessLog]:
    log = FileLog(target) if isinstance(target, Path) else LineLog(target)
    try:
        yield log
    finally:
        log.close()


class FileLog:
    """The process writes to the file itself, so a stalled platform never stalls its servers."""

    def __init__(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            if path.stat().st_size > LOG_FILE_BYTES_MAX:
                path.replace(path.with_name(path.name + ".1"))

        self._path = path
        self.output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._start = os.fstat(self.output).st_size

    async def pump(self) -> None:
        """Nothing to do: there is nobody in between."""

    async def drain(self) -> None:
        """Nothing is ever waiting."""

    def tail(self) -> tuple[str, ...]:
        """The last lines of this incarnation."""
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._start, size - LOG_LINE_BYTES_MAX))
            text = file.read(LOG_LINE_BYTES_MAX).decode(errors="replace")

        return tuple(text.splitlines()[-LOG_TAIL_LINES:])

    def close(self) -> None:
        os.close(self.output)


class LineLog:
    """A pipe, read line by line and given to a function."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self._input, self.output = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self.output, True)  # the process expects an ordinary descriptor
        self._dry = trio.Event()
        self._scope = trio.CancelScope(shield=True)  # it reads on while the process stops

    async def pump(self) -> None:
        """Until end of file: the process and all it started have closed the pipe."""
        try:
            with self._scope:
                await self._read_to_the_end()
        finally:
            self._dry.set()

    async def drain(self) -> None:
        """Take what is left; somebody who still holds the pipe open is not waited for."""
        os.close(self.output)
        self.output = -1
        with trio.move_on_after(DRAIN_SECONDS_MAX, shield=True):
            await self._dry.wait()

        self._scope.cancel()

    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    def close(self) -> None:
        os.close(self._input)
        if self.output >= 0:
            os.close(self.output)

    async def _read_to_the_end(self) -> None:
        pending = b""
        while data := await self._read():
            *lines, pending = (pending + data).split(b"\n")
            if len(pending) > LOG_LINE_BYTES_MAX:
                lines, pending = [*lines, pending], b""

            for line in lines:
                self._take(line)

        if pending:
            self._take(pending)

    async def _read(self) -> bytes:
        await trio.lowlevel.wait_readable(self._input)
        return os.read(self._input, LOG_LINE_BYTES_MAX)

    def _take(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        self._tail.append(text)
        self._say(text)
