"""A shell and a Python that stay, as in two terminals: blocks are typed into them one by one."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

MARK = "-- that was the block --"
BLOCK_SECONDS_MAX = 60.0

# Reads blocks, each as the length of its source in a line and then the source.
_PYTHON = f"""
import sys
names = {{"__name__": "__main__"}}
while line := sys.stdin.readline():
    exec(compile(sys.stdin.read(int(line)), "<page>", "exec"), names)
    print("{MARK}", flush=True)
"""


class Session:
    """A process that runs blocks. A block that fails ends it."""

    def __init__(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever it left in the background holds its output open, and is the caller's to end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(BLOCK_SECONDS_MAX)

    def join(self) -> None:
        """Wait until nobody can write to its output any more."""
        self._reader.join(BLOCK_SECONDS_MAX)
        assert not self._reader.is_alive(), "something that it started still runs"
        assert self._process.stdout is not None
        self._process.stdout.close()

    def run(self, block: str) -> str:
        """What the block prints."""
        assert self._process.stdin is not None
        self._process.stdin.write(self.framed(block))
        self._process.stdin.flush()
        said: list[str] = []
        deadline = time.monotonic() + BLOCK_SECONDS_MAX
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no end after {''.join(said)}: {block}") from None
            assert line is not None, f"it failed: {''.join(said)}\n{block}"
            if line.rstrip("\n").endswith(MARK):
                said.append(line.rstrip("\n").removesuffix(MARK))
                return "".join(said)
            said.append(line)

    def framed(self, block: str) -> str:
        raise NotImplementedError

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)


class Shell(Session):
    """bash, which ends at the first command that fails."""

    def __init__(self, cwd: Path, environ: Mapping[str, str]) -> None:
        super().__init__(("bash", "-e", "-o", "pipefail"), cwd, environ)

    def framed(self, block: str) -> str:
        return f"{block}\necho '{MARK}'\n"


class Python(Session):
    """One namespace for all blocks."""

    def __init__(self, cwd: Path, environ: Mapping[str, str]) -> None:
        super().__init__((sys.executable, "-u", "-c", _PYTHON), cwd, environ)

    def framed(self, block: str) -> str:
        return f"{len(block)}\n{block}"
