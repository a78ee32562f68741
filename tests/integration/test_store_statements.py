"""Statements on a real PostgreSQL, beside a ledger that moves money as payments do."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxiq.asyncio_host import AsyncioHost, open_asyncio_host
from fluxiq.domain import postings
from fluxiq.domain import transfer_postings as moves
from fluxiq.domain.records import Transfer
from fluxiq.domain.statement import LineKind, Movement, Period, StatementHead
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.stores import statements
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.statements import PostgresStatements
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.transfers import PostgresTransfers
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    account,
    event,
    new_end_to_end_id,
    new_id,
    open_store,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
)
from tests.support.transfer_records import OTHER_ACCOUNT, opening, transfer

LEDGER = 1
ALWAYS = Period()
SOURCE, DESTINATION = account().ledger_id, account(OTHER_ACCOUNT).ledger_id
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class House:
    """An institution with two customers' accounts, and its statements."""

    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store = store
        self.postgres = postgres
        self.ledger = PostgresLedger(postgres, LEDGER)
        self.statements = PostgresStatements(postgres, ISPB)
        self.transfers = PostgresTransfers(postgres, ISPB, keyring(ISPB))

    async def open(self) -> None:
        await self.store.add_account(account(OTHER_ACCOUNT), [], event("account.created"))
        await self.ledger.create_accounts(
            [
                *postings.house_accounts(ISPB, LEDGER),
                postings.customer_account(SOURCE, LEDGER),
                postings.customer_account(DESTINATION, LEDGER),
                moves.blocked_account(ISPB, LEDGER, ACCOUNT),
            ]
        )

    async def move(self, *transfers: Transfer) -> None:
        await self.ledger.create_transfers(transfers)

    async def receive(self, amount: int) -> str:
        arrived = receipt(amount=amount)
        await self.move(postings.pix_in(ISPB, LEDGER, arrived.end_to_end_id, SOURCE, amount))
        await self.store.archive_receipts([receipt_archived(arrived)])
        return arrived.id

    async def head(self, period: Period = ALWAYS, ledger_id: int = SOURCE) -> StatementHead:
        found = await self.statements.head(ledger_id, period)
        assert found is not None
        return found

    async def lines(self, period: Period = ALWAYS, ledger_id: int = SOURCE) -> list[Movement]:
        head = await self.head(period, ledger_id)
        return await self.statements.movements(ledger_id, head, limit=1000)

    async def balance(self, ledger_id: int = SOURCE) -> int:
        found = (await self.ledger.balances([ledger_id]))[ledger_id]
        return found.credits_posted - found.debits_posted


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        made = House(store, postgres)
        await made.open()
        yield made


async def test_an_account_without_movements_has_an_empty_statement(house: House) -> None:
    head = await house.head()

    assert (head.opening_balance, head.closing_balance, head.lines) == (0, 0, 0)
    assert await house.lines() == []
    assert await house.statements.head(123456, ALWAYS) is None


async def test_each_movement_is_named_and_leads_to_its_payment(house: House) -> None:
    received = await house.receive(100_00)
    paid = payout(amount=30_00, description="to somebody")
    await house.store.open_payout(payout_opening(paid))
    hold = postings.payout_hold(ISPB, LEDGER, paid.end_to_end_id, SOURCE, 30_00)
    await house.move(hold)
    await house.move(postings.payout_post(ISPB, LEDGER, paid.end_to_end_id, 30_00))
    sent = transfer(description="rent")
    await house.transfers.open(opening(sent))
    await house.move(
        moves.transfer_move(
            ISPB, LEDGER, sent.id, source=SOURCE, destination=DESTINATION, amount=5_00
        )
    )
    await house.move(moves.block(ISPB, LEDGER, "case", ACCOUNT, 2_00))
    await house.move(moves.release(ISPB, LEDGER, "case", ACCOUNT, 1_00))

    lines = await house.lines()
    assert [(one.kind, one.amount, one.reference, one.description) for one in lines] == [
        (LineKind.PIX_IN, 100_00, received, ""),
        (LineKind.PIX_OUT, -30_00, paid.id, "to somebody"),
        (LineKind.TRANSFER_OUT, -5_00, sent.id, "rent"),
        (LineKind.BLOCK, -2_00, None, ""),
        (LineKind.RELEASE, 1_00, None, ""),
    ]
    assert [one.running for one in lines] == [100_00, 70_00, 65_00, 63_00, 64_00]
    [payee] = await house.lines(ledger_id=DESTINATION)
    assert (payee.kind, payee.amount, payee.reference) == (LineKind.TRANSFER_IN, 5_00, sent.id)


async def test_what_is_only_held_or_was_released_is_no_movement(house: House) -> None:
    await house.receive(100_00)
    for end in (None, postings.payout_void):
        name = new_end_to_end_id()
        await house.move(postings.payout_hold(ISPB, LEDGER, name, SOURCE, 10_00))
        if end is not None:
            await house.move(end(ISPB, LEDGER, name, 10_00))

    head = await house.head()
    assert (head.lines, head.closing_balance) == (1, 100_00)


