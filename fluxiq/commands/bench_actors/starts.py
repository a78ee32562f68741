"""The start of many actors, until every one of them is ready."""

from functools import partial
from time import perf_counter

import trio

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.rounds import Contender, Effort, at_least, in_turns
from fluxiq.commands.figures import Figure
from supervisors import Actor, ChildSpec, DynamicSpec, Strategy, SupervisorSpec, open_tree

SHARE_AIMED = 0.5


class Idle(Actor):
    """Has a state, and nothing to do."""

    def __init__(self) -> None:
        self.count = 0


def measure_starts(effort: Effort) -> list[Figure]:
    """As static children, and as the keys of a dynamic supervisor, beside bare `start_soon`."""
    count = effort.count(10_000, 200)
    bare = "bare: start_soon of a task that parks"
    static = f"actor: start of {count:,}, static children"
    dynamic = f"actor: start of {count:,}, keys of a dynamic supervisor"
    one_by_one = f"actor: start_child, {count:,} times"
    threads = effort.count(1_000, 20)
    samples = in_turns(
        "actors/s",
        [
            Contender(name=bare, measure=partial(trio.run, _bare, count)),
            Contender(name=static, measure=partial(trio.run, _static, count)),
            Contender(name=dynamic, measure=partial(trio.run, _dynamic, count)),
            Contender(name=one_by_one, measure=partial(trio.run, _one_by_one, count)),
            peers.pykka(f"start of {threads:,}, a thread each", "starts", threads),
            peers.otp(f"start of {count:,}, static children", "starts_static", count),
            peers.otp(f"start_child, {count:,} times", "starts_dynamic", count),
        ],
        effort.rounds,
    )
    aim, holds = f"at least {SHARE_AIMED}", at_least(SHARE_AIMED)
    return [
        samples.row(bare),
        samples.row(static),
        samples.share(static, bare, aim, holds),
        samples.row(dynamic),
        samples.share(dynamic, bare, aim, holds),
        *samples.others(bare, static, dynamic),
    ]


def dynamic_spec(count: int) -> DynamicSpec:
    """A supervisor of `count` idle actors, started with it."""
    keys = [str(number) for number in range(count)]
    return DynamicSpec(id="bench", template=_template, keys=keys, max_children=count)


async def _static(count: int) -> float:
    """The child specs are data that exists before."""
    children = [_template(str(number)) for number in range(count)]
    spec = SupervisorSpec(id="bench", strategy=Strategy.ONE_FOR_ONE, children=children)
    began = perf_counter()
    async with open_tree(spec):
        return count / (perf_counter() - began)


async def _dynamic(count: int) -> float:
    """The child specs are made from the template on the way."""
    spec = dynamic_spec(count)
    began = perf_counter()
    async with open_tree(spec):
        return count / (perf_counter() - began)


async def _one_by_one(count: int) -> float:
    keys = [str(number) for number in range(count)]
    async with open_tree(DynamicSpec(id="bench", template=_template, max_children=count)) as tree:
        began = perf_counter()
        for key in keys:
            await tree.start_child("bench", key)
        return count / (perf_counter() - began)


def _template(key: str) -> ChildSpec:
    return Idle.spec(id=key)


async def _bare(count: int) -> float:
    parked = 0

    async def park() -> None:
        nonlocal parked
        parked += 1
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        began = perf_counter()
        for _ in range(count):
            nursery.start_soon(park)
        while parked < count:
            await trio.lowlevel.checkpoint()
        rate = count / (perf_counter() - began)
        nursery.cancel_scope.cancel()
    return rate
