"""`run.py bench actors`: the supervision runtime beside bare trio, pykka and Erlang/OTP."""

from collections.abc import Callable, Collection, Mapping

from fluxiq.commands.bench_actors.calls import measure_calls
from fluxiq.commands.bench_actors.casts import measure_casts
from fluxiq.commands.bench_actors.inline import measure_inline
from fluxiq.commands.bench_actors.memory import measure_memory
from fluxiq.commands.bench_actors.restarts import measure_restarts
from fluxiq.commands.bench_actors.rounds import Effort
from fluxiq.commands.bench_actors.snapshots import measure_snapshots
from fluxiq.commands.bench_actors.starts import measure_starts
from fluxiq.commands.figures import Figure

FAMILIES: Mapping[str, Callable[[Effort], list[Figure]]] = {
    "calls": measure_calls,
    "inline": measure_inline,
    "casts": measure_casts,
    "starts": measure_starts,
    "restart": measure_restarts,
    "snapshot": measure_snapshots,
    "memory": measure_memory,
}


def measure_actors(effort: Effort, only: Collection[str] = ()) -> list[Figure]:
    """Measure the families of rows named in `only`, or all of them."""
    wanted = [measure for name, measure in FAMILIES.items() if not only or name in only]
    return [figure for measure in wanted for figure in measure(effort)]


__all__ = ["FAMILIES", "Effort", "measure_actors"]
