"""Book transfers on a real PostgreSQL: each method, twice, and all at once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import asyncpg
import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.transfer import BookTransfer, FailureCode, TransferLifeStatus, TransferStage
from fluxiq.ports import Differs, Fresh, Page, Replay, Running
from fluxiq.ports.transfers import TransferFilter
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.transfers import PostgresTransfers
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    account,
    add_endpoint,
    at,
    endpoint,
    event,
    fetch,
    idempotency,
    merchant,
    open_store,
)
from tests.support.transfer_records import (
    CHECKER,
    MAKER,
    OTHER_ACCOUNT,
    moved,
    opening,
    to_approve,
    transfer,
)

Item = TypeVar("Item")
Answer = TypeVar("Answer")
S = TransferStage
FIRST = Page(number=1, size=10)
PAYEE = "mch_00000000000000000000000009"


@pytest.fixture
async def opened(
    asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[tuple[PostgresStore, Postgres]]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        await store.add_account(account(OTHER_ACCOUNT), [], event("account.created"))
        yield store, postgres


@pytest.fixture
def store(opened: tuple[PostgresStore, Postgres]) -> PostgresStore:
    return opened[0]


@pytest.fixture
def postgres(opened: tuple[PostgresStore, Postgres]) -> Postgres:
    return opened[1]


@pytest.fixture
def transfers(postgres: Postgres) -> PostgresTransfers:
    return PostgresTransfers(postgres, ISPB, keyring(ISPB))


async def all_at_once(
    call: Callable[[Item], Awaitable[Answer]], items: Sequence[Item]
) -> list[Answer]:
    answers: dict[int, Answer] = {}

    async def one(index: int, item: Item) -> None:
        answers[index] = await call(item)

    async with trio.open_nursery() as nursery:
        for index, item in enumerate(items):
            nursery.start_soon(one, index, item)
    return [answers[index] for index in range(len(items))]


async def stage_of(transfers: PostgresTransfers, made: BookTransfer) -> TransferStage:
    found = await transfers.find(made.id)
    assert found is not None
    return found.stage


async def types_of_events(postgres: Postgres) -> list[str]:
    rows = await fetch(postgres, "SELECT type FROM events WHERE type LIKE 'transfer.%' ORDER BY id")
    return [row["type"] for row in rows]


async def audit(postgres: Postgres) -> list[tuple[str, str]]:
    rows = await fetch(
        postgres,
        "SELECT actor, action FROM audit_trail WHERE action LIKE 'transfer.%' ORDER BY id",
    )
    return [(row["actor"], row["action"]) for row in rows]


async def test_a_transfer_comes_back_as_it_went_in(transfers: PostgresTransfers) -> None:
    made = to_approve()
    assert await transfers.open(opening(made)) == Fresh()

    assert await transfers.find(made.id) == made
    assert await transfers.find("xfer_other") is None


async def test_an_intent_is_running_until_the_ledger_has_answered(
    transfers: PostgresTransfers,
) -> None:
    made, key = transfer(), idempotency()
    await transfers.open(opening(made, key))
    assert await transfers.open(opening(transfer(), key)) == Running(made.id)

    done = await transfers.move(moved(made, S.COMPLETED, response=b'{"data":1}'))
    assert done.happened
    assert await transfers.open(opening(transfer(), key)) == Replay(False, b'{"data":1}')
    other = msgspec.structs.replace(key, digest=b"another body")
    assert await transfers.open(opening(transfer(), other)) == Differs()


async def test_a_refusal_is_replayed_as_one(transfers: PostgresTransfers) -> None:
    made, key = transfer(), idempotency()
    await transfers.open(opening(made, key))
    await transfers.move(moved(made, S.FAILED, response=b"no"))

    assert await transfers.open(opening(transfer(), key)) == Replay(True, b"no")


async def test_fifty_equal_requests_at_once_make_one_transfer(
    transfers: PostgresTransfers, postgres: Postgres
) -> None:
    key = idempotency()
    answers = await all_at_once(transfers.open, [opening(transfer(), key) for _ in range(50)])

    assert sum(isinstance(one, Fresh) for one in answers) == 1
    assert [row["n"] for row in await fetch(postgres, "SELECT count(*) AS n FROM transfers")] == [1]
    assert await audit(postgres) == [(MAKER, "transfer.created")]


async def test_both_merchants_are_told_and_each_of_their_endpoints_owed(
    store: PostgresStore, transfers: PostgresTransfers, postgres: Postgres
) -> None:
    await store.add_merchant(merchant(PAYEE))
    payers, payees = endpoint(), endpoint(merchant_id=PAYEE)
    for hook in (payers, payees):
        await add_endpoint(store, hook)
    made = transfer()
    await transfers.open(opening(made))
    said = [event("transfer.completed"), event("transfer.completed", merchant_id=PAYEE)]
    end = moved(made, S.COMPLETED, events=tuple(said))
    first, again = await transfers.move(end), await transfers.move(end)

    assert first.happened
    assert set(first.endpoint_ids) == {payers.id, payees.id}
    assert (again.happened, again.endpoint_ids) == (False, ())
    rows = await fetch(postgres, "SELECT event_id, endpoint_id FROM deliveries")
    owed = {(row["event_id"], row["endpoint_id"]) for row in rows}
    assert owed == {(said[0].id, payers.id), (said[1].id, payees.id)}
    told = await fetch(postgres, "SELECT subject FROM outbox WHERE subject LIKE '%.events.%'")
    assert {f"FLUXIQ.{ISPB}.events.{one}" for one in (MERCHANT, PAYEE)} <= {
        row["subject"] for row in told
    }


async def test_a_change_leaves_its_audit_line_and_its_event_once(
    transfers: PostgresTransfers, postgres: Postgres
) -> None:
    made = transfer()
    await transfers.open(opening(made))
    change = moved(made, S.COMPLETED)

    assert [(await transfers.move(change)).happened for _ in range(2)] == [True, False]
    assert await types_of_events(postgres) == ["transfer.completed"]
    assert await audit(postgres) == [(MAKER, "transfer.created"), (MAKER, "transfer.completed")]


async def test_of_many_who_decide_at_once_one_does(
    transfers: PostgresTransfers, postgres: Postgres
) -> None:
    made = to_approve()
    await transfers.open(opening(made))
    await transfers.move(moved(made, S.PENDING, events=()))
    pending = await transfers.find(made.id)
    assert pending is not None

    changes = [
        moved(pending, stage, events=(), decided_by=f"{CHECKER}{number}", actor=CHECKER)
        for number in range(10)
        for stage in (S.APPROVED, S.DECLINED)
    ]
    answers = await all_at_once(transfers.move, changes)

    assert sum(one.happened for one in answers) == 1
    winner = changes[[one.happened for one in answers].index(True)]
    assert await transfers.find(made.id) == winner.transfer


async def test_a_pending_transfer_keeps_its_answer_when_it_is_decided(
    transfers: PostgresTransfers,
) -> None:
    """A replay gets the original response, whatever became of the transfer since."""
    made, key = to_approve(), idempotency()
    await transfers.open(opening(made, key))
    await transfers.move(moved(made, S.PENDING, events=(), response=b"pending"))
    pending = await transfers.find(made.id)
    assert pending is not None
    await transfers.move(moved(pending, S.APPROVED, events=(), decided_by=CHECKER))

    assert await transfers.open(opening(transfer(), key)) == Replay(False, b"pending")


async def test_the_schema_itself_keeps_makers_from_deciding(transfers: PostgresTransfers) -> None:
    made = to_approve()
    await transfers.open(opening(made))
    await transfers.move(moved(made, S.PENDING, events=()))
    pending = await transfers.find(made.id)
    assert pending is not None

    with pytest.raises(asyncpg.CheckViolationError, match="maker_is_not_checker"):
        await transfers.move(moved(pending, S.APPROVED, events=(), decided_by=MAKER))
    with pytest.raises(asyncpg.CheckViolationError, match="only_what_was_decided"):
        await transfers.move(moved(pending, S.APPROVED, events=()))
    assert await stage_of(transfers, made) is S.PENDING


async def test_what_a_crash_left_is_found_and_what_waits_for_a_person_is_not(
    transfers: PostgresTransfers,
) -> None:
    created, done, pending = transfer(), transfer(), to_approve()
    for one in (created, done, pending):
        await transfers.open(opening(one))
    await transfers.move(moved(done, S.COMPLETED))
    await transfers.move(moved(pending, S.PENDING, events=()))

    assert await transfers.unfinished(at(60), 10) == [created]
    assert await transfers.unfinished(NOW, 10) == []
    assert await transfers.overdue(NOW + timedelta(minutes=59), 10) == []
    [overdue] = await transfers.overdue(NOW + timedelta(hours=1), 10)
    assert overdue.id == pending.id

    declined = moved(overdue, S.DECLINED, events=())
    await transfers.move(declined)
    assert await transfers.overdue(NOW + timedelta(hours=2), 10) == []
    assert [one.id for one in await transfers.unfinished(at(60), 10)] == [created.id, pending.id]
    assert declined.transfer.failure_code is FailureCode.INSUFFICIENT_FUNDS


async def test_a_list_is_filtered_paged_and_newest_first(transfers: PostgresTransfers) -> None:
    there = [transfer(created_at=at(second)) for second in range(3)]
    back = transfer(
        created_at=at(3), source_account_id=OTHER_ACCOUNT, destination_account_id=ACCOUNT
    )
    for one in (*there, back):
        await transfers.open(opening(one))
    await transfers.move(moved(there[0], S.COMPLETED))

    async def ids(page: Page = FIRST, **said: object) -> tuple[list[str], int]:
        wanted = msgspec.structs.replace(TransferFilter(merchant_id=MERCHANT), **said)
        found, total = await transfers.page(wanted, page)
        return [one.id for one in found], total

    newest_first = [one.id for one in (back, *reversed(there))]
    assert await ids() == (newest_first, 4)
    assert await ids(Page(number=2, size=3)) == (newest_first[3:], 4)
    assert await ids(account_id=ACCOUNT) == (newest_first, 4)
    assert await ids(account_id="acc_other") == ([], 0)
    assert await ids(status=TransferLifeStatus.COMPLETED) == ([there[0].id], 1)
    assert await ids(status=TransferLifeStatus.PENDING) == (newest_first[:3], 3)
    assert await ids(since=at(1), until=at(3)) == ([there[2].id, there[1].id], 2)
    assert await ids(merchant_id="mch_other") == ([], 0)
