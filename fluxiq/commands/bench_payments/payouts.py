"""PIX out: payouts ordered one by one by many callers, then offered at half of that rate."""

import trio

from fluxiq.commands.bench_payments.echo import beside_echo, echo_rate
from fluxiq.commands.bench_payments.effort import PaymentsEffort
from fluxiq.commands.bench_payments.load import (
    ENDED,
    closed_loop,
    open_loop,
    payout_order,
    rate_of,
    spans,
    timed,
)
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure, latencies


async def measure_payouts(place: Place, effort: PaymentsEffort) -> list[Figure]:
    """While they are accepted, all earlier ones are carried out and told."""
    count, callers = effort.count, effort.at_once
    await place.fund(2 * count)
    run = f"{trio.current_time():.6f}"
    ids: list[str] = []
    accepted: list[float] = []

    async def open_one(number: int) -> None:
        made = await place.load.post("/pix/payouts", payout_order(f"bench-{run}-{number}"))
        ids.append(made["id"])

    before = await echo_rate(count, callers)
    spent = place.cpu()
    seconds = await closed_loop(count, callers, timed(open_one, accepted))
    await place.load.wait_for_total(ENDED, count)
    each = place.cpu().since(spent, count)  # before each is read, which costs as much as accepting
    full = await place.load.ends("/pix/payouts", ids)
    after = await echo_rate(count, callers)

    ids.clear()
    offered = count / seconds / 2
    half_accepted: list[float] = []
    await open_loop(range(count, 2 * count), offered, timed(open_one, half_accepted))
    half = await place.load.ends("/pix/payouts", ids)
    at_half = f"{offered:.0f}/s offered"
    return [
        *beside_echo("payouts accepted", count / seconds, before, after),
        Figure(name="payouts confirmed at full load", value=rate_of(full), unit="payments/s"),
        *each.figures("a payout from request to its end"),
        *latencies("payout accepted, full load", accepted),
        *latencies("payout to its end, full load", spans(full)),
        *latencies(f"payout accepted, {at_half}", half_accepted),
        *latencies(f"payout to its end, {at_half}", spans(half)),
    ]
