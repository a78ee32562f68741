"""The driver alone: packed batches through sessions, beside TigerBeetle's own benchmark.

Also beside the official Python client, whose packing belongs to it: so there is a row of ours from
records, too. Every turn has a fresh server.
"""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter

import trio

from fluxiq.commands.bench_actors.rounds import Absent, Contender, at_least, in_turns
from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.effort import (
    BATCH,
    NO_PROGRAM,
    LedgerEffort,
    absent,
)
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.bench_ledger.peers import Accepted, official_client, tigerbeetle_benchmark
from fluxiq.commands.bench_ledger.servers import Servers, open_servers
from fluxiq.commands.figures import Figure, latencies
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.tigerbeetle import TigerBeetleLedger, open_sessions
from fluxiq.ledgers.tigerbeetle.results import count_statuses

SHARE_AIMED = 0.95
OFFICIAL_AIMED = 4.0
SESSIONS = (1, 2, 4)
SINGLE = "driver: a single transfer"
OFFICIAL_SINGLE = "official Python client: a single transfer"
PEER_SINGLE = "tigerbeetle benchmark: a single transfer"
PACKING = "driver: batches from records, packing included, 1 session"
SCATTERED = "driver: packed batches, ids in no order, 1 session"
BY_MINUTE = "driver: packed batches, ids by minute and hash, 1 session"
OFFICIAL = "official Python client: batches from its records"
DEADLINE_SECONDS = 30.0  # a busy machine is no outage here

Batch = Callable[[Load], bytes]


def measure_driver(effort: LedgerEffort) -> list[Figure]:
    """Rates of batches, then the time of a single transfer."""
    return [*_rates(effort), *_singles(effort)]


