"""Transfers that are awaited one by one, as the platform's callers do."""

from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.callers import Answers, Rate, closed_loop, open_loop
from fluxiq.commands.bench_ledger.effort import LedgerEffort, absent
from fluxiq.commands.bench_ledger.institution import Institution, open_institution
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.figures import Figure, percentile
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.writer import ReplyTo

TASKS = 1_000
RATE_AIMED = 25_000
OFFERED = 10_000
P99_MS_AIMED = 10.0
CLOSED_SECONDS = 15.0
OPEN_SECONDS = 15.0
NAME = f"writer: transfers awaited one by one, {TASKS:,} tasks"
LATENCY = f"writer: a transfer, {OFFERED:,}/s offered"


def measure_awaited(effort: LedgerEffort) -> list[Figure]:
    """A crowd that sends again once it is answered, then one that comes at a rate."""
    if not effort.has_tigerbeetle:
        return [*absent("transfers/s", NAME), *absent("ms", f"{LATENCY}, p50", f"{LATENCY}, p99")]
    return stoppable.run(_measure, effort)


async def _measure(effort: LedgerEffort) -> list[Figure]:
    closed, opened = effort.span(CLOSED_SECONDS), effort.span(OPEN_SECONDS)
    async with open_institution(effort, Load()) as institution:
        loop = await single_rate(institution, TASKS, closed)
        await institution.until_mirrored()
        answers = Answers()
        await offered(institution, answers, OFFERED, opened)
    return [
        Figure(
            name=NAME,
            value=loop.per_second,
            unit="transfers/s",
            aim=f"at least {RATE_AIMED:,}",
            holds=loop.per_second >= RATE_AIMED,
            note=f"for {closed:g} s; {loop.failed} failed",
        ),
        *latency_rows(LATENCY, answers, P99_MS_AIMED),
    ]


async def single_rate(institution: Institution, tasks: int, seconds: float) -> Rate:
    """Transfers/s, each alone in its request."""
    load, writer = institution.load, institution.writer

    async def send() -> list[TransferStatus]:
        return await writer.create_transfers([load.single()])

    return await closed_loop(send, callers=tasks, seconds=seconds)


async def offered(
    institution: Institution, answers: Answers, per_second: float, seconds: float
) -> None:
    """Let single transfers arrive at a rate, each a request of its own."""
    load, writer = institution.load, institution.writer

    def put(reply_to: ReplyTo) -> None:
        writer.put([load.single()], reply_to)

    await open_loop(put, answers, per_second=per_second, seconds=seconds)


def latency_rows(name: str, answers: Answers, p99_ms_aimed: float) -> list[Figure]:
    """p50, and p99 with its aim: missed as well when somebody was told to come again."""
    p99_ms = percentile(answers.seconds, 0.99) * 1000
    note = f"of {len(answers.seconds):,}"
    if answers.failed:
        note += f"; {answers.failed:,} more were refused for want of room or time"
    return [
        Figure(name=f"{name}, p50", value=percentile(answers.seconds, 0.5) * 1000, unit="ms"),
        Figure(
            name=f"{name}, p99",
            value=p99_ms,
            unit="ms",
            aim=f"under {p99_ms_aimed:g}",
            holds=p99_ms < p99_ms_aimed and not answers.failed,
            note=note,
        ),
    ]
