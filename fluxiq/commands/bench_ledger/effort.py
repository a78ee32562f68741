"""How long to measure, and with which TigerBeetle."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from actors.embedded.binaries import tigerbeetle_binary
from fluxiq.commands.bench_actors.rounds import Effort
from fluxiq.commands.figures import Figure

BATCH: Final = 8189  # what one request of TigerBeetle's holds

NO_SERVER: Final = "no TigerBeetle server: see --help"
NO_PROGRAM: Final = "no TigerBeetle program: see --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEffort(Effort):
    """`seconds` of each sustained load; `history`: transfers in the journal before "with history".

    `program` is TigerBeetle's, for servers of our own and for its `benchmark`. Without one,
    `addresses` may be of a cluster 0 that runs already; it is the number reserved for tests and
    benchmarks, and what is written to TigerBeetle stays there for ever.
    """

    seconds: float
    history: int
    program: Path | None
    addresses: str

    @classmethod
    def of(cls, *, rounds: int, quick: bool, seconds: float, history: int) -> Self:
        """Look for TigerBeetle. Raises StartRefused for a program that cannot be executed."""
        program = tigerbeetle_binary(os.environ)
        return cls(
            rounds=rounds,
            quick=quick,
            seconds=seconds,
            history=history,
            program=program,
            addresses="" if program else os.environ.get("FLUXIQ_TIGERBEETLE__ADDRESSES", ""),
        )

    @property
    def has_tigerbeetle(self) -> bool:
        return bool(self.program or self.addresses)

    def span(self, full: float, quick: float = 0.5) -> float:
        """Return how many seconds a load lasts."""
        return quick if self.quick else full


def absent(unit: str, *names: str, note: str = NO_SERVER) -> list[Figure]:
    """Return a row for each figure that cannot be measured here."""
    return [Figure(name=name, value=None, unit=unit, note=note) for name in names]
