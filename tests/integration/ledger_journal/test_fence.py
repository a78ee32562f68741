"""Who may write: one epoch, and a change of it that waits for who is writing."""

import pytest
import trio

from fluxiq.ledgers.parts import Authority, Fenced, Mode
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.stores.pool import Connection
from tests.support.ledger_books import Books
from tests.support.ledger_histories import move

RECORDS = pack_transfers([move(1, 1, 2, 5)])
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def until_somebody_waits(connection: Connection) -> None:
    for _ in range(500):
        if await connection.fetchval(WAITING):
            return

        await connection.execute("SELECT pg_sleep(0.01)")

    raise AssertionError("nobody waited")


async def test_the_journal_begins_with_the_stand_in(books: Books) -> None:
    assert await books.journal.authority() == Authority(1, Mode.STANDIN)


async def test_each_change_of_the_backend_is_an_epoch(books: Books) -> None:
    await books.turn_to(Mode.TIGERBEETLE)
    assert await books.journal.authority() == Authority(2, Mode.TIGERBEETLE)
    await books.turn_to(Mode.STANDIN)
    assert await books.journal.authority() == Authority(3, Mode.STANDIN)


async def test_recovering_is_the_same_writers_and_no_new_epoch(books: Books) -> None:
    await books.turn_to(Mode.RECOVERING)
    assert await books.journal.authority() == Authority(1, Mode.RECOVERING)
    await books.turn_to(Mode.STANDIN)
    assert await books.journal.authority() == Authority(1, Mode.STANDIN)


async def test_an_old_epoch_seals_nothing_even_when_the_mode_is_back(books: Books) -> None:
    await books.turn_to(Mode.TIGERBEETLE)
    old = books.epoch
    await books.turn_to(Mode.STANDIN)
    await books.turn_to(Mode.TIGERBEETLE)

    with pytest.raises(Fenced, match=r"epoch 4, tigerbeetle, the writer at epoch 2"):
        await books.journal.seal(old, RECORDS)

    assert await books.journal.unanswered() == []


async def test_nobody_seals_for_tigerbeetle_while_the_stand_in_is_in_charge(books: Books) -> None:
    with pytest.raises(Fenced):
        await books.journal.seal(books.epoch, RECORDS)


async def test_nobody_stands_in_while_tigerbeetle_is_in_charge(submitting: Books) -> None:
    with pytest.raises(Fenced):
        await submitting.stand_in(move(1, 1, 2, 5))

    assert await submitting.fetch("SELECT id FROM ledger_transfers") == []


@pytest.mark.parametrize("mode", [Mode.QUEUE])
async def test_nobody_writes_while_callers_are_to_come_again(books: Books, mode: Mode) -> None:
    await books.turn_to(mode)

    with pytest.raises(Fenced):
        await books.journal.seal(books.epoch, RECORDS)
    with pytest.raises(Fenced):
        await books.stand_in(move(1, 1, 2, 5))


async def test_who_takes_over_fences_the_older_process(
    submitting: Books, other_process: Books
) -> None:
    authority = await other_process.journal.take_over("a new process")

    assert authority == Authority(submitting.epoch + 1, Mode.TIGERBEETLE)
    with pytest.raises(Fenced):
        await submitting.journal.seal(submitting.epoch, RECORDS)
    assert await other_process.journal.seal(authority.epoch, RECORDS) == 1


async def test_of_many_who_take_over_at_once_one_is_in_charge(
    submitting: Books, other_process: Books
) -> None:
    taken: list[Authority] = []

    async def take_over(one: Books) -> None:
        taken.append(await one.journal.take_over("a race"))

    async with trio.open_nursery() as nursery:
        for one in (submitting, other_process) * 3:
            nursery.start_soon(take_over, one)

    assert len({one.epoch for one in taken}) == 6
    assert await submitting.journal.authority() == max(taken, key=lambda one: one.epoch)


async def test_a_change_from_elsewhere_than_believed_is_fenced(books: Books) -> None:
    with pytest.raises(Fenced):
        await books.journal.change(Authority(7, Mode.STANDIN), Mode.QUEUE, "a mistake")
    with pytest.raises(Fenced):
        await books.journal.change(Authority(1, Mode.QUEUE), Mode.STANDIN, "a mistake")


async def test_a_change_waits_for_a_batch_that_is_being_sealed(
    submitting: Books, other_process: Books
) -> None:
    """So that after it no batch of the old epoch can appear."""
    sealed = trio.Event()
    before = await submitting.journal.authority()
    seqs: list[int] = []

    async def seal_slowly(connection: Connection) -> None:
        seqs.append(await connection.fetchval("SELECT ledger_seal($1, $2)", 2, RECORDS[::-1]))
        sealed.set()
        await until_somebody_waits(connection)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submitting.pg.transaction, seal_slowly)
        await sealed.wait()
        await other_process.journal.change(before, Mode.STANDIN, "an outage")
        # Committed by now, because the change is.
        assert [row.seq for row in await other_process.journal.unanswered()] == seqs


async def test_a_batch_waits_for_a_change_and_then_is_fenced(
    submitting: Books, other_process: Books
) -> None:
    changed = trio.Event()

    async def change_slowly(connection: Connection) -> None:
        await connection.fetchval(
            "SELECT ledger_change_authority($1, 'tigerbeetle', 'standin', 'slow')", 2
        )
        changed.set()
        await until_somebody_waits(connection)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submitting.pg.transaction, change_slowly)
        await changed.wait()
        with pytest.raises(Fenced):
            await other_process.journal.seal(2, RECORDS)

    assert await submitting.journal.unanswered() == []


async def test_seqs_have_no_gaps_however_many_seal(submitting: Books, other_process: Books) -> None:
    seqs: list[int] = []

    async def seal(one: Books) -> None:
        seqs.extend([await one.journal.seal(submitting.epoch, RECORDS) for _ in range(10)])

    async with trio.open_nursery() as nursery:
        for one in (submitting, other_process) * 3:
            nursery.start_soon(seal, one)

    assert sorted(seqs) == list(range(1, 61))
    assert [row.seq for row in await submitting.journal.unanswered()] == sorted(seqs)


async def test_tigerbeetle_is_not_in_charge_before_it_has_what_the_stand_in_did(
    books: Books,
) -> None:
    await books.stand_in(move(1, 1, 2, 5))
    await books.turn_to(Mode.RECOVERING)

    with pytest.raises(AssertionError, match="TigerBeetle does not have batch 1 yet"):
        await books.turn_to(Mode.TIGERBEETLE)

    assert (await books.journal.authority()).mode is Mode.RECOVERING
    await books.journal.replayed([1])
    await books.turn_to(Mode.TIGERBEETLE)


async def test_every_change_and_its_reason_stay_on_paper(books: Books) -> None:
    await books.journal.take_over("a start")
    await books.turn_to(Mode.TIGERBEETLE)

    assert await books.fetch(
        "SELECT epoch, mode, reason FROM ledger_authority_history ORDER BY id"
    ) == [
        (1, "standin", "the journal begins"),
        (2, "standin", "a start"),
        (3, "tigerbeetle", "a test"),
    ]
