"""`run.py bench ledger`: TigerBeetle's driver, the writer, the stand-in, and the way between."""

import logging
from collections.abc import Callable, Collection, Mapping

import structlog

from fluxiq.commands.bench_ledger.awaited import measure_awaited
from fluxiq.commands.bench_ledger.bulk import measure_bulk
from fluxiq.commands.bench_ledger.driver import measure_driver
from fluxiq.commands.bench_ledger.effort import LedgerEffort
from fluxiq.commands.bench_ledger.failover import measure_failover
from fluxiq.commands.bench_ledger.growth import measure_growth
from fluxiq.commands.bench_ledger.leftovers import remove_leftovers
from fluxiq.commands.bench_ledger.mirror import measure_mirror
from fluxiq.commands.bench_ledger.recovery import measure_recovery
from fluxiq.commands.bench_ledger.standin import measure_standin
from fluxiq.commands.figures import Figure

FAMILIES: Mapping[str, Callable[[LedgerEffort], list[Figure]]] = {
    "driver": measure_driver,
    "bulk": measure_bulk,
    "awaited": measure_awaited,
    "mirror": measure_mirror,
    "standin": measure_standin,
    "failover": measure_failover,
    "recovery": measure_recovery,
    "growth": measure_growth,
}


def measure_ledger(effort: LedgerEffort, only: Collection[str] = ()) -> list[Figure]:
    """Measure the families of rows named in `only`, or all of them."""
    # Servers are stopped and clients closed on purpose here: the table says what there is to say.
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    remove_leftovers()
    wanted = [measure for name, measure in FAMILIES.items() if not only or name in only]
    return [figure for measure in wanted for figure in measure(effort)]


__all__ = ["FAMILIES", "LedgerEffort", "measure_ledger"]
