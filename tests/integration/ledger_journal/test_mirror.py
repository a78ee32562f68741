"""Accounts and transfers follow the journal: whatever was answered, once, in any order."""

from random import Random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.domain.ledger_records import Balance, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.parts import Mode
from tests.support.ledger_books import (
    CUSTOMER,
    LENDER,
    SETTLEMENT,
    Books,
    open_books,
    packed,
    transfers_of,
)
from tests.support.ledger_histories import linked, move, post, transfers_history, void

S = TransferStatus
PENDING = TransferFlags.PENDING


def fund(id_: int, amount: int) -> Transfer:
    return move(id_, SETTLEMENT, CUSTOMER, amount)


def pay(id_: int, amount: int) -> Transfer:
    return move(id_, CUSTOMER, SETTLEMENT, amount)


def hold(id_: int, amount: int) -> Transfer:
    return replace(pay(id_, amount), flags=PENDING)


class TestTheMirror:
    async def test_has_nothing_of_a_batch_without_an_answer(self, submitting: Books) -> None:
        await submitting.seal(fund(10, 5))

        assert await submitting.mirror.behind() == 0
        assert await submitting.mirror.catch_up(10) == 0
        assert await submitting.fetch("SELECT id FROM ledger_transfers") == []

    async def test_takes_in_an_answered_batch_once(self, submitting: Books) -> None:
        await submitting.send(fund(10, 500), pay(11, 200), pay(12, 301), hold(13, 100))

        assert await submitting.mirror.behind() == 1
        assert await submitting.mirror.catch_up(10) == 1
        assert await submitting.mirror.catch_up(10) == 0
        assert await submitting.mirror.behind() == 0
        assert await submitting.balance() == Balance(
            account_id=CUSTOMER, credits_posted=500, debits_posted=200, debits_pending=100
        )
        await submitting.assert_mirrored()

    async def test_fills_in_what_a_post_leaves_to_its_hold(self, submitting: Books) -> None:
        held = replace(hold(11, 70), user_data_128=8, user_data_64=2**63, user_data_32=9)
        await submitting.send(fund(10, 500), held, hold(12, 50), hold(13, 20), hold(14, 10))
        await submitting.send(post(21, 11), post(22, 12, 30, user_data_32=1), void(23, 13))
        await submitting.catch_up()

        rows = await submitting.fetch(
            """
            SELECT debit_account_id, credit_account_id, amount, ledger, code, user_data_128,
                user_data_64, user_data_32
            FROM ledger_transfers WHERE pending_id IS NOT NULL ORDER BY id
            """
        )
        assert [[getattr(value, "int", value) for value in row] for row in rows] == [
            [CUSTOMER, SETTLEMENT, 70, 16909060, 1, 8, -(2**63), 9],
            [CUSTOMER, SETTLEMENT, 30, 16909060, 1, None, None, 1],
            [CUSTOMER, SETTLEMENT, 20, 16909060, 1, None, None, None],
        ]
        await submitting.assert_mirrored()

    async def test_takes_a_chain_whole_or_not_at_all(self, submitting: Books) -> None:
        good = linked(fund(10, 500), hold(11, 100), post(12, 11, 40))
        bad = linked(fund(20, 500), pay(21, 9999), fund(22, 1))
        await submitting.send(*good, *bad)
        await submitting.catch_up()

        assert (await submitting.balance()).available == 460
        assert await submitting.fetch("SELECT status FROM ledger_burnt_ids") == [
            ("exceeds_credits",)
        ]
        await submitting.assert_mirrored()

    async def test_notes_the_ids_that_are_refused_for_good(self, submitting: Books) -> None:
        await submitting.send(hold(10, 5), post(11, 12), move(13, 99, 1, 5), move(14, 1, 99, 5))
        await submitting.send(hold(10, 5))
        await submitting.catch_up()

        rows = await submitting.fetch("SELECT id, status FROM ledger_burnt_ids ORDER BY id")
        assert [(id_.int, status) for id_, status in rows] == [
            (10, "exceeds_credits"),
            (11, "pending_transfer_not_found"),
            (13, "debit_account_not_found"),
            (14, "credit_account_not_found"),
        ]

    async def test_takes_what_exists_but_is_new_here_for_created(self, submitting: Books) -> None:
        """The first answer was lost, and its batch was sent again."""
        batch = [fund(10, 500), hold(11, 100), post(12, 11, 40)]
        submitting.submit(*batch)  # nobody hears of it
        await submitting.send(*batch)
        await submitting.catch_up()

        await submitting.assert_mirrored()
        assert (await submitting.balance()).available == 460

    async def test_moves_nothing_for_what_exists_here(self, submitting: Books) -> None:
        batch = [fund(10, 500), hold(11, 100), post(12, 11, 40)]
        for rows in (1, 2):
            await submitting.send(*batch)
            await submitting.send(*batch, fund(20 + rows, 1))
            await submitting.catch_up(rows)

        assert (await submitting.balance()).available == 462
        await submitting.assert_mirrored()

    async def test_counts_an_id_of_two_batches_once_whichever_is_answered_first(
        self, submitting: Books
    ) -> None:
        first = await submitting.seal(fund(10, 500))
        second = await submitting.seal(fund(10, 500))
        submitting.submit(fund(10, 500))
        again = submitting.submit(fund(10, 500))

        await submitting.journal.answer([(second, again)])
        await submitting.catch_up()
        await submitting.journal.answer([(first, packed(S.CREATED))])
        await submitting.catch_up()

        await submitting.assert_mirrored()

    async def test_gives_timestamps_that_grow_when_the_clock_goes_back(
        self, submitting: Books
    ) -> None:
        in_a_century = 4_900_000_000_000_000_000
        await submitting.execute(f"UPDATE ledger_clock SET last_timestamp = {in_a_century}")
        await submitting.send(fund(10, 1), pay(11, 9999), fund(12, 1))
        await submitting.send(fund(13, 1))
        await submitting.catch_up()
        await submitting.send(fund(14, 1))
        await submitting.catch_up()

        rows = await submitting.fetch("SELECT id, timestamp FROM ledger_transfers ORDER BY 2")
        assert [(id_.int, at - in_a_century) for id_, at in rows] == [
            (10, 1),
            (12, 3),
            (13, 4),
            (14, 5),
        ]

    async def test_counts_a_hot_account_once_for_many_batches(self, submitting: Books) -> None:
        await submitting.execute(
            "CREATE TABLE updates (id uuid)",
            """
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO updates VALUES (NEW.id); RETURN NULL; END'
            """,
            """
            CREATE TRIGGER note AFTER UPDATE ON ledger_accounts
            FOR EACH ROW EXECUTE FUNCTION note()
            """,
        )
        for base in (0, 10_000):
            await submitting.send(*(fund(base + n, 1) for n in range(1, TRANSFERS_MAX + 1)))

        assert await submitting.mirror.catch_up(10) == 2
        assert len(await submitting.fetch("SELECT id FROM updates")) == 2
        await submitting.assert_mirrored()

    async def test_follows_once_when_several_follow(
        self, submitting: Books, other_process: Books
    ) -> None:
        for number in range(20):
            await submitting.send(fund(10 + number, 1))

        taken: list[int] = []

        async def follow(one: Books) -> None:
            while count := await one.mirror.catch_up(3):
                taken.append(count)

        async with trio.open_nursery() as nursery:
            for one in (submitting, other_process) * 2:
                nursery.start_soon(follow, one)

        assert sum(taken) == 20
        await submitting.assert_mirrored()


