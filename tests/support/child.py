"""Run a child's start alone, without a tree."""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

REPOSITORY = Path(__file__).parents[2]
START_SECONDS_MAX = 60


class FakeContext:
    """What a supervisor hands to a child, reduced to what an OS process uses."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.facts: dict[str, Any] = {}
        self.became_ready = trio.Event()
        self.killed = trio.Event()

    def ready(self, value: object = None) -> None:
        self.became_ready.set()

    def report(self, **facts: object) -> None:
        self.facts.update(facts)

    @property
    def pid(self) -> int:
        return int(self.facts["pid"])


@asynccontextmanager
async def running(
    start: Callable[[Any], Awaitable[None]], name: str = "child"
) -> AsyncIterator[FakeContext]:
    """Ready on entering, stopped in order on leaving. A crash arrives in an exception group."""
    context = FakeContext(name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(start, context)
        with trio.fail_after(START_SECONDS_MAX):
            await context.became_ready.wait()

        yield context
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def other_platform(code: str, *arguments: str) -> AsyncIterator[tuple[trio.Process, str]]:
    """Another Python that runs `code`, and the line it prints when it is up; killed at the end."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", code, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with process.stdout:
            line = b""
            with trio.fail_after(START_SECONDS_MAX):
                while not line.endswith(b"\n"):
                    data = await process.stdout.receive_some(64)
                    assert data, "it ended early; its error is on standard error"
                    line += data

            yield process, line.decode().strip()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
