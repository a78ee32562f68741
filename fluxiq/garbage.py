"""Pauses of the garbage collector, kept short: what a start has made is not walked again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def started() -> Iterator[None]:
    """Set everything that exists now aside, for the length of the block.

    Modules, types and a tree are some 50,000 objects that stay. A full collection that walks them
    stops everything for 30 to 70 ms, about once in ten seconds of load; without them for some 7.
    What dies of them is freed as ever, but for cycles, which wait for the end of the block.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
