"""Casts to an actor that takes its mail in batches: throughput, not latency.

The sender waits after every BURST messages, which fit the mailbox, until they are handled: so
nothing is refused, and both sides of the comparison switch tasks equally often.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from statistics import median
from time import perf_counter

import trio

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.bare import BareServer
from fluxiq.commands.bench_actors.rounds import Contender, Effort, at_least, in_turns
from fluxiq.commands.figures import Figure
from supervisors import Actor, Envelope, Mailbox, Strategy, SupervisorSpec, Tree, open_tree

BURST = 512
CASTS_AIMED = 300_000
SHARE_AIMED = 0.5
HANDLED_SECONDS_MAX = 30.0
_ROW = "cast"


class Counter(Actor):
    """Counts one by one."""

    mailbox = Mailbox(capacity=BURST)

    def __init__(self) -> None:
        self.seen = 0

    def handle_cast(self, message: object) -> None:  # noqa: ARG002
        self.seen += 1


class BatchCounter(Counter):
    """Counts what waits, at once."""

    batch_max = BURST

    async def handle_batch(self, envelopes: Sequence[Envelope]) -> None:
        self.seen += len(envelopes)


def measure_casts(effort: Effort) -> list[Figure]:
    """`cast_nowait` to a batch; in its context one by one, and `await cast`."""
    ours, bare = f"actor: {_ROW}, batches", f"bare: {_ROW}"
    single, awaited = f"actor: {_ROW}, one by one", f"actor: await {_ROW}, batches"
    count = effort.count(200 * BURST, 4 * BURST)
    samples = in_turns(
        "messages/s",
        [
            Contender(name=bare, measure=partial(trio.run, _bare, count)),
            Contender(name=ours, measure=partial(trio.run, _actor, BatchCounter, count)),
            Contender(name=single, measure=partial(trio.run, _actor, Counter, count)),
            Contender(name=awaited, measure=partial(trio.run, _awaited, count)),
            peers.pykka("tell", "casts", effort.count(20_000, 640)),
            peers.otp("gen_server:cast", "casts", effort.count(500_000, 6_400)),
        ],
        effort.rounds,
    )
    # Either is enough: the rate, or the share.
    share = median(samples.shares(ours, bare))
    holds = at_least(CASTS_AIMED) if share < SHARE_AIMED else at_least(0)
    return [
        samples.row(bare),
        samples.row(ours, f"at least {CASTS_AIMED:,}, or {SHARE_AIMED} of bare", holds),
        samples.share(ours, bare),
        *samples.others(bare, ours),
    ]


async def _actor(kind: type[Counter], count: int) -> float:
    async with open_tree(_tree(kind)) as tree:
        counter = tree.ref("counter")

        async def burst() -> None:
            for number in range(BURST):
                accepted = counter.cast_nowait(number)
                assert accepted, "a burst fits the mailbox"

        return await _rate(burst, partial(_handled, tree), count)


async def _awaited(count: int) -> float:
    async with open_tree(_tree(BatchCounter)) as tree:
        counter = tree.ref("counter")

        async def burst() -> None:
            for number in range(BURST):
                accepted = await counter.cast(number)
                assert accepted, "a burst fits the mailbox"

        return await _rate(burst, partial(_handled, tree), count)


async def _bare(count: int) -> float:
    server = BareServer()

    async def burst() -> None:
        for number in range(BURST):
            server.cast(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_casts)
        rate = await _rate(burst, lambda: server.casts_seen, count)
        nursery.cancel_scope.cancel()
    return rate


async def _rate(
    burst: Callable[[], Awaitable[None]], handled: Callable[[], int], count: int
) -> float:
    """From the first message sent until the last one has been handled."""
    began = perf_counter()
    with trio.fail_after(HANDLED_SECONDS_MAX):
        for sent in range(BURST, count + 1, BURST):
            await burst()
            await trio.lowlevel.checkpoint()
            while handled() < sent:
                await trio.lowlevel.checkpoint()
    return count / (perf_counter() - began)


def _handled(tree: Tree) -> int:
    mailbox = tree.statistics("bench/counter").mailbox
    assert mailbox is not None, "an actor has a mailbox"
    return mailbox.handled


def _tree(kind: type[Counter]) -> SupervisorSpec:
    return SupervisorSpec(
        id="bench", strategy=Strategy.ONE_FOR_ONE, children=[kind.spec(id="counter")]
    )