class TestAnAnswerThatDependsOnOneThatIsMissing:
    async def test_posts_a_hold_that_it_proves(self, submitting: Books) -> None:
        await submitting.send(fund(10, 500))
        lost = await submitting.seal(fund(19, 1), hold(20, 100), fund(21, 1))
        results = submitting.submit(fund(19, 1), hold(20, 100), fund(21, 1))
        await submitting.send(post(30, 20, 60))

        await submitting.catch_up()
        # The hold stands, because it was posted; its neighbours may or may not.
        assert (await submitting.balance()).available == 440
        assert await submitting.findings() == ()

        await submitting.journal.answer([(lost, results)])
        await submitting.catch_up()
        assert (await submitting.balance()).available == 442
        await submitting.assert_mirrored()

    async def test_is_an_assertion_when_no_batch_has_the_hold(self, submitting: Books) -> None:
        seq = await submitting.seal(post(30, 20))
        await submitting.journal.answer([(seq, packed(S.CREATED))])

        with pytest.raises(AssertionError, match=rf"row {seq} .* 1 posts or voids of holds"):
            await submitting.catch_up()

    async def test_lets_an_account_run_ahead_until_the_credit_is_known(
        self, submitting: Books
    ) -> None:
        """Sessions overtake each other: the debit was answered, the credit it needed was not."""
        credit = await submitting.seal(fund(10, 100))
        results = submitting.submit(fund(10, 100))
        await submitting.send(pay(11, 70))

        await submitting.catch_up()
        assert (await submitting.balance()).available == -70
        assert await submitting.findings() == ()

        await submitting.journal.answer([(credit, results)])
        await submitting.catch_up()
        assert await submitting.fetch("SELECT DISTINCT unproven FROM ledger_accounts") == [(0,)]
        await submitting.assert_mirrored()

    async def test_is_an_assertion_when_no_credit_can_explain_it(self, submitting: Books) -> None:
        seq = await submitting.seal(pay(11, 70))
        await submitting.journal.answer([(seq, packed(S.CREATED))])

        with pytest.raises(AssertionError, match="over its limit by 70"):
            await submitting.catch_up()

        assert await submitting.fetch("SELECT id FROM ledger_transfers") == []

    async def test_holds_for_accounts_whose_credits_are_limited(self, submitting: Books) -> None:
        debit = await submitting.seal(move(10, LENDER, SETTLEMENT, 100))
        results = submitting.submit(move(10, LENDER, SETTLEMENT, 100))
        await submitting.send(move(11, SETTLEMENT, LENDER, 70))
        await submitting.catch_up()

        await submitting.journal.answer([(debit, results)])
        await submitting.catch_up()
        await submitting.assert_mirrored()


