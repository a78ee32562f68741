"""Reading a balance."""

from typing import Final

from fluxiq.commands.bench_payments.effort import READS, PaymentsEffort
from fluxiq.commands.bench_payments.one_by_one import one_by_one
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure

AIMED_MS: Final = 10


async def measure_balances(place: Place, effort: PaymentsEffort) -> list[Figure]:
    await place.fund(1)
    path = f"/accounts/{place.load.login.account_id}/balance"

    async def read(_: int) -> None:
        balance = await place.load.get(path)
        assert balance["available"] > 0, balance

    return await one_by_one("balance read", effort.few(READS), read, under_ms=AIMED_MS)
