"""The servers of a benchmark: on loopback, in a folder of their own, gone afterwards.

They are started as the platform starts them: PostgreSQL with fsync, TigerBeetle without
`--development`. Every turn of a contender gets fresh ones, so that nobody works on the books that
another one has filled.
"""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from actors.embedded import (
    DataDirectory,
    PostgresEndpoint,
    postgres_child,
    postgres_endpoint,
    tigerbeetle_child,
    tigerbeetle_endpoint,
)
from actors.embedded.orphans import servers_in
from actors.embedded.postgres import VERSION
from fluxiq.commands.bench_ledger.effort import LedgerEffort
from fluxiq.commands.bench_ledger.leftovers import temporary_folder
from fluxiq.ledgers.tigerbeetle import Cluster
from supervisors import Strategy, SupervisorSpec, open_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What runs. `addresses` is empty where no TigerBeetle was asked for."""

    folder: Path
    postgres: PostgresEndpoint | None
    addresses: str
    program: Path | None

    @property
    def cluster(self) -> Cluster:
        assert self.addresses, "asked for when the servers were opened"
        return Cluster(0, self.addresses)

    def signal_tigerbeetle(self, number: signal.Signals) -> None:
        """SIGSTOP or SIGCONT to our own server, by its pid."""
        pids = self._tigerbeetle_pids()
        assert len(pids) == 1, f"one server of ours runs, not {pids}"
        os.kill(pids[0], number)

    def cpu_seconds(self) -> dict[str, float]:
        """What our servers have spent so far. A process that has ended is not counted any more."""
        postgres = servers_in(self.folder / "postgres" / VERSION, "postgres")
        spent = {"PostgreSQL": _cpu_seconds(postgres)}
        if pids := self._tigerbeetle_pids():
            spent["TigerBeetle"] = _cpu_seconds(pids)
        return spent

    def _tigerbeetle_pids(self) -> list[int]:
        if self.program is None:
            return []
        return servers_in(self.folder / "tigerbeetle", self.program.name)


@asynccontextmanager
async def open_servers(
    effort: LedgerEffort, *, postgres: bool = True, tigerbeetle: bool = True
) -> AsyncIterator[Servers]:
    """Hold them for the length of the block; TigerBeetle's are those that run already, if any.

    Raises StartRefused, and StartFailed when a server does not start.
    """
    with (
        temporary_folder() as folder,
        DataDirectory.open(folder) as directory,
    ):
        addresses = effort.addresses if tigerbeetle else ""
        children = [postgres_child(directory)] if postgres else []
        if tigerbeetle and not addresses:
            child, endpoint = tigerbeetle_child(directory), tigerbeetle_endpoint(directory)
            assert child is not None, "looked for before"
            assert not isinstance(endpoint, str), "looked for before"
            children.append(child)
            addresses = endpoint.address

        spec = SupervisorSpec(id="bench", strategy=Strategy.ONE_FOR_ONE, children=children)
        async with open_tree(spec):
            yield Servers(
                folder=Path(folder),
                postgres=postgres_endpoint(directory) if postgres else None,
                addresses=addresses,
                program=effort.program,
            )


def _cpu_seconds(pids: Sequence[int]) -> float:
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            # After the name in parentheses: the 12th and 13th are user and system time.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
