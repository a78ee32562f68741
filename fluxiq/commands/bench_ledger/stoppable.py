"""SIGTERM and Ctrl-C end a measurement in order: clients close, servers stop, folders go."""

import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, ParamSpec, TypeVar

import trio

P = ParamSpec("P")
T = TypeVar("T")

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(
    measure: Callable[P, Awaitable[T]],
    *arguments: P.args,
    **keywords: P.kwargs,
) -> T:
    """`trio.run`, but a signal cancels `measure`, and ends the process once that is cleaned up.

    Raises SystemExit then, with the status that a shell gives such an end. A second signal acts as
    if this was not here.
    """

    async def main() -> T:
        return await _unless_stopped(lambda: measure(*arguments, **keywords))

    return trio.run(main)


async def _unless_stopped(measure: Callable[[], Awaitable[T]]) -> T:
    token, received = trio.lowlevel.current_trio_token(), list[int]()
    with trio.CancelScope() as scope:

        def stop(number: int, _frame: FrameType | None) -> None:
            received.append(number)
            restore()
            token.run_sync_soon(scope.cancel)

        with _handled_by(stop) as restore:
            result = await measure()
    if received:
        raise SystemExit(128 + received[0])
    return result


@contextmanager
def _handled_by(
    stop: Callable[[int, FrameType | None], None],
) -> Iterator[Callable[[], None]]:
    """Give what restores the handlers of before, which is done in the end anyway."""
    before = {number: signal.signal(number, stop) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield restore
    finally:
        restore()