def _rates(effort: LedgerEffort) -> list[Figure]:
    batches = effort.count(60, 3)
    sessions = SESSIONS[: effort.count(len(SESSIONS), 1)]
    ours = {count: f"driver: packed batches, {_sessions(count)}" for count in sessions}
    peer = {count: f"tigerbeetle benchmark: {_clients(count)}" for count in sessions}
    if not effort.has_tigerbeetle:
        names = (*peer.values(), *ours.values(), PACKING, BY_MINUTE, SCATTERED, OFFICIAL)
        return absent("transfers/s", *names)

    contenders: list[Contender | Absent] = []
    for count in sessions:
        contenders += [
            _benchmark(effort, peer[count], batches * BATCH, count),
            Contender(name=ours[count], measure=_ours(effort, batches, count, Load.packed)),
        ]
    contenders += [
        Contender(name=PACKING, measure=_ours(effort, batches, 1, Load.from_records)),
        Contender(name=BY_MINUTE, measure=_ours(effort, batches, 1, Load.by_minute)),
        Contender(name=SCATTERED, measure=_ours(effort, batches, 1, Load.scattered)),
        Contender(
            name=OFFICIAL,
            measure=lambda: stoppable.run(_official, effort, batches * BATCH // 4).rate,
        ),
    ]
    samples = in_turns("transfers/s", contenders, effort.rounds)

    figures: list[Figure] = []
    for count in sessions:
        figures.append(samples.row(ours[count]))
        if effort.program is not None:
            aim = f"at least {SHARE_AIMED}"
            share = samples.share(ours[count], peer[count], aim, at_least(SHARE_AIMED))
            figures += [samples.row(peer[count]), share]
    times = f"at least {OFFICIAL_AIMED:g}"
    return [
        *figures,
        samples.share(ours[1], OFFICIAL, times, at_least(OFFICIAL_AIMED)),
        samples.row(PACKING),
        samples.share(PACKING, OFFICIAL),
        samples.row(BY_MINUTE),
        samples.share(BY_MINUTE, ours[1]),
        samples.row(SCATTERED),
        samples.share(SCATTERED, ours[1]),
        *samples.others(PACKING, BY_MINUTE, SCATTERED, *ours.values(), *peer.values()),
    ]


def _singles(effort: LedgerEffort) -> list[Figure]:
    """One transfer after the other, each awaited: what a request costs at least."""
    if not effort.has_tigerbeetle:
        return absent("ms", f"{SINGLE}, p50", f"{SINGLE}, p99")
    return stoppable.run(_single, effort, effort.count(2_000, 50))


# Ours


def _ours(effort: LedgerEffort, batches: int, sessions: int, batch: Batch) -> Callable[[], float]:
    return partial(stoppable.run, _driven, effort, batches, sessions, batch)


async def _driven(effort: LedgerEffort, batches: int, sessions: int, batch: Batch) -> float:
    """From the first batch to the last answer, each session sending as soon as it is answered."""
    load = Load()
    async with (
        open_servers(effort, postgres=False) as servers,
        open_sessions(servers.cluster, count=sessions) as opened,
    ):
        ledger = TigerBeetleLedger(opened, load.ledger, deadline_seconds=DEADLINE_SECONDS)
        await prepare(ledger, load)
        turns = iter(range(batches))
        began = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(sessions):
                nursery.start_soon(_session, ledger, load, batch, turns)
        return batches * BATCH / (perf_counter() - began)


async def _session(
    ledger: TigerBeetleLedger, load: Load, batch: Batch, turns: Iterator[int]
) -> None:
    for _ in turns:
        results = await ledger.submit(batch(load))
        assert count_statuses(results) == {TransferStatus.CREATED: BATCH}, "no refusals here"


async def prepare(ledger: TigerBeetleLedger, load: Load) -> None:
    """Accounts, and money for them."""
    await ledger.create_accounts(load.accounts())
    statuses = await ledger.create_transfers(load.funding())
    assert set(statuses) == {TransferStatus.CREATED}, "the accounts are new"


async def _single(effort: LedgerEffort, count: int) -> list[Figure]:
    """Ours and the peers on one server: a request waits for the disk, not for what is there."""
    async with open_servers(effort, postgres=False) as servers:
        seconds = await _awaited(servers, count)
        others = {
            OFFICIAL_SINGLE: await official_client(servers.addresses, transfers=count, batch=1)
        }
        if servers.program is not None:
            others[PEER_SINGLE] = await tigerbeetle_benchmark(
                servers.program, servers.addresses, transfers=count, batch=1, clients=1
            )
    figures = [one for one in latencies(SINGLE, seconds) if "p95" not in one.name]
    for name, said in others.items():
        figures += [
            Figure(name=f"{name}, p50", value=said.p50_ms, unit="ms"),
            Figure(name=f"{name}, p99", value=said.p99_ms, unit="ms"),
        ]
    return figures


async def _awaited(servers: Servers, count: int) -> list[float]:
    load, seconds = Load(), []
    async with open_sessions(servers.cluster, count=1) as opened:
        ledger = TigerBeetleLedger(opened, load.ledger, deadline_seconds=DEADLINE_SECONDS)
        await prepare(ledger, load)
        for _ in range(count):
            began = perf_counter()
            statuses = await ledger.create_transfers([load.single()])
            seconds.append(perf_counter() - began)
            assert statuses == [TransferStatus.CREATED], "no refusals here"
    return seconds


# Peers


def _benchmark(effort: LedgerEffort, name: str, transfers: int, clients: int) -> Contender | Absent:
    if effort.program is None:
        return Absent(name=name, note=NO_PROGRAM)
    turn = partial(benchmark_turn, effort, transfers=transfers, batch=BATCH, clients=clients)
    return Contender(name=name, measure=lambda: stoppable.run(turn).rate)


async def benchmark_turn(
    effort: LedgerEffort, *, transfers: int, batch: int, clients: int
) -> Accepted:
    """`tigerbeetle benchmark` on a fresh server."""
    async with open_servers(effort, postgres=False) as servers:
        assert servers.program is not None, "looked for before"
        return await tigerbeetle_benchmark(
            servers.program, servers.addresses, transfers=transfers, batch=batch, clients=clients
        )


async def _official(effort: LedgerEffort, transfers: int) -> Accepted:
    async with open_servers(effort, postgres=False) as servers:
        return await official_client(servers.addresses, transfers=transfers, batch=BATCH)


def _sessions(count: int) -> str:
    return f"{count} session{'s' if count > 1 else ''}"


def _clients(count: int) -> str:
    return f"{count} client{'s' if count > 1 else ''}"
