"""`run.py bench payments`: PIX out and in over HTTP, beside a bare echo on the same server.

The platform, the echo and this load generator are three processes; the embedded servers and the
simulator share the machine with them, as they do on a laptop.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping

from fluxiq.commands.bench_payments.balances import measure_balances
from fluxiq.commands.bench_payments.batches import measure_batches
from fluxiq.commands.bench_payments.charges import measure_charges
from fluxiq.commands.bench_payments.effort import PaymentsEffort
from fluxiq.commands.bench_payments.guard import measure_guard
from fluxiq.commands.bench_payments.notices import measure_notices
from fluxiq.commands.bench_payments.payouts import measure_payouts
from fluxiq.commands.bench_payments.place import Place, bench_platform, open_place
from fluxiq.commands.bench_payments.transfers import measure_transfers
from fluxiq.commands.figures import Figure

FAMILIES: Mapping[str, Callable[[Place, PaymentsEffort], Awaitable[list[Figure]]]] = {
    "charges": measure_charges,
    "payouts": measure_payouts,
    "batch": measure_batches,
    "notices": measure_notices,
    "balances": measure_balances,
    "transfers": measure_transfers,
    "guard": measure_guard,
}


async def measure_payments(effort: PaymentsEffort, only: Collection[str] = ()) -> list[Figure]:
    """Measure the families of rows named in `only`, or all of them; each on a fresh platform."""
    figures: list[Figure] = []
    for name, measure in FAMILIES.items():
        if not only or name in only:
            async with open_place() as place:
                figures += await measure(place, effort)
    return figures


__all__ = ["FAMILIES", "PaymentsEffort", "bench_platform", "measure_payments"]
