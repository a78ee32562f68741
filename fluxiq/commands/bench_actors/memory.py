"""The memory of an idle supervised actor, beyond its own state.

One process grows by a tree of actors, another by as many instances of their class and no tree: the
difference is the runtime's.
"""

import subprocess
import sys
from functools import partial

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.rounds import Contender, Effort, at_most, in_turns
from fluxiq.commands.figures import Figure

BYTES_AIMED = 3_000
ROUNDS_MAX = 3  # it hardly varies, and takes long
LOOK_SECONDS_MAX = 300.0
_LOOK = "fluxiq.commands.bench_actors.memory_look"


def measure_memory(effort: Effort) -> list[Figure]:
    """Resident bytes for each actor; in its context a parked trio task, and OTP's processes."""
    count = effort.count(100_000, 2_000)
    ours, task = f"actor: memory of each of {count:,}, idle", "bare: memory of a parked task"
    samples = in_turns(
        "bytes",
        [
            Contender(name=ours, measure=partial(_beyond_its_state, count)),
            Contender(name=task, measure=partial(_look, "tasks", count)),
            peers.otp(f"memory of each of {count:,} gen_servers", "memory", count),
        ],
        min(effort.rounds, ROUNDS_MAX),
    )
    aim = f"at most {BYTES_AIMED:,}"
    return [samples.row(ours, aim, at_most(BYTES_AIMED)), *samples.others(ours)]


def _beyond_its_state(count: int) -> float:
    return _look("actors", count) - _look("instances", count)


def _look(what: str, count: int) -> float:
    """Return the bytes that each of `count` adds to a process of its own."""
    done = subprocess.run(  # noqa: S603 -- our own module
        [sys.executable, "-m", _LOOK, what, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LOOK_SECONDS_MAX,
    )
    return float(done.stdout)
