"""The API on a real socket, in a thread of its own: for clients that are not of trio."""

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Final, TypeAlias, TypeVar

import trio

from tests.support.api_twin import World, serving

SECONDS_MAX: Final = 10.0

T = TypeVar("T")
Told: TypeAlias = Callable[[T], None]


@contextmanager
def served_in_thread(world: World) -> Iterator[str]:
    """The URL of `world`'s API, until the block ends."""

    async def serve(told: Told[str]) -> None:
        async with serving(world) as served:
            told(served.url)
            await trio.sleep_forever()

    with run_in_thread(serve) as url:
        yield url


@contextmanager
def run_in_thread(serve: Callable[[Told[T]], Awaitable[None]]) -> Iterator[T]:
    """Run `serve` under trio in a thread until the block ends; what it tells is the block's."""
    started: Future[T] = Future()
    running: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

    async def run() -> None:
        with trio.CancelScope() as scope:
            running.append((trio.lowlevel.current_trio_token(), scope))
            await serve(started.set_result)

    def main() -> None:
        try:
            trio.run(run)
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = Thread(target=main, name="served-world", daemon=True)
    thread.start()
    told = started.result(SECONDS_MAX)
    [(token, scope)] = running
    try:
        yield told
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        thread.join(SECONDS_MAX)
        assert not thread.is_alive(), "the server did not stop"
