"""One look at memory, in a process of its own: `python -m … WHAT COUNT` prints bytes for each.

A fresh process has a fresh heap, so what it grows by is what it holds, and not what an earlier
round left behind.
"""

import gc
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
import trio.testing

from fluxiq.commands.bench_actors.starts import Idle, dynamic_spec
from supervisors import open_tree


async def actors(count: int) -> int:
    """Every one alive at once, as the snapshot says; the keys are the runtime's too."""
    before = _resident_bytes()
    async with open_tree(dynamic_spec(count)) as tree:
        grown = _resident_bytes() - before
        running = sum(node.state == "running" for node in tree.snapshot().nodes)
        assert running == count + 1, "all of them, and their supervisor"
    return grown


async def instances(count: int) -> int:
    """The state of the actors alone."""
    before = _resident_bytes()
    kept = [Idle() for _ in range(count)]
    grown = _resident_bytes() - before
    assert len(kept) == count, "all of them are alive"
    return grown


async def tasks(count: int) -> int:
    before = _resident_bytes()
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        grown = _resident_bytes() - before
        nursery.cancel_scope.cancel()
    return grown


LOOKS: dict[str, Callable[[int], Awaitable[int]]] = {
    "actors": actors,
    "instances": instances,
    "tasks": tasks,
}


def _resident_bytes() -> int:
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    _count = int(sys.argv[2])
    print(trio.run(LOOKS[sys.argv[1]], _count) / _count)  # noqa: T201 -- its one answer
