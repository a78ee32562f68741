"""Round trips through a mailbox: an `async def` handler, so that the caller has to wait for it."""

from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any

import trio

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.bare import BareServer
from fluxiq.commands.bench_actors.rounds import Contender, Effort, at_least, in_turns
from fluxiq.commands.figures import Figure
from supervisors import Actor, Caller, Strategy, SupervisorSpec, open_tree

CALL_SECONDS_MAX = 5.0
SHARE_AIMED = 0.8
CROWD = 64

Call = Callable[[int], Awaitable[Any]]


class Echo(Actor):
    async def handle_call(self, message: int, caller: Caller) -> int:  # noqa: ARG002
        return message


def measure_calls(effort: Effort) -> list[Figure]:
    """One caller, then a crowd, each beside the bare counterpart."""
    figures = []
    for callers in (1, CROWD):
        row = f"call, {callers} caller{'s' if callers > 1 else ''}"
        ours, bare, limited = f"actor: {row}", f"bare: {row}", f"bare + move_on_after: {row}"
        count = effort.count(20_000, 640)
        samples = in_turns(
            "calls/s",
            [
                Contender(name=bare, measure=partial(trio.run, _bare, callers, count)),
                Contender(name=ours, measure=partial(trio.run, _actor, callers, count)),
                Contender(name=limited, measure=partial(trio.run, _limited, callers, count)),
                peers.pykka(row, "calls", callers, effort.count(10_000, 640)),
                peers.otp(row, "calls", callers, effort.count(200_000, 6_400)),
            ],
            effort.rounds,
        )
        holds = at_least(SHARE_AIMED)
        figures += [
            samples.row(bare),
            samples.row(ours),
            samples.share(ours, bare, f"at least {SHARE_AIMED}", holds),
            samples.row(limited),
            samples.share(ours, limited),
            *samples.others(bare, ours, limited),
        ]
    return figures


async def _actor(callers: int, count: int) -> float:
    spec = SupervisorSpec(
        id="bench", strategy=Strategy.ONE_FOR_ONE, children=[Echo.spec(id="echo")]
    )
    async with open_tree(spec) as tree:
        call = partial(tree.ref("echo").call, timeout=CALL_SECONDS_MAX)
        return await calls_per_second(call, callers, count)


async def _bare(callers: int, count: int) -> float:
    server = BareServer()
    return await _served(server, server.call, callers, count)


async def _limited(callers: int, count: int) -> float:
    """The same with a deadline per call, as one would write it on trio."""
    server = BareServer()

    async def call(number: int) -> Any:
        with trio.move_on_after(CALL_SECONDS_MAX):
            return await server.call(number)

    return await _served(server, call, callers, count)


async def _served(server: BareServer, call: Call, callers: int, count: int) -> float:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_calls, _echo)
        rate = await calls_per_second(call, callers, count)
        nursery.cancel_scope.cancel()
    return rate


async def _echo(message: int) -> int:
    return message


async def calls_per_second(call: Call, callers: int, count: int) -> float:
    """Let each caller call again as soon as it is answered."""
    each = count // callers

    async def caller() -> None:
        for number in range(each):
            answer = await call(number)
            assert answer == number, "an echo returns what it was sent"

    await call(0)  # whoever serves has started
    began = perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)
    return each * callers / (perf_counter() - began)
