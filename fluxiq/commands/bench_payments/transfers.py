"""A book transfer: on the books when it is answered."""

from itertools import count
from typing import Final

import trio

from fluxiq.commands.bench_payments.effort import TRANSFERS, PaymentsEffort
from fluxiq.commands.bench_payments.load import AMOUNT
from fluxiq.commands.bench_payments.one_by_one import one_by_one
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure

AIMED_MS: Final = 10


async def measure_transfers(place: Place, effort: PaymentsEffort) -> list[Figure]:
    transfers = effort.few(TRANSFERS)
    await place.fund(2 * transfers)
    other = await place.load.post("/accounts", {"name": "bench"})
    run, numbers = f"{trio.current_time():.6f}", count()
    source = place.load.login.account_id

    async def move(_: int) -> None:
        made = await place.load.post(
            "/transfers",
            {
                "source_account_id": source,
                "destination_account_id": other["id"],
                "amount": AMOUNT,
                "idempotency_key": f"bench-{run}-{next(numbers)}",
            },
        )
        assert made["status"] == "completed", made

    return await one_by_one("transfer", transfers, move, under_ms=AIMED_MS)
