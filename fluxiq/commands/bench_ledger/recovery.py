"""The way back: the stand-in's transfers are replayed into TigerBeetle while callers go on."""

from collections.abc import Sequence
from itertools import pairwise

import trio

from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.awaited import offered
from fluxiq.commands.bench_ledger.callers import Answers
from fluxiq.commands.bench_ledger.effort import BATCH, LedgerEffort, absent
from fluxiq.commands.bench_ledger.institution import Institution, Variant, open_institution, until
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.figures import Figure
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.breaker import BreakerLimits, BreakerState
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.verify import verify_ledger

STOOD_IN = 100_000
OFFERED = 500  # arrive while it recovers
REPLAY_AIMED = 60_000
PAUSE_MS_AIMED = 300.0
RECOVERS_SECONDS_MAX = 120.0
# How long is waited between probes is a setting, no speed.
PROBES = Variant(breaker_limits=BreakerLimits(probe_seconds=0.05))
REPLAY = "recovery: replay into TigerBeetle"
PAUSE = "recovery: pause of writers at its end"
WAIT = "recovery: the longest that a caller waited meanwhile"
FOUND = "recovery: differences found afterwards"


def measure_recovery(effort: LedgerEffort) -> list[Figure]:
    """One recovery, and whether both sides agree after it."""
    if not effort.has_tigerbeetle:
        return [
            *absent("transfers/s", REPLAY),
            *absent("ms", PAUSE, WAIT),
            *absent("findings", FOUND),
        ]
    return stoppable.run(_measure, effort)


async def _measure(effort: LedgerEffort) -> list[Figure]:
    batches = -(-effort.count(STOOD_IN, 2 * BATCH) // BATCH)
    async with open_institution(effort, Load(), PROBES) as institution:
        await _stand_in(institution, batches)
        answers = await _recover(institution, effort.count(OFFERED, 100))
        figures = _figures(institution, batches, answers)
        return [*figures, await _found(institution)]


async def _stand_in(institution: Institution, batches: int) -> None:
    keeper, writer, load = institution.keeper, institution.writer, institution.load
    keeper.open("a benchmark")
    await until(lambda: writer.stands_in, RECOVERS_SECONDS_MAX)
    for _ in range(batches):
        statuses = await writer.create_transfers(load.transfers())
        assert set(statuses) == {TransferStatus.CREATED}, "no refusals here"


async def _recover(institution: Institution, per_second: int) -> Answers:
    """Let transfers arrive until TigerBeetle is back, and a little longer."""
    answers = Answers()
    institution.watch.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(offered, institution, answers, per_second, RECOVERS_SECONDS_MAX)
        institution.keeper.release("a benchmark")
        await until(lambda: institution.keeper.state is BreakerState.CLOSED, RECOVERS_SECONDS_MAX)
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel(reason="recovered")
    return answers


def _figures(institution: Institution, batches: int, answers: Answers) -> list[Figure]:
    watch, wanted = institution.watch, batches * BATCH
    done, ended = 0, watch.replay_began
    for at, transfers in watch.replayed:
        done, ended = done + transfers, at
        if done >= wanted:
            break
    rate = done / (ended - watch.replay_began)
    pause_ms = 1000 * _pause(watch.modes, answers.ended_at)
    return [
        Figure(
            name=REPLAY,
            value=rate,
            unit="transfers/s",
            aim=f"at least {REPLAY_AIMED:,}",
            holds=rate >= REPLAY_AIMED,
            note=f"{done:,} transfers in batches of {BATCH}, while others arrive",
        ),
        Figure(
            name=PAUSE,
            value=pause_ms,
            unit="ms",
            aim=f"under {PAUSE_MS_AIMED:g}",
            holds=pause_ms < PAUSE_MS_AIMED,
            note="no caller was answered for so long",
        ),
        Figure(
            name=WAIT,
            value=1000 * max(answers.seconds),
            unit="ms",
            note=f"of {len(answers.seconds):,}; {answers.failed} refused",
        ),
    ]


def _pause(modes: Sequence[tuple[float, Mode]], ended_at: Sequence[float]) -> float:
    """The longest time without an answer that touches the end, which begins with QUEUE."""
    began = max(at for at, mode in modes if mode is Mode.QUEUE)
    ended = max(at for at, mode in modes if mode is Mode.TIGERBEETLE)
    gaps = [b - a for a, b in pairwise(sorted(ended_at)) if b >= began and a <= ended]
    return max(gaps)


async def _found(institution: Institution) -> Figure:
    """What `ledger verify` says, and the balances of every account on both sides."""
    assert institution.tigerbeetle is not None, "that is what was recovered"
    await institution.until_mirrored()
    verdict = await verify_ledger(institution.postgres, institution.load.ledger, deep=True)
    ids = [one.id for one in institution.load.accounts()]
    ours = await institution.accounts.balances(ids)
    theirs = await institution.tigerbeetle.balances(ids)
    differing = [one for one in ids if ours[one] != theirs[one]]
    found = len(verdict.findings) + len(differing)
    return Figure(
        name=FOUND,
        value=found,
        unit="findings",
        aim="none",
        holds=found == 0,
        note=f"{verdict.transfers:,} transfers and {len(ids):,} accounts compared",
    )
