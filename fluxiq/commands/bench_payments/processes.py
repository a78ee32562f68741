"""The processes that are measured: started, reached, and how much of the CPU they took."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

import trio

from fluxiq.commands.figures import Figure
from fluxiq.http1 import HttpClient, tcp_connector

STOP_SECONDS_MAX: Final = 60.0
CONNECTIONS_MAX: Final = 1024
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def process(words: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[trio.Process]:
    """Python with `words`, its output a pipe; asked to end with the block."""
    started = await trio.lowlevel.open_process(
        [sys.executable, *words], stdout=subprocess.PIPE, env={**os.environ, **environ}
    )
    try:
        yield started
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(STOP_SECONDS_MAX):
            started.terminate()
            await started.wait()


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[HttpClient]:
    place = url.removeprefix("http://")
    host, _, port = place.partition(":")
    connect = tcp_connector(host, int(port))
    async with HttpClient(connect, place, connections_max=CONNECTIONS_MAX) as client:
        yield client


class Cpu(NamedTuple):
    """Seconds of CPU, user and system: of the platform's own process, and of Postgres' together.

    What Postgres' processes took that have ended is kept by their parent.
    """

    platform: float
    postgres: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Until now, of the platform with this process id."""
        seconds = {found: _seconds(found) for found in _tree(pid)}
        servers = [found for found in seconds if _is_postgres(found)]
        return cls(seconds[pid], sum(seconds[one] for one in servers))

    def since(self, before: Self, count: int) -> "Cpu":
        """Of each of `count` payments."""
        return Cpu(
            (self.platform - before.platform) / count, (self.postgres - before.postgres) / count
        )

    def figures(self, name: str) -> list[Figure]:
        """Unlike rates these do not depend on who else uses the machine, or not so much."""
        return [
            Figure(name=f"{name}: our CPU", value=self.platform * 1e6, unit="us each"),
            Figure(name=f"{name}: PostgreSQL's CPU", value=self.postgres * 1e6, unit="us each"),
        ]


def _tree(pid: int) -> set[int]:
    """A process and all under it."""
    children: dict[int, list[int]] = {}
    for found, parent in _parents():
        children.setdefault(parent, []).append(found)

    known, waiting = {pid}, [pid]
    while waiting:
        new = [one for one in children.get(waiting.pop(), ()) if one not in known]
        known.update(new)
        waiting += new
    return known


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended
                yield int(entry.name), int(_stat(int(entry.name))[1])


def _seconds(pid: int) -> float:
    """Its own and those of children that have ended and were waited for."""
    try:
        user, system, users, systems = (int(field) for field in _stat(pid)[11:15])
    except OSError:
        return 0.0  # its parent has its time now
    return (user + system + users + systems) / _TICKS


def _is_postgres(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "comm").read_text().startswith("postgres")
    return False


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on."""
    text = (Path("/proc") / str(pid) / "stat").read_text()
    return text.rpartition(")")[2].split()
