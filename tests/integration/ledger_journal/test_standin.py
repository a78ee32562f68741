"""The stand-in: TigerBeetle's answers over the mirror's balances, and nothing spent twice."""

import itertools
from random import Random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.domain.ledger_records import Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unknown
from fluxiq.ledgers.parts import Mode, Row
from tests.support.ledger_books import (
    CUSTOMER,
    SETTLEMENT,
    Books,
    open_books,
    packed,
    transfers_of,
)
from tests.support.ledger_histories import (
    PLAIN_ACCOUNTS,
    elsewhere,
    linked,
    move,
    post,
    transfers_history,
    void,
)

S = TransferStatus
PENDING = TransferFlags.PENDING


def fund(id_: int, amount: int) -> Transfer:
    return move(id_, SETTLEMENT, CUSTOMER, amount)


def pay(id_: int, amount: int) -> Transfer:
    return move(id_, CUSTOMER, SETTLEMENT, amount)


def hold(id_: int, amount: int) -> Transfer:
    return replace(pay(id_, amount), flags=PENDING)


@pytest.fixture
async def funded(submitting: Books) -> Books:
    """A customer with 1000, TigerBeetle in charge."""
    await submitting.send(fund(1, 1000))
    await submitting.catch_up()
    return submitting


class TestTheStandIn:
    def test_answers_random_histories_as_tigerbeetle_would(self, postgres_database: str) -> None:
        bases = itertools.count(100_000, 100_000)

        async def run(seed: int) -> None:
            base = next(bases)
            accounts = [elsewhere(one, base) for one in PLAIN_ACCOUNTS]
            async with (
                open_asyncio_host() as host,
                open_books(host, postgres_database) as books,
            ):
                await books.open(accounts)
                for batch in transfers_history(Random(seed), everything=False):
                    sent = [elsewhere(one, base) for one in batch]
                    expected = await books.tigerbeetle.create_transfers(sent)
                    assert await books.stand_in(*sent) == expected

                await books.assert_mirrored(accounts)

        @settings(max_examples=40, deadline=None)
        @given(st.integers(0, 2**32))
        def every(seed: int) -> None:
            trio.run(run, seed)

        every()

    async def test_writes_down_what_it_did_so_that_it_can_be_replayed(self, books: Books) -> None:
        batches = [
            [fund(10, 500), pay(11, 9999), hold(12, 100)],
            [*linked(post(13, 12, 30), fund(14, 1)), void(15, 12), fund(10, 500)],
        ]
        for batch in batches:
            await books.stand_in(*batch)

        for row in await books.journal.to_replay(10):
            created = [one for one in transfers_of(row.records) if one.id != 11]
            statuses = await books.tigerbeetle.create_transfers(created)
            assert set(statuses) == {S.CREATED}

        await books.assert_mirrored()

    async def test_writes_nothing_for_answers_that_change_nothing(self, books: Books) -> None:
        await books.stand_in(fund(10, 500))

        assert await books.stand_in(fund(10, 500), fund(10, 501)) == [
            S.EXISTS,
            S.EXISTS_WITH_DIFFERENT_AMOUNT,
        ]
        assert len(await books.journal.to_replay(10)) == 1

    async def test_stands_on_what_tigerbeetle_did(self, funded: Books) -> None:
        await funded.send(hold(2, 400))
        await funded.catch_up()
        await funded.turn_to(Mode.STANDIN)

        assert await funded.stand_in(pay(10, 601), pay(11, 600), post(12, 2, 100)) == [
            S.EXCEEDS_CREDITS,
            S.CREATED,
            S.CREATED,
        ]
        assert (await funded.balance()).available == 300

    async def test_lets_the_mirror_catch_up_before_it_decides(self, funded: Books) -> None:
        await funded.send(pay(2, 900))
        await funded.turn_to(Mode.STANDIN)

        assert await funded.stand_in(pay(10, 101), pay(11, 100)) == [S.EXCEEDS_CREDITS, S.CREATED]
        assert await funded.mirror.behind() == 0
        assert await funded.findings() == ()

    async def test_refuses_to_decide_without_counting_what_is_unknown(self, funded: Books) -> None:
        await funded.seal(pay(2, 900))
        await funded.turn_to(Mode.STANDIN)

        with pytest.raises(AssertionError, match="was not counted as unknown"):
            await funded.standin.apply(funded.epoch, [pay(10, 900)], [])

        assert (await funded.balance()).available == 1000

    @pytest.mark.parametrize(
        "changes", [{"timeout": 1}, {"flags": TransferFlags.BALANCING_DEBIT}, {"amount": 2**63}]
    )
    async def test_decides_nothing_of_a_batch_with_what_it_does_not_do(
        self, books: Books, changes: dict[str, int]
    ) -> None:
        with pytest.raises(ValueError, match=r"not supported|out of range"):
            await books.stand_in(fund(10, 5), replace(fund(11, 5), **changes))

        assert await books.journal.to_replay(1) == []


