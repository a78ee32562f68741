"""Bulk batches through the real writer: journal in Postgres with fsync, the mirror following."""

import os
from collections.abc import Mapping
from functools import partial
from statistics import mean
from time import perf_counter, process_time

from fluxiq.commands.bench_actors.rounds import Contender, in_turns
from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.callers import Rate, closed_loop
from fluxiq.commands.bench_ledger.driver import benchmark_turn
from fluxiq.commands.bench_ledger.effort import BATCH, NO_PROGRAM, LedgerEffort, absent
from fluxiq.commands.bench_ledger.institution import Institution, Variant, open_institution
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.bench_ledger.servers import Servers
from fluxiq.commands.figures import Figure, percentile
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.writer import WriterLimits

RATE_AIMED = 120_000
SHARE_AIMED = 0.7
CALLERS = 6  # three batches are in flight, three wait: the next one is always there
SESSIONS = WriterLimits().sessions
OURS = "our process"
CONTEXT_SECONDS = 8.0
PACKINGS = 20
NAME = "writer: bulk batches, journal and mirror"
WITHOUT = {
    "writer: bulk batches, no bound on the mirror's lag": Variant(
        limits=WriterLimits(mirror_behind_max=2**62)
    ),
    "writer: bulk batches, no mirror": Variant(mirror=False),
    "writer: bulk batches, neither journal nor mirror": Variant(journal=False, mirror=False),
}
PEER = f"tigerbeetle benchmark: {SESSIONS} clients, before and after"
SHARE = f"{NAME}: share of tigerbeetle benchmark"


def measure_bulk(effort: LedgerEffort) -> list[Figure]:
    """The sustained rate between two runs of the peer; then what journal and mirror cost."""
    if not effort.has_tigerbeetle:
        return [
            *absent("transfers/s", NAME, PEER, *WITHOUT),
            *absent("", SHARE),
        ]

    seconds = effort.span(effort.seconds, 1.0)
    before = _peer(effort)
    main, context = stoppable.run(_sustained, effort, seconds)
    after = before if effort.quick else _peer(effort)
    figures = [main]
    if before is None or after is None:
        figures += [
            *absent("transfers/s", PEER, note=NO_PROGRAM),
            *absent("", SHARE, note=NO_PROGRAM),
        ]
    else:
        assert main.value is not None, "measured above"
        peer = mean((before, after))
        share = main.value / peer
        figures += [
            Figure(name=PEER, value=peer, unit="transfers/s", note=f"{before:,.0f}, {after:,.0f}"),
            Figure(
                name=SHARE,
                value=share,
                unit="",
                aim=f"at least {SHARE_AIMED}",
                holds=share >= SHARE_AIMED,
            ),
        ]
    return [*figures, *context, *_context(effort)]


def _peer(effort: LedgerEffort) -> float | None:
    if effort.program is None:
        return None
    transfers = effort.count(60, 3) * BATCH
    turn = partial(benchmark_turn, effort, transfers=transfers, batch=BATCH, clients=SESSIONS)
    return stoppable.run(turn).rate


def _context(effort: LedgerEffort) -> list[Figure]:
    seconds = effort.span(CONTEXT_SECONDS)
    whole = f"{NAME}, {seconds:g} s"
    ways = WITHOUT if effort.quick else {whole: Variant(), **WITHOUT}
    samples = in_turns(
        "transfers/s",
        [
            Contender(name=name, measure=partial(stoppable.run, _short, effort, seconds, variant))
            for name, variant in ways.items()
        ],
        effort.rounds,
    )
    return samples.others()


async def _short(effort: LedgerEffort, seconds: float, variant: Variant) -> float:
    async with open_institution(effort, Load(), variant) as institution:
        return (await bulk_rate(institution, seconds)).per_second


async def bulk_rate(institution: Institution, seconds: float) -> Rate:
    """Transfers/s in full batches."""
    load, writer = institution.load, institution.writer

    async def send() -> list[TransferStatus]:
        return await writer.create_transfers(load.transfers())

    return await closed_loop(send, callers=CALLERS, seconds=seconds)


async def _sustained(effort: LedgerEffort, seconds: float) -> tuple[Figure, list[Figure]]:
    async with open_institution(effort, Load()) as institution:
        began, before = perf_counter(), _cpu_seconds(institution.servers)
        loop = await bulk_rate(institution, seconds)
        elapsed = perf_counter() - began
        behind = await institution.mirror.behind()
        drained = await institution.until_mirrored()
        after = _cpu_seconds(institution.servers)
        rate, fallbacks = loop.per_second, institution.writer.statistics().fallbacks
        transfers = rate * elapsed
        main = Figure(
            name=NAME,
            value=rate,
            unit="transfers/s",
            aim=f"at least {RATE_AIMED:,}",
            holds=rate >= RATE_AIMED and not fallbacks,
            note=f"for {seconds:g} s, batches of {BATCH}, {SESSIONS} sessions; {loop.failed}"
            f" requests failed, TigerBeetle was left {fallbacks} times",
        )
        mirrored = Figure(
            name="mirror: transfers taken in, until it has all",
            value=transfers / (elapsed + drained),
            unit="transfers/s",
            note=f"{behind} batches behind at the end, {drained:.2f} s more; bound:"
            f" {institution.writer.limits.mirror_behind_max:,} transfers",
        )
        costs = {name: (after[name] - spent) / transfers for name, spent in before.items()}
        return main, [mirrored, *_costs(costs), *_shares(institution, elapsed)]


def _cpu_seconds(servers: Servers) -> dict[str, float]:
    return {OURS: process_time(), **servers.cpu_seconds()}


def _costs(seconds: Mapping[str, float]) -> list[Figure]:
    """CPU that a transfer costs, until it is in the mirror: unlike rates it hardly depends on who
    else is at work.
    """
    cores = os.cpu_count() or 1
    return [
        *(
            Figure(name=f"{name}: CPU of a transfer", value=spent * 1e6, unit="us")
            for name, spent in seconds.items()
        ),
        Figure(
            name=f"limit: what {cores} cores have CPU for, with nobody else on them",
            value=cores / sum(seconds.values()),
            unit="transfers/s",
        ),
    ]


def _shares(institution: Institution, elapsed: float) -> list[Figure]:
    """Where a session's time goes, from one batch to the next."""
    watch = institution.watch
    sealing, submitting = (
        spent / (SESSIONS * elapsed) for spent in (watch.sealing, watch.submitting)
    )
    lag_ms = percentile(watch.mirror_lags, 0.99) * 1000
    packing_us = _packing(institution.load) * 1e6
    rest = 1 - sealing - submitting
    return [
        Figure(name="mirror: lag behind an answer, p99", value=lag_ms, unit="ms"),
        Figure(name="our process: packing of a transfer", value=packing_us, unit="us"),
        Figure(name="a session: share of sealing", value=sealing, unit=""),
        Figure(name="a session: share of submitting", value=submitting, unit=""),
        Figure(name="a session: share of packing, replies, waiting", value=rest, unit=""),
    ]


def _packing(load: Load) -> float:
    """Seconds for each transfer, measured alone: the best of a few."""
    transfers, seconds = load.transfers(), []
    for _ in range(PACKINGS):
        began = perf_counter()
        pack_transfers(transfers)
        seconds.append(perf_counter() - began)
    return min(seconds) / len(transfers)