async def test_a_payment_that_no_record_knows_is_called_by_its_end_to_end_id(house: House) -> None:
    await house.receive(100_00)
    name = new_end_to_end_id()
    await house.move(postings.payout_hold(ISPB, LEDGER, name, SOURCE, 10_00))
    await house.move(postings.payout_post(ISPB, LEDGER, name, 10_00))

    assert [one.reference for one in await house.lines()][1] == name


async def test_what_is_paid_after_the_head_was_read_is_not_in_its_lines(house: House) -> None:
    for amount in (1, 2, 3):
        await house.receive(amount)
    head = await house.head()
    await house.receive(4)

    pages = []
    after = head.after
    while after < head.last:
        page = await house.statements.movements(SOURCE, head, limit=2, after=after)
        pages.append([(one.amount, one.running) for one in page])
        after = page[-1].timestamp
    assert pages == [[(1, 1), (2, 3)], [(3, 3)]]
    second = await house.statements.movements(SOURCE, head, limit=2, offset=2)
    assert [(one.amount, one.running) for one in second] == [(3, 6)]


async def test_a_statement_is_read_by_its_indexes_alone(house: House) -> None:
    """Whatever else is in the ledger: a scan of all transfers would grow with the institution."""
    query = (
        statements._HEAD.replace("$1", "'00000000-0000-0000-0000-000000000001'::uuid")
        .replace("$2", "0")
        .replace("$3", "99")
    )

    async def explained(connection: Connection) -> str:
        # An empty table is read whole unless this says not to.
        await connection.execute("SET LOCAL enable_seqscan = off")
        rows = await connection.fetch(f"EXPLAIN {query}")
        return "\n".join(row[0] for row in rows)

    plan = await house.postgres.transaction(explained)
    assert "ledger_transfers_debited" in plan
    assert "ledger_transfers_credited" in plan
    assert "Seq Scan on ledger_transfers" not in plan


def random_move(random: Random, numbers: "itertools.count[int]") -> list[Transfer]:
    """One of what happens to a customer's account; some are refused, which is fine."""
    name, amount = new_end_to_end_id(), random.randint(1, 50)
    hold = postings.payout_hold(ISPB, LEDGER, name, SOURCE, amount)
    ends = [postings.payout_post, postings.payout_void]
    source, destination = random.sample([SOURCE, DESTINATION], 2)
    book = {"source": source, "destination": destination, "amount": amount}
    xfer, case = new_id("xfer"), f"case {next(numbers)}"
    return random.choice(
        [
            [postings.pix_in(ISPB, LEDGER, name, random.choice([SOURCE, DESTINATION]), amount)],
            [hold],
            [hold, random.choice(ends)(ISPB, LEDGER, name, amount)],
            [moves.transfer_move(ISPB, LEDGER, xfer, **book)],
            [
                moves.transfer_hold(ISPB, LEDGER, xfer, **book),
                moves.transfer_post(ISPB, LEDGER, xfer, amount),
            ],
            [moves.block(ISPB, LEDGER, case, ACCOUNT, amount)],
            [moves.release(ISPB, LEDGER, case, ACCOUNT, amount)],
        ]
    )


def test_opening_and_lines_make_closing_whatever_happened_and_whenever_one_looks(
    institution_database: str,
) -> None:
    """One account's history grows from example to example; the balance of now is the ledger's."""
    numbers = itertools.count()

    async def run(seed: int) -> None:
        random = Random(seed)
        async with (
            open_asyncio_host() as host,
            open_store(host, institution_database) as (store, postgres),
        ):
            house = House(store, postgres)
            await house.open()
            for _ in range(12):
                await house.move(*random_move(random, numbers))

            whole = await house.lines()
            head = await house.head()
            assert head.opening_balance == 0
            assert head.closing_balance == await house.balance()
            moments = [one.at for one in whole] or [EPOCH]
            since = random.choice(moments)
            until = random.choice(moments) + timedelta(microseconds=random.choice([0, 1]))
            await agrees(house, whole, Period(since=since, until=max(since, until)))
            await agrees(house, whole, Period(since=since))
            await agrees(house, whole, Period(until=until))

    async def agrees(house: House, whole: list[Movement], period: Period) -> None:
        head, lines = await house.head(period), await house.lines(period)
        since, until = period.since or EPOCH, period.until or datetime.max.replace(tzinfo=UTC)
        assert [one.id for one in lines] == [one.id for one in whole if since <= one.at < until]
        assert head.opening_balance == sum(one.amount for one in whole if one.at < since)
        assert head.opening_balance + sum(one.amount for one in lines) == head.closing_balance
        assert head.lines == len(lines)

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 2**32))
    def every(seed: int) -> None:
        trio.run(run, seed)

    every()