class TestARowThatMakesNoSense:
    @pytest.mark.parametrize(
        ("transfer", "words"),
        [
            (move(20, SETTLEMENT, 99, 5), "changed 2 accounts instead of 3"),
            (move(20, SETTLEMENT, CUSTOMER, 2**63), "amount_check"),
            (move(20, SETTLEMENT, CUSTOMER, 2**64), "null value in column"),
            (move(20, SETTLEMENT, CUSTOMER, 5, ledger=77), "1 transfers are of another ledger"),
            (move(20, SETTLEMENT, CUSTOMER, 5, code=0), "code_check"),
            (move(20, SETTLEMENT, SETTLEMENT, 5), "ledger_transfers_check"),
        ],
    )
    async def test_stops_the_mirror_and_is_named(
        self, submitting: Books, transfer: Transfer, words: str
    ) -> None:
        await submitting.send(fund(10, 1))
        bad = await submitting.seal(fund(11, 1), transfer)
        await submitting.send(fund(12, 1))
        await submitting.journal.answer([(bad, packed(S.CREATED, S.CREATED))])

        with pytest.raises(AssertionError, match=rf"journal row {bad} cannot be .*{words}"):
            await submitting.catch_up()

        # What came before it is here, it and what came after are not.
        rows = await submitting.fetch("SELECT id FROM ledger_transfers")
        assert [id_.int for (id_,) in rows] == [10]
        assert await submitting.mirror.behind() == 2


TABLES = {
    "ledger_transfers": "INSERT",
    "ledger_burnt_ids": "INSERT",
    "ledger_accounts": "UPDATE",
    "ledger_clock": "UPDATE",
    "ledger_journal": "UPDATE",
}


class TestACrash:
    @pytest.mark.parametrize(("table", "what"), TABLES.items())
    async def test_between_any_two_statements_leaves_all_or_nothing(
        self, submitting: Books, table: str, what: str
    ) -> None:
        await submitting.send(fund(10, 500), pay(11, 9999), hold(12, 5), post(13, 12))
        await submitting.execute(
            """
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
            """,
            f"""
            CREATE TRIGGER die AFTER {what} ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION die()
            """,
        )

        with pytest.raises(Unavailable):
            await submitting.mirror.catch_up(10)

        assert await submitting.mirror.behind() == 1
        assert await submitting.fetch("SELECT id FROM ledger_transfers") == []
        await submitting.execute(f"DROP TRIGGER die ON {table}")
        await submitting.catch_up()
        await submitting.assert_mirrored()


class TestRandomHistories:
    def test_are_mirrored_exactly_however_answers_are_lost_repeated_and_late(
        self, postgres_database: str
    ) -> None:
        async def run(seed: int) -> None:
            random = Random(seed)
            async with (
                open_asyncio_host() as host,
                open_books(host, postgres_database) as books,
            ):
                await books.execute(*EMPTY)
                await books.open()
                await books.turn_to(Mode.TIGERBEETLE)
                await shuffle(books, random)
                await books.assert_mirrored()

        @settings(max_examples=40, deadline=None)
        @given(st.integers(0, 2**32))
        def every(seed: int) -> None:
            trio.run(run, seed)

        every()


EMPTY = (
    "TRUNCATE ledger_transfers, ledger_accounts, ledger_burnt_ids, ledger_journal",
    "UPDATE ledger_authority SET last_seq = 0, mode = 'standin', epoch = 1",
    "UPDATE ledger_clock SET last_timestamp = 0",
)


async def shuffle(books: Books, random: Random) -> None:
    """Send a history; some answers come late, some batches are executed long before their answer is
    asked for again, and the mirror follows whenever it likes.
    """
    late: list[tuple[int, bytes]] = []
    lost: list[int] = []

    history = transfers_history(random, everything=False)
    sealable = [[one for one in batch if int(one.flags) < 1 << 4] for batch in history]

    for batch in filter(None, sealable):
        seq = await books.seal(*batch)
        results = books.submit(*batch)
        draw = random.random()
        if draw < 0.5:
            await books.journal.answer([(seq, results)])
        elif draw < 0.7 or any(one.flags & TransferFlags.LINKED for one in batch):
            late.append((seq, results))
        else:
            lost.append(seq)

        if random.random() < 0.5:
            await books.mirror.catch_up(random.randint(1, 3))

    random.shuffle(late)
    await books.journal.answer(late)
    await books.catch_up(random.randint(1, 3))

    # What was executed and not answered is sent again: the same bytes.
    for row in await books.journal.unanswered():
        assert row.seq in lost
        results = books.submit(*transfers_of(row.records))
        await books.journal.answer([(row.seq, results)])
        await books.catch_up(random.randint(1, 3))
