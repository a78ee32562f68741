"""A journal with millions of transfers, made fast: packed batches through the same parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fluxiq.commands.bench_ledger.effort import BATCH
from fluxiq.commands.bench_ledger.institution import Institution
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.parts import Authority, Mode
from fluxiq.ledgers.tigerbeetle.results import TransferResult, pack_transfer_results

GROUP: Final = 16  # batches in one answer and one step of the mirror
_CREATED: Final = pack_transfer_results([TransferResult(0, TransferStatus.CREATED)]) * BATCH


async def write_history(institution: Institution, transfers: int) -> None:
    """Add at least `transfers` to journal and mirror, and to TigerBeetle where there is one.

    The writer has to be idle.
    """
    journal, mirror = institution.journal, institution.mirror
    batches = -(-transfers // BATCH)
    async with in_charge(institution) as authority:
        for start in range(0, batches, GROUP):
            size = min(GROUP, batches - start)
            await journal.answer([await write_batch(institution, authority) for _ in range(size)])
            while await mirror.catch_up(GROUP):
                pass


async def write_batch(institution: Institution, authority: Authority) -> tuple[int, bytes]:
    """Seal the next batch; return its seq and TigerBeetle's answer.

    Where there is none, it is that all were created, as is true of this load.
    """
    records = institution.load.packed()
    seq = await institution.journal.seal(authority.epoch, records)
    if institution.tigerbeetle is None:
        return seq, _CREATED
    return seq, await institution.tigerbeetle.submit(records)


@asynccontextmanager
async def in_charge(institution: Institution) -> AsyncIterator[Authority]:
    """Have the authority on TigerBeetle for the length of the block, even where there is none.

    There what the stand-in has done counts as replayed, and the writer goes on afterwards under the
    epoch that it finds then.
    """
    writer, journal, own = institution.writer, institution.journal, institution.writer.authority
    assert not len(writer.waiting), "nobody writes meanwhile"
    if own.mode is Mode.TIGERBEETLE:
        yield own
        return

    while rows := await journal.to_replay(GROUP):
        await journal.replayed([row.seq for row in rows])
    authority = await journal.change(own, Mode.TIGERBEETLE, "a history is made")
    yield authority
    writer.authority = await journal.change(authority, own.mode, "the history is made")
