"""From the provider's notice to the merchant's webhook, at half of what is possible."""

from datetime import datetime
from typing import Final

import trio

from fluxiq.commands.bench_payments.echo import echo_seconds
from fluxiq.commands.bench_payments.effort import PaymentsEffort
from fluxiq.commands.bench_payments.load import AMOUNT, closed_loop, open_loop
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure, latencies, percentile
from fluxiq.commands.merchant import Json
from fluxiq.providers.simulator import PayBrCode

AIMED_MS: Final = 250
PAID: Final = "pix.charge.paid"


async def measure_notices(place: Place, effort: PaymentsEffort) -> list[Figure]:
    """A notice is counted from when it was on paper at our door until the merchant has it."""
    count, ispb = effort.count, place.load.login.ispb
    charges: list[Json] = []

    async def open_one(_: int) -> None:
        charges.append(await place.load.post("/pix/charges", {"amount": AMOUNT}))

    await closed_loop(2 * count, effort.at_once, open_one)
    at_once, one_by_one = charges[:count], charges[count:]
    started = trio.current_time()
    await place.simulator.pay_many(
        [PayBrCode(ispb=ispb, br_code=one["qr_code"]) for one in at_once]
    )
    await place.told_of(PAID, count)
    offered = count / (trio.current_time() - started) / 2

    async def pay(number: int) -> None:
        await place.simulator.pay(ispb=ispb, br_code=one_by_one[number]["qr_code"])

    await open_loop(range(count), offered, pay)
    await place.told_of(PAID, 2 * count)
    name = f"notice to webhook, {offered:.0f}/s offered"
    seconds = await _seconds(place, [one["id"] for one in one_by_one])
    *others, p99 = latencies(name, seconds)
    bare = percentile(await echo_seconds(count, offered), 0.99) * 1000
    return [
        Figure(name="bare echo at the same rate, p99", value=bare, unit="ms"),
        *others,
        Figure(
            name=p99.name,
            value=p99.value,
            unit=p99.unit,
            aim=f"under {AIMED_MS}",
            holds=(p99.value or 0) < AIMED_MS,
        ),
    ]


async def _seconds(place: Place, charge_ids: list[str]) -> list[float]:
    """Of each, by the clock that both ends share."""
    told = {one.resource_id: one for one in place.sink.told.values() if one.type == PAID}
    seconds = []
    for charge_id in charge_ids:
        charge = await place.load.get(f"/pix/charges/{charge_id}")
        paid_at = datetime.fromisoformat(charge["paid_at"]).timestamp()
        seconds.append(told[charge_id].first_at - paid_at)
    return seconds
