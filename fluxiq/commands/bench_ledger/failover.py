"""TigerBeetle stops (SIGSTOP) while transfers arrive: how soon the stand-in answers.

The writer, the breaker's keeper and its limits are the platform's: a deadline of 2 s, three
failures or 6 s, and then it opens. What comes before that is the promise of the settings; what is
measured is from the opening on.
"""

import signal
from time import perf_counter

import trio

from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.awaited import offered
from fluxiq.commands.bench_ledger.callers import Answers
from fluxiq.commands.bench_ledger.effort import NO_PROGRAM, LedgerEffort, absent
from fluxiq.commands.bench_ledger.history import write_history
from fluxiq.commands.bench_ledger.institution import Institution, open_institution, until
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.figures import Figure, percentile
from fluxiq.ledgers.breaker import BreakerState

HISTORY = 1_000_000
OFFERED = 10_000
STOPS_AFTER = 4.0  # of arriving
STANDS_IN_FOR = 3.0
STOOD_IN_SECONDS_MAX = 60.0  # from SIGSTOP; then it is no figure
ANSWER_MS_AIMED = 500.0
LAG_MS_AIMED = 200.0
NAMES = {
    "answer": "failover: from breaker open to the first stand-in answer",
    "opened": "failover: from SIGSTOP to breaker open",
    "lag": "failover: mirror's lag when TigerBeetle stops",
    "lag_p99": "failover: mirror's lag before, p99",
}


def measure_failover(effort: LedgerEffort) -> list[Figure]:
    """One outage of our own server."""
    if effort.program is None:
        return absent("ms", *NAMES.values(), note=NO_PROGRAM)
    return stoppable.run(_measure, effort)


async def _measure(effort: LedgerEffort) -> list[Figure]:
    history, per_second = effort.count(HISTORY, 20_000), effort.count(OFFERED, 500)
    async with open_institution(effort, Load()) as institution:
        await write_history(institution, history)
        return await _outage(effort, institution, history, per_second)


async def _outage(
    effort: LedgerEffort, institution: Institution, history: int, per_second: int
) -> list[Figure]:
    watch, servers = institution.watch, institution.servers
    watch.clear()
    answers = Answers()
    before, after = effort.span(STOPS_AFTER, 2.0), effort.span(STANDS_IN_FOR, 1.0)

    async with trio.open_nursery() as nursery:
        lasts = before + STOOD_IN_SECONDS_MAX + after
        nursery.start_soon(offered, institution, answers, per_second, lasts)
        await trio.sleep(before)
        lags = list(watch.mirror_lags)
        waiting_since = watch.answered_at[0] if watch.answered_at else None
        servers.signal_tigerbeetle(signal.SIGSTOP)
        stopped_at = perf_counter()
        lag = 0.0 if waiting_since is None else stopped_at - waiting_since
        try:
            await until(lambda: bool(watch.stood_in_at), STOOD_IN_SECONDS_MAX)
            await trio.sleep(after)
        finally:
            servers.signal_tigerbeetle(signal.SIGCONT)
        nursery.cancel_scope.cancel(reason="measured")

    # It opens again when a return fails: what counts is the first time.
    opened_at = min(at for at, one in watch.breaker if one.state is BreakerState.OPEN)
    answer_ms = 1000 * (watch.stood_in_at[0] - opened_at)
    unknown = institution.writer.statistics().unknown
    return [
        Figure(
            name=NAMES["answer"],
            value=answer_ms,
            unit="ms",
            aim=f"under {ANSWER_MS_AIMED:g}",
            holds=answer_ms < ANSWER_MS_AIMED,
            note=f"{history:,} transfers of history, {per_second:,}/s arriving, {unknown} batches"
            " unknown",
        ),
        Figure(name=NAMES["opened"], value=1000 * (opened_at - stopped_at), unit="ms"),
        Figure(
            name=NAMES["lag"],
            value=1000 * lag,
            unit="ms",
            aim=f"under {LAG_MS_AIMED:g}",
            holds=1000 * lag < LAG_MS_AIMED,
        ),
        Figure(
            name=NAMES["lag_p99"],
            value=1000 * percentile(lags, 0.99),
            unit="ms",
            note=f"of {len(lags):,} batches",
        ),
    ]
