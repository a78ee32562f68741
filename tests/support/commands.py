"""The command line in processes of its own, and what a command leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.patience import PATIENCE_SECONDS
from tests.support.platform import ROOT

COMMAND_SECONDS_MAX = 90.0


@dataclass(frozen=True)
class Finished:
    status: int
    stdout: str
    stderr: str

    @property
    def complaints(self) -> list[str]:
        """Standard error without the log."""
        return [line for line in self.stderr.splitlines() if not line.startswith('{"')]


def fluxiq(
    *words: str,
    data_dir: Path,
    environ: Mapping[str, str] | None = None,
    command: Sequence[str] = (sys.executable, "run.py"),
) -> Finished:
    """Run the command line to its end."""
    done = subprocess.run(
        [*command, *words],
        cwd=ROOT,
        env=environment(data_dir, environ),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def environment(data_dir: Path, changed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of a platform that shares nothing with another one on this machine."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("FLUXIQ_")},
        "FLUXIQ_DATA_DIR": str(data_dir),
        "FLUXIQ_HTTP__PORT": "0",
        "FLUXIQ_SIMULATOR__PORT": "0",
        "FLUXIQ_WEB__ENABLED": "false",
        "FLUXIQ_LOG__FORMAT": "json",
        **(changed or {}),
    }


def assert_nothing_runs_in(folder: Path) -> None:
    """No process of any kind has anything to do with this folder any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found := processes_in(folder):
        assert time.monotonic() < deadline, {pid: _command_of(pid) for pid in found}
        time.sleep(0.05)


def assert_all_ended(pids: Iterable[int]) -> None:
    """They are gone, or about to be: a server that was killed takes a moment to bury its own."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline, {pid: _command_of(pid) for pid in found}
        time.sleep(0.05)


def descendants(pid: int) -> set[int]:
    """Every process under this one."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, set()).add(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = children.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def is_running(pid: int) -> bool:
    """Whether there is such a process, zombies not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_in(folder: Path) -> list[int]:
    """Whose working directory, command or environment names the folder; this process excluded."""
    mark, found = os.fsencode(folder) + b"/", []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            place = os.fsencode((entry / "cwd").readlink()) + b"/"
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if is_running(int(entry.name)) and (place.startswith(mark) or mark in words):
                found.append(int(entry.name))
    return found


def _command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return "ended"


class Foreground:
    """`run.py up`, or what else stays, as somebody types it: Ctrl-C reaches all in the foreground.

    Entered once it has said `ready`.
    """

    def __init__(
        self,
        data_dir: Path,
        command: Sequence[str] = (sys.executable, "run.py", "up"),
        environ: Mapping[str, str] | None = None,
        ready: str = "Ctrl-C stops in order",
    ) -> None:
        self.data_dir = data_dir
        self._ready = ready
        self._output = data_dir.parent / f"{data_dir.name}.out"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(data_dir, environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        self.wait_for(self._ready)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def processes(self) -> set[int]:
        """The platform, its servers, and theirs."""
        return {self._process.pid, *descendants(self._process.pid)}

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + COMMAND_SECONDS_MAX
        while words not in self.output:
            assert self._process.poll() is None, f"it ended: {self.output}"
            assert time.monotonic() < deadline, f"it never said {words!r}: {self.output}"
            time.sleep(0.05)

    def press_ctrl_c(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM, as a service manager sends it: to the platform alone."""
        self._process.terminate()

    def end(self, seconds: float = COMMAND_SECONDS_MAX) -> int:
        """Wait for it; its exit status."""
        return self._process.wait(seconds)
