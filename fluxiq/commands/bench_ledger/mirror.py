"""Journal and mirror alone: no TigerBeetle, no writer, one connection each."""

from time import perf_counter

from fluxiq.commands.bench_actors.rounds import Samples, at_least
from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.effort import BATCH, LedgerEffort
from fluxiq.commands.bench_ledger.history import in_charge, write_batch
from fluxiq.commands.bench_ledger.institution import Variant, open_institution
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.figures import Figure
from fluxiq.ledgers.mirror import PostgresMirror

RATE_AIMED = 100_000
ROWS = 16  # in a step, as the writer's follower takes them
SEAL = f"journal: batches of {BATCH} sealed, one after the other"
MIRROR = {
    False: "mirror: uniform over accounts, from a full journal",
    True: "mirror: one hot account, from a full journal",
}


def measure_mirror(effort: LedgerEffort) -> list[Figure]:
    """What the journal takes, and the mirror takes in."""
    samples = Samples("transfers/s", ())
    for _ in range(effort.rounds):
        for hot, name in MIRROR.items():
            sealed, mirrored = stoppable.run(_turn, effort, hot)
            samples.add(SEAL, sealed)
            samples.add(name, mirrored)
    aim, holds = f"at least {RATE_AIMED:,}", at_least(RATE_AIMED)
    return [samples.row(SEAL), *(samples.row(name, aim, holds) for name in MIRROR.values())]


async def _turn(effort: LedgerEffort, hot: bool) -> tuple[float, float]:
    """Transfers/s sealed, and mirrored. The writer is idle, and its own follower blind."""
    batches = effort.count(6 * ROWS, 2)
    variant = Variant(mirror=False)
    async with (
        open_institution(effort, Load(hot=hot), variant, tigerbeetle=False) as institution,
        in_charge(institution) as authority,
    ):
        began = perf_counter()
        answers = [await write_batch(institution, authority) for _ in range(batches)]
        sealed = batches * BATCH / (perf_counter() - began)

        await institution.journal.answer(answers)
        mirror = PostgresMirror(institution.postgres)
        began = perf_counter()
        while await mirror.catch_up(ROWS):
            pass
        return sealed, batches * BATCH / (perf_counter() - began)
