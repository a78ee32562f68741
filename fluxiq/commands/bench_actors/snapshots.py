"""A snapshot of a tree of many actors: what every look of an operator costs the platform."""

import gc
from functools import partial
from statistics import median
from time import perf_counter

import trio

from fluxiq.commands.bench_actors.rounds import Effort
from fluxiq.commands.bench_actors.starts import dynamic_spec
from fluxiq.commands.figures import Figure
from supervisors import Node, open_tree

SNAPSHOT_MS_AIMED = 50.0
SNAPSHOTS_PER_ROUND = 5


def measure_snapshots(effort: Effort) -> list[Figure]:
    """The median and the longest, beside a bare copy of the records of the same snapshot.

    Garbage collection takes its turn in both, as in production.
    """
    count = effort.count(10_000, 200)
    gc.collect()
    taken, copied = trio.run(partial(_snapshots, count, SNAPSHOTS_PER_ROUND * effort.rounds))
    name = f"snapshot of {count:,} actors"
    note = f"of {len(taken)}"
    figures = [
        Figure(
            name=f"{name}, {which}",
            value=value,
            unit="ms",
            aim=f"under {SNAPSHOT_MS_AIMED:g}",
            holds=value < SNAPSHOT_MS_AIMED,
            note=note,
        )
        for which, value in (("median", median(taken)), ("longest", max(taken)))
    ]
    bare = Figure(name="bare: copy of its records", value=median(copied), unit="ms", note=note)
    return [*figures, bare]


async def _snapshots(actors: int, count: int) -> tuple[list[float], list[float]]:
    """Return what each snapshot took, and each copy, in milliseconds."""
    taken, copied = [], []
    async with open_tree(dynamic_spec(actors)) as tree:
        for _ in range(count):
            began = perf_counter()
            nodes = tree.snapshot().nodes
            ended = perf_counter()
            copies = [Node(*node) for node in nodes]
            taken.append((ended - began) * 1000)
            copied.append((perf_counter() - ended) * 1000)
            assert len(copies) == actors + 1, "the supervisor and every actor"
            await trio.lowlevel.checkpoint()
    return taken, copied
