"""Calls of a plain `def` handler of an idle actor: handled in the caller's own step."""

from functools import partial
from typing import Any

import trio

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.calls import CALL_SECONDS_MAX, calls_per_second
from fluxiq.commands.bench_actors.rounds import Contender, Effort, at_least, in_turns
from fluxiq.commands.figures import Figure
from supervisors import Actor, Caller, Strategy, SupervisorSpec, open_tree

CALLS_AIMED = 300_000
_ROW = "call of a plain def, callee idle"


class Echo(Actor):
    def handle_call(self, message: int, caller: Caller) -> int:  # noqa: ARG002
        return message


def measure_inline(effort: Effort) -> list[Figure]:
    """Beside a bare method behind `checkpoint_if_cancelled`: the least that an await can be."""
    ours, bare = f"actor: {_ROW}", "bare method + checkpoint_if_cancelled"
    count = effort.count(100_000, 1_000)
    samples = in_turns(
        "calls/s",
        [
            Contender(name=bare, measure=partial(trio.run, _bare, count)),
            Contender(name=ours, measure=partial(trio.run, _actor, count)),
            peers.otp("gen_server:call, 1 caller", "calls", 1, effort.count(200_000, 6_400)),
        ],
        effort.rounds,
    )
    return [
        samples.row(ours, f"at least {CALLS_AIMED:,}", at_least(CALLS_AIMED)),
        *samples.others(ours),
    ]


async def _actor(count: int) -> float:
    spec = SupervisorSpec(
        id="bench", strategy=Strategy.ONE_FOR_ONE, children=[Echo.spec(id="echo")]
    )
    async with open_tree(spec) as tree:
        call = partial(tree.ref("echo").call, timeout=CALL_SECONDS_MAX)
        return await calls_per_second(call, 1, count)


async def _bare(count: int) -> float:
    async def call(number: int) -> Any:
        await trio.lowlevel.checkpoint_if_cancelled()
        return _echo(number)

    return await calls_per_second(call, 1, count)


def _echo(message: int) -> int:
    return message
