"""What was written before there was a journal is in it afterwards, and can be replayed."""

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.tigerbeetle.results import unpack_transfer_results
from fluxiq.stores.migrate import migrate
from tests.support.ledger_books import SCHEMA, STEPS, Books, open_pool, transfers_of
from tests.support.ledger_histories import PLAIN_ACCOUNTS, linked, move, post, void

S = TransferStatus

# Two accounts, 100 from the first to the second; a hold of 30 with all that a transfer may have,
# posted with 20; a hold voided; a chain; two ids that were refused.
OLD_BOOKS = """
    INSERT INTO ledger_accounts (id, ledger, code, flags, debits_posted, credits_posted) VALUES
        ('00000000-0000-0000-0000-000000000001', 16909060, 1, 0, 100, 27),
        ('00000000-0000-0000-0000-000000000002', 16909060, 1, 2, 27, 100);
    INSERT INTO ledger_transfers (
        id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
        user_data_128, user_data_64, user_data_32, timestamp
    )
    SELECT
        lpad(to_hex(id), 32, '0')::uuid, lpad(to_hex(debit), 32, '0')::uuid,
        lpad(to_hex(3 - debit), 32, '0')::uuid, amount, lpad(to_hex(hold), 32, '0')::uuid,
        16909060, 1, flags, lpad(to_hex(data), 32, 'f')::uuid, data - 9, data, at
    FROM (VALUES
        (10, 1, 100, NULL, 0, NULL, 1000),
        (11, 2, 30, NULL, 2, 8, 2000),
        (12, 2, 20, 11, 4, 8, 4000),
        (13, 2, 5, NULL, 2, NULL, 4001),
        (14, 2, 5, 13, 8, NULL, 4002),
        (15, 2, 3, NULL, 1, NULL, 5000),
        (16, 2, 4, NULL, 0, NULL, 5001)
    ) AS old (id, debit, amount, hold, flags, data, at);
    INSERT INTO ledger_burnt_ids (id, status, timestamp) VALUES
        ('00000000-0000-0000-0000-000000000020', 'exceeds_credits', 3000),
        ('00000000-0000-0000-0000-000000000021', 'pending_transfer_not_found', 6000);
    UPDATE ledger_clock SET last_timestamp = 6000;
"""


@pytest.fixture
async def old(asyncio_host: AsyncioHost, postgres_database: str) -> Books:
    async with open_pool(asyncio_host, postgres_database) as pg:
        await migrate(pg, SCHEMA, STEPS[:-1])
        books = Books(pg)
        await books.execute(OLD_BOOKS)
        await migrate(pg, SCHEMA, STEPS)
        yield books


async def test_transfers_are_records_byte_for_byte(old: Books) -> None:
    [row] = await old.journal.to_replay(10)

    data = {"user_data_128": (2**128 - 16) + 8, "user_data_64": 2**64 - 1, "user_data_32": 8}
    held = {"debit_account_id": 2, "credit_account_id": 1, "ledger": 16909060, "code": 1}
    assert [one for one in transfers_of(row.records) if one.debit_account_id] == [
        move(10, 1, 2, 100),
        move(11, 2, 1, 30, flags=2, **data),
        post(12, 11, 20, **held, **data),
        move(13, 2, 1, 5, flags=2),
        void(14, 13, 5, **held),
        *linked(move(15, 2, 1, 3), move(16, 2, 1, 4)),
    ]


async def test_refused_ids_are_there_with_their_refusals_and_all_is_in_order(old: Books) -> None:
    [row] = await old.journal.to_replay(10)
    assert row.results is not None
    results = unpack_transfer_results(row.results)

    ids = [one.id for one in transfers_of(row.records)]
    assert list(zip(ids, results, strict=True)) == [
        (10, (1000, S.CREATED)),
        (11, (2000, S.CREATED)),
        (0x20, (3000, S.EXCEEDS_CREDITS)),
        (12, (4000, S.CREATED)),
        (13, (4001, S.CREATED)),
        (14, (4002, S.CREATED)),
        (15, (5000, S.CREATED)),
        (16, (5001, S.CREATED)),
        (0x21, (6000, S.PENDING_TRANSFER_NOT_FOUND)),
    ]


async def test_the_books_are_proven_by_it(old: Books) -> None:
    assert await old.findings() == ()


async def test_a_tigerbeetle_that_comes_later_gets_the_same_books(old: Books) -> None:
    await old.tigerbeetle.create_accounts(PLAIN_ACCOUNTS[:2])
    for row in await old.journal.to_replay(10):
        created = [one for one in transfers_of(row.records) if one.debit_account_id]
        assert set(await old.tigerbeetle.create_transfers(created)) == {S.CREATED}

    await old.assert_mirrored(PLAIN_ACCOUNTS[:2])


async def test_nothing_of_it_is_announced_again(old: Books) -> None:
    assert await old.fetch("SELECT seq FROM ledger_journal WHERE NOT published") == []


async def test_the_stand_in_goes_on_after_it(old: Books) -> None:
    answers = await old.stand_in(move(10, 1, 2, 100), move(0x20, 1, 2, 1), move(30, 2, 1, 73))

    assert answers == [S.EXISTS, S.ID_ALREADY_FAILED, S.CREATED]
    assert [row.seq for row in await old.journal.to_replay(10)] == [1, 2]
    assert await old.findings() == ()


async def test_long_histories_become_many_rows_that_end_between_chains(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_pool(asyncio_host, postgres_database) as pg:
        await migrate(pg, SCHEMA, STEPS[:-1])
        books = Books(pg)
        await books.execute(
            OLD_BOOKS,
            """
            INSERT INTO ledger_transfers (
                id, debit_account_id, credit_account_id, amount, ledger, code, flags, timestamp
            )
            SELECT
                lpad(to_hex(n), 32, '0')::uuid, lpad('1', 32, '0')::uuid, lpad('2', 32, '0')::uuid,
                0, 16909060, 1, CASE WHEN n % 3 = 0 THEN 0 ELSE 1 END, n * 10
            FROM generate_series(1000, 13000) AS n
            """,
        )
        await migrate(pg, SCHEMA, STEPS)

        rows = await books.journal.to_replay(10)

        batches = [transfers_of(row.records) for row in rows]
        assert sum(map(len, batches)) == 9 + 12_001
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert not any(batch[-1].flags & 1 for batch in batches[:-1])
