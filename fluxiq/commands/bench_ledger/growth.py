"""The cost of a long journal: the same rates with a history in it, beside an empty one.

An empty one is measured before and after, so that a machine that changes its speed shows.
"""

from collections.abc import Awaitable, Callable
from statistics import mean
from time import perf_counter

from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.bulk import bulk_rate
from fluxiq.commands.bench_ledger.callers import Rate
from fluxiq.commands.bench_ledger.effort import BATCH, LedgerEffort, absent
from fluxiq.commands.bench_ledger.history import write_history
from fluxiq.commands.bench_ledger.institution import Institution, open_institution
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.bench_ledger.standin import standin_rate
from fluxiq.commands.figures import Figure

SECONDS = 10.0
SHARE_AIMED = 0.8
QUICK_HISTORY = 2 * BATCH

Measure = Callable[[Institution, float], Awaitable[Rate]]


def measure_growth(effort: LedgerEffort) -> list[Figure]:
    """Bulk batches through the writer, and the stand-in."""
    history = effort.count(effort.history, QUICK_HISTORY)
    bulk = f"growth: bulk writer, {history:,} transfers in the journal"
    figures = (
        _compared(effort, bulk, history, bulk_rate, hot=False)
        if effort.has_tigerbeetle
        else [*absent("transfers/s", bulk), *absent("", _share(bulk))]
    )
    standin = f"growth: stand-in, {history:,} transfers in the journal"
    return [*figures, *_compared(effort, standin, history, standin_rate, hot=True)]


def _compared(
    effort: LedgerEffort, name: str, history: int, measure: Measure, *, hot: bool
) -> list[Figure]:
    before, _ = stoppable.run(_turn, effort, measure, hot, 0)
    grown, made = stoppable.run(_turn, effort, measure, hot, history)
    after, _ = stoppable.run(_turn, effort, measure, hot, 0)
    share = grown / mean((before, after))
    return [
        Figure(
            name=name,
            value=grown,
            unit="transfers/s",
            note=f"{before:,.0f} and {after:,.0f} with an empty one; history at {made:,.0f}/s",
        ),
        Figure(
            name=_share(name),
            value=share,
            unit="",
            aim=f"at least {SHARE_AIMED}",
            holds=share >= SHARE_AIMED,
        ),
    ]


async def _turn(
    effort: LedgerEffort, measure: Measure, hot: bool, history: int
) -> tuple[float, float]:
    """Transfers/s after a history of so many, and transfers/s while it was made."""
    async with open_institution(effort, Load(hot=hot), tigerbeetle=not hot) as institution:
        began = perf_counter()
        if history:
            await write_history(institution, history)
        made = history / (perf_counter() - began)
        return (await measure(institution, effort.span(SECONDS))).per_second, made


def _share(name: str) -> str:
    return f"{name}: share of an empty one"
