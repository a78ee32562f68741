"""PIX out in bulk: batches of payouts, until each has ended."""

from typing import Final

import msgspec
import trio

from fluxiq.commands.bench_payments.echo import echo_rate
from fluxiq.commands.bench_payments.effort import PaymentsEffort
from fluxiq.commands.bench_payments.load import ENDED, closed_loop, payout_order
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure

CALLERS: Final = 2  # while one batch is with PostgreSQL, the next is with us
ACCEPTED_AIMED: Final = 5000
ENDED_AIMED: Final = 2000


async def measure_batches(place: Place, effort: PaymentsEffort) -> list[Figure]:
    """The bare echo gets the same bodies."""
    batches, lines = effort.batches, effort.lines
    count = batches * lines
    await place.fund(count)
    run = f"{trio.current_time():.6f}"
    bodies = [_batch(f"bench-{run}-{number}", lines) for number in range(batches)]

    async def send(number: int) -> None:
        meta = await place.load.post_batch(bodies[number])
        assert meta["accepted"] == lines, meta

    bare = lines * await echo_rate(batches, CALLERS, bodies[0])
    spent, started = place.cpu(), trio.current_time()
    accepted = count / await closed_loop(batches, CALLERS, send)
    accepting = place.cpu().since(spent, count)
    await place.load.wait_for_total(ENDED, count)
    ended = count / (trio.current_time() - started)
    return [
        Figure(name="bare echo of the same batches", value=bare, unit="payouts/s"),
        _aimed("batch: payouts accepted", accepted, ACCEPTED_AIMED),
        *accepting.figures("batch: a payout accepted, and earlier ones carried out meanwhile"),
        _aimed("batch: payouts carried out", ended, ENDED_AIMED),
        *place.cpu().since(spent, count).figures("batch: a payout from request to its end"),
    ]


def _batch(name: str, lines: int) -> bytes:
    return msgspec.json.encode(
        {"payouts": [payout_order(f"{name}-{line}") for line in range(lines)]}
    )


def _aimed(name: str, value: float, at_least: int) -> Figure:
    return Figure(
        name=name,
        value=value,
        unit="payouts/s",
        aim=f"at least {at_least:,}",
        holds=value >= at_least,
    )
