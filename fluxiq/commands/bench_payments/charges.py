"""PIX in: charges made one by one by many callers, then all of them paid at once."""

import trio

from fluxiq.commands.bench_payments.echo import beside_echo, echo_rate
from fluxiq.commands.bench_payments.effort import PaymentsEffort
from fluxiq.commands.bench_payments.load import AMOUNT, closed_loop
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure
from fluxiq.commands.merchant import Json
from fluxiq.providers.simulator import PayBrCode


async def measure_charges(place: Place, effort: PaymentsEffort) -> list[Figure]:
    count, callers = effort.count, effort.at_once
    charges: list[Json] = []

    async def open_one(_: int) -> None:
        asked = {"amount": AMOUNT, "description": "bench"}
        charges.append(await place.load.post("/pix/charges", asked))

    before = await echo_rate(count, callers)
    spent = place.cpu()
    seconds = await closed_loop(count, callers, open_one)
    accepting = place.cpu().since(spent, count)
    after = await echo_rate(count, callers)

    ispb = place.load.login.ispb
    spent, started = place.cpu(), trio.current_time()
    await place.simulator.pay_many(
        [PayBrCode(ispb=ispb, br_code=one["qr_code"]) for one in charges]
    )
    await place.told_of("pix.charge.paid", count)
    paid = count / (trio.current_time() - started)
    return [
        *beside_echo("charges accepted", count / seconds, before, after),
        *accepting.figures("a charge accepted"),
        Figure(name="charges paid and told by webhook, all at once", value=paid, unit="payments/s"),
        *place.cpu().since(spent, count).figures("a charge paid and told"),
    ]
