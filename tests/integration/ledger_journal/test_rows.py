"""Batches in the journal: sealed, answered, replayed; and what is refused."""

from typing import ParamSpec, TypeVar

import pytest

from fluxiq.domain.ledger_records import AMOUNT_MAX, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.parts import Backend, Mode
from fluxiq.ledgers.postgres_pool import Unit
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.stores.pool import Connection, Postgres
from tests.support.ledger_books import Books, packed
from tests.support.ledger_histories import move, post

T = TypeVar("T")
P = ParamSpec("P")
S = TransferStatus


async def test_come_back_byte_for_byte(submitting: Books) -> None:
    records = pack_transfers(
        [
            move(2**127 + 1, 1, 2, 5, user_data_128=2**128 - 1, user_data_64=3, user_data_32=4),
            post(9, 8, AMOUNT_MAX),
        ]
    )
    seq = await submitting.journal.seal(submitting.epoch, records)

    [row] = await submitting.journal.unanswered()

    assert (row.seq, row.epoch, row.backend) == (seq, submitting.epoch, Backend.TIGERBEETLE)
    assert (row.records, row.results) == (records, None)


async def test_can_be_read_by_an_operator(submitting: Books) -> None:
    transfers = [
        move(2**127 + 1, 1, 2, 5, user_data_128=7, user_data_64=2**64 - 1, user_data_32=4),
        post(9, 8, AMOUNT_MAX),
    ]
    await submitting.seal(*transfers)

    rows = await submitting.fetch(
        """
        SELECT place, id, debit_account_id, credit_account_id, amount, pending_id, user_data_128,
            user_data_64, user_data_32, timeout, ledger, code, flags, status
        FROM ledger_journal_records ORDER BY place
        """
    )

    numbers = [[getattr(value, "int", value) for value in row] for row in rows]
    assert numbers == [
        [0, 2**127 + 1, 1, 2, 5, None, 7, -1, 4, None, 16909060, 1, 0, None],
        [1, 9, 0, 0, None, 8, None, None, None, None, 0, 0, 4, None],
    ]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (b"", "0 transfers in one batch"),
        (bytes(100), "are not whole records of 128"),
        (bytes(128 * (TRANSFERS_MAX + 1)), "8190 transfers in one batch"),
        (pack_transfers([move(1, 1, 2, 5, timeout=256)]), "has a timeout"),
        (pack_transfers([move(1, 1, 2, 5, flags=TransferFlags.BALANCING_DEBIT)]), "flags beyond"),
        (pack_transfers([move(1, 1, 2, 5, flags=TransferFlags.CLOSING_CREDIT)]), "flags beyond"),
        (pack_transfers([move(1, 1, 2, 5, flags=TransferFlags.IMPORTED)]), "flags beyond"),
    ],
)
async def test_that_could_not_be_mirrored_are_refused_before_they_are_sealed(
    submitting: Books, records: bytes, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        await submitting.journal.seal(submitting.epoch, records)

    assert await submitting.journal.unanswered() == []


async def test_leave_the_unknown_when_they_are_answered(submitting: Books) -> None:
    seqs = [await submitting.seal(move(id_, 1, 2, 5)) for id_ in (10, 11, 12)]

    await submitting.journal.answer([(seqs[2], packed(S.CREATED)), (seqs[0], packed(S.CREATED))])

    assert [row.seq for row in await submitting.journal.unanswered()] == [seqs[1]]


async def test_keep_their_first_answer(submitting: Books) -> None:
    seq = await submitting.seal(move(10, 1, 2, 5))
    await submitting.journal.answer([(seq, packed(S.CREATED))])

    await submitting.journal.answer([(seq, packed(S.EXISTS))])

    statuses = await submitting.fetch("SELECT status FROM ledger_journal_records")
    assert statuses == [(0xFFFFFFFF,)]


async def test_that_were_never_sealed_cannot_be_answered(submitting: Books) -> None:
    with pytest.raises(AssertionError, match=r"\[77\]"):
        await submitting.journal.answer([(77, packed(S.CREATED))])


async def test_have_as_many_results_as_records(submitting: Books) -> None:
    seq = await submitting.seal(move(10, 1, 2, 5))

    with pytest.raises(AssertionError, match="another number of records"):
        await submitting.journal.answer([(seq, packed(S.CREATED, S.CREATED))])

    assert [row.seq for row in await submitting.journal.unanswered()] == [seq]


async def test_of_the_stand_in_are_replayed_in_order(books: Books) -> None:
    for id_ in (10, 11, 12):
        assert await books.stand_in(move(id_, 1, 2, 5)) == [S.CREATED]

    first, second = await books.journal.to_replay(2)
    assert (first.seq, second.seq) == (1, 2)
    assert first.records == pack_transfers([move(10, 1, 2, 5)])
    assert [row.seq for row in await books.journal.to_replay(5, after=2)] == [3]

    await books.journal.replayed([1, 2])
    assert [row.seq for row in await books.journal.to_replay(5)] == [3]


async def test_of_tigerbeetle_are_not_replayed(submitting: Books) -> None:
    await submitting.send(move(10, 1, 2, 5))
    await submitting.turn_to(Mode.STANDIN)

    assert await submitting.journal.to_replay(5) == []
    await submitting.journal.replayed([1])


class Losing:
    """A pool that does the work and loses the answer, or loses the work."""

    def __init__(self, inner: Postgres, *, after: bool) -> None:
        self._inner = inner
        self._after = after

    async def run(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def broken(connection: Connection) -> T:
            if self._after:
                return await unit(connection, *args, **kwargs)

            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return await unit(connection, *args, **kwargs)

        await self._inner.run(broken)
        raise Unavailable("postgres", "the answer was lost")

    async def transaction(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._inner.transaction(unit, *args, **kwargs)


async def test_are_unknown_when_the_commit_got_no_answer(submitting: Books) -> None:
    losing = Books(submitting.pg, pool=Losing(submitting.pg, after=True))

    with pytest.raises(Unknown, match="the answer was lost"):
        await losing.journal.seal(submitting.epoch, pack_transfers([move(10, 1, 2, 5)]))

    assert [row.seq for row in await submitting.journal.unanswered()] == [1]


async def test_are_certainly_not_there_when_the_connection_was_dead_before(
    submitting: Books,
) -> None:
    losing = Books(submitting.pg, pool=Losing(submitting.pg, after=False))

    with pytest.raises(Unavailable):
        await losing.journal.seal(submitting.epoch, pack_transfers([move(10, 1, 2, 5)]))

    assert await submitting.journal.unanswered() == []


async def test_are_unknown_when_the_session_ends_while_it_seals(submitting: Books) -> None:
    await end_the_session_at(submitting, "ledger_journal", "INSERT")

    with pytest.raises(Unknown):
        await submitting.seal(move(10, 1, 2, 5))

    await submitting.execute("DROP TRIGGER die ON ledger_journal")
    assert await submitting.seal(move(10, 1, 2, 5)) == 1


async def test_are_unavailable_when_the_server_says_that_it_did_not_commit(
    submitting: Books,
) -> None:
    await submitting.execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'full'; END $$
        """,
        """
        CREATE TRIGGER refuse BEFORE INSERT ON ledger_journal
        FOR EACH ROW EXECUTE FUNCTION refuse()
        """,
    )

    with pytest.raises(Unavailable):
        await submitting.seal(move(10, 1, 2, 5))


async def end_the_session_at(books: Books, table: str, what: str) -> None:
    await books.execute(
        """
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
        """,
        f"CREATE TRIGGER die BEFORE {what} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION die()",
    )