class TestWhatIsUnknown:
    async def test_counts_as_spent_and_gives_nothing(self, funded: Books) -> None:
        await funded.seal(pay(2, 700), fund(3, 5000))
        await funded.turn_to(Mode.STANDIN)

        assert await funded.stand_in(pay(10, 301), pay(11, 300)) == [S.EXCEEDS_CREDITS, S.CREATED]

    async def test_leaves_in_doubt_what_depends_on_it(self, funded: Books) -> None:
        await funded.send(hold(2, 100))
        await funded.catch_up()
        await funded.seal(pay(3, 10), hold(4, 10), post(5, 2))
        await funded.turn_to(Mode.STANDIN)

        answers = await funded.stand_in(
            pay(3, 10), post(10, 4), void(11, 2), fund(12, 1), *linked(fund(13, 1), pay(4, 1))
        )

        assert answers == [None, None, None, S.CREATED, None, None]
        assert [transfers_of(row.records) for row in await funded.journal.to_replay(9)] == [
            [fund(12, 1)]
        ]

    async def test_is_all_in_doubt_without_a_write(self, funded: Books) -> None:
        await funded.seal(pay(3, 10))
        await funded.turn_to(Mode.STANDIN)

        assert await funded.stand_in(pay(3, 10)) == [None]
        assert await funded.journal.to_replay(9) == []

    async def test_counts_on_until_its_answer_is_mirrored(self, funded: Books) -> None:
        seq = await funded.seal(pay(2, 700))
        unknown = await funded.journal.unanswered()
        await funded.turn_to(Mode.STANDIN)
        await funded.journal.answer([(seq, packed(S.CREATED))])

        # A writer that has not heard of the answer yet counts it once too often, never too seldom.
        assert await funded.standin.apply(funded.epoch, [pay(10, 301)], unknown) == [
            S.EXCEEDS_CREDITS
        ]
        await funded.catch_up()
        assert await funded.stand_in(pay(11, 301), pay(12, 300)) == [S.EXCEEDS_CREDITS, S.CREATED]

    async def test_never_makes_an_overdraft_or_a_refused_replay(self, funded: Books) -> None:
        """The journal's promise, end to end: U executes while the stand-in works, late."""
        batch = [pay(2, 400), hold(3, 300), fund(4, 50)]
        seq = await funded.seal(*batch)
        await funded.turn_to(Mode.STANDIN)
        await funded.stand_in(pay(10, 300), hold(11, 1), fund(12, 20), pay(13, 20))

        results = funded.submit(*batch)  # long after everybody gave up on it
        await funded.journal.answer([(seq, results)])
        await funded.catch_up()

        for row in await funded.journal.to_replay(10):
            kept = [one for one in transfers_of(row.records) if one.id != 11]
            assert set(await funded.tigerbeetle.create_transfers(kept)) == {S.CREATED}

        await funded.assert_mirrored()


TABLES = {
    "ledger_clock": "UPDATE",
    "ledger_authority": "UPDATE",
    "ledger_journal": "INSERT",
    "ledger_transfers": "INSERT",
    "ledger_burnt_ids": "INSERT",
    "ledger_accounts": "UPDATE",
}


class TestACrash:
    @pytest.mark.parametrize(("table", "what"), TABLES.items())
    async def test_between_any_two_statements_is_unknown_and_left_all_or_nothing(
        self, books: Books, table: str, what: str
    ) -> None:
        batch = [fund(10, 500), pay(11, 9999), hold(12, 5), post(13, 12)]
        await books.execute(
            """
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
            """,
            f"""
            CREATE TRIGGER die AFTER {what} ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION die()
            """,
        )

        with pytest.raises(Unknown, match="4 transfers from a"):
            await books.stand_in(*batch)

        await books.execute(f"DROP TRIGGER die ON {table}")
        assert await books.journal.to_replay(9) == []
        assert await books.findings() == ()
        created, refused = S.CREATED, S.EXCEEDS_CREDITS
        assert await books.stand_in(*batch) == [created, refused, created, created]
        await books.tigerbeetle.create_transfers(batch)
        await books.assert_mirrored()


async def test_an_overlay_is_read_again_when_the_unknown_change(funded: Books) -> None:
    first = await funded.seal(pay(2, 600))
    await funded.seal(pay(3, 300))
    await funded.turn_to(Mode.STANDIN)
    assert await funded.stand_in(pay(10, 101), pay(11, 50)) == [S.EXCEEDS_CREDITS, S.CREATED]

    await funded.journal.answer([(first, packed(S.EXCEEDS_CREDITS))])
    await funded.catch_up()

    rows: list[Row] = await funded.journal.unanswered()
    assert len(rows) == 1
    assert await funded.stand_in(pay(12, 651), pay(13, 650)) == [S.EXCEEDS_CREDITS, S.CREATED]
