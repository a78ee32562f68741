"""The stand-in in Postgres: every transfer moves one hot account, as every payment does.

Its limit is shown beside it: see copying.py.
"""

from functools import partial

from fluxiq.commands.bench_actors.rounds import Contender, at_least, in_turns
from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.awaited import latency_rows, offered
from fluxiq.commands.bench_ledger.callers import Answers, Rate, closed_loop
from fluxiq.commands.bench_ledger.copying import copied
from fluxiq.commands.bench_ledger.effort import BATCH, LedgerEffort
from fluxiq.commands.bench_ledger.institution import Institution, Variant, open_institution
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.figures import Figure
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.writer import WriterLimits

RATE_AIMED = 40_000
OFFERED = 2_000
P99_MS_AIMED = 15.0
SECONDS = 10.0
CALLERS = 3
SMALL = 1_000
NAME = f"stand-in: one hot account, batches of {BATCH}"
SMALL_NAME = f"stand-in: one hot account, batches of {SMALL:,}"
LIMIT = f"limit: COPY of {BATCH} rows into a bare table"


def measure_standin(effort: LedgerEffort) -> list[Figure]:
    """Rates in batches beside the limit, then single transfers that arrive at a rate."""
    seconds = effort.span(SECONDS)
    samples = in_turns(
        "transfers/s",
        [
            Contender(name=NAME, measure=partial(stoppable.run, _batches, effort, BATCH, seconds)),
            Contender(
                name=SMALL_NAME, measure=partial(stoppable.run, _batches, effort, SMALL, seconds)
            ),
            Contender(name=LIMIT, measure=partial(stoppable.run, copied, effort, seconds)),
        ],
        effort.rounds,
    )
    return [
        samples.row(NAME, f"at least {RATE_AIMED:,}", at_least(RATE_AIMED)),
        samples.row(SMALL_NAME),
        samples.row(LIMIT),
        samples.share(NAME, LIMIT),
        *latency_rows(
            f"stand-in: a transfer, {OFFERED:,}/s offered",
            stoppable.run(_offered, effort, seconds),
            P99_MS_AIMED,
        ),
    ]


async def _batches(effort: LedgerEffort, size: int, seconds: float) -> float:
    load, variant = Load(hot=True), Variant(limits=WriterLimits(batch_max=size))
    async with open_institution(effort, load, variant, tigerbeetle=False) as institution:
        return (await standin_rate(institution, seconds)).per_second


async def standin_rate(institution: Institution, seconds: float) -> Rate:
    """Transfers/s in full batches."""
    load, writer = institution.load, institution.writer

    async def send() -> list[TransferStatus]:
        return await writer.create_transfers(load.transfers(writer.limits.batch_max))

    return await closed_loop(send, callers=CALLERS, seconds=seconds)


async def _offered(effort: LedgerEffort, seconds: float) -> Answers:
    async with open_institution(effort, Load(hot=True), tigerbeetle=False) as institution:
        answers = Answers()
        await offered(institution, answers, OFFERED, seconds)
    return answers
