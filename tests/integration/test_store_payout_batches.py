"""Batches of payouts on a real PostgreSQL: each method, twice, and all at once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.payout_batch import (
    BatchStatus,
    Instruction,
    LineOutcome,
    NumberedInstruction,
    PayoutBatch,
)
from fluxiq.domain.records import PayoutStage
from fluxiq.ports import Differs, Fresh, Idempotency, Page, Replay
from fluxiq.ports.jobs import NewJob
from fluxiq.ports.payout_batches import BatchesWanted, BatchLine, BatchMoved, BatchOpening
from fluxiq.stores.payout_batches import PostgresPayoutBatches
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    at,
    fetch,
    idempotency,
    new_id,
    open_store,
    payout,
    payout_opening,
)

S = BatchStatus
MAKER, CHECKER = "usr_maker", "usr_checker"
KEY = "fornecedor@example.com"
LIFE = timedelta(hours=24)


@pytest.fixture
async def opened(
    asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[tuple[PostgresStore, Postgres]]:
    async with open_store(asyncio_host, institution_database) as both:
        yield both


@pytest.fixture
def postgres(opened: tuple[PostgresStore, Postgres]) -> Postgres:
    return opened[1]


@pytest.fixture
def batches(postgres: Postgres) -> PostgresPayoutBatches:
    return PostgresPayoutBatches(postgres, ISPB, keyring(ISPB))


def lines(*numbers: int) -> tuple[NumberedInstruction, ...]:
    said = Instruction(amount=5_00, pix_key=KEY, pix_key_type="EMAIL", description="rent")
    return tuple(NumberedInstruction(number=one, instruction=said) for one in numbers)


def batch(**said: Any) -> PayoutBatch:
    created_at = said.pop("created_at", NOW)
    made = PayoutBatch(
        id=new_id("bat"),
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        name="suppliers",
        status=S.AWAITING_RELEASE,
        line_count=2,
        amount=10_00,
        created_by=MAKER,
        created_at=created_at,
        updated_at=created_at,
        expires_at=created_at + LIFE,
    )
    return msgspec.structs.replace(made, **said)


def opening(made: PayoutBatch, under: Idempotency | None = None) -> BatchOpening:
    return BatchOpening(batch=made, lines=lines(1, 3), response=b"made", idempotency=under)


def decided(made: PayoutBatch, status: S, actor: str = CHECKER) -> BatchMoved:
    after = msgspec.structs.replace(
        made, status=status, updated_at=at(1), decided_by=actor, decided_at=at(1)
    )
    return BatchMoved(batch=after, before=made.status, actor=actor, job=job(made))


def job(made: PayoutBatch) -> NewJob:
    return NewJob(
        id=new_id("job"),
        kind="payout_batches.open",
        version=1,
        args={"batch_id": made.id},
        created_at=NOW,
        run_at=NOW,
        unique_key=made.id,
    )


async def audit(postgres: Postgres) -> list[tuple[str, str, str]]:
    rows = await fetch(
        postgres,
        "SELECT actor, action, merchant_id FROM audit_trail WHERE action LIKE 'payout_batch.%' "
        "ORDER BY id",
    )
    return [(row["actor"], row["action"], row["merchant_id"]) for row in rows]


async def test_a_batch_comes_back_as_it_went_in_and_its_instructions_are_sealed(
    batches: PostgresPayoutBatches, postgres: Postgres
) -> None:
    made = batch()
    assert await batches.open(opening(made)) == Fresh()

    assert await batches.find(made.id) == made
    assert await batches.find("bat_other") is None
    said = lines(1)[0].instruction
    assert await batches.lines(made.id) == [
        BatchLine(number=number, instruction=said) for number in (1, 3)
    ]
    rows = await fetch(postgres, "SELECT * FROM payout_batch_lines")
    assert not any(KEY.encode() in row["instruction"] for row in rows)
    assert await audit(postgres) == [(MAKER, "payout_batch.created", MERCHANT)]


async def test_the_same_request_again_is_the_same_batch(
    batches: PostgresPayoutBatches, postgres: Postgres
) -> None:
    key = idempotency()
    assert await batches.open(opening(batch(), key)) == Fresh()
    assert await batches.open(opening(batch(), key)) == Replay(False, b"made")
    other = msgspec.structs.replace(key, digest=b"another body")
    assert await batches.open(opening(batch(), other)) == Differs()
    [row] = await fetch(
        postgres,
        "SELECT (SELECT count(*) FROM payout_batches) AS batches, count(*) AS lines"
        " FROM payout_batch_lines",
    )
    assert row == {"batches": 1, "lines": 2}


async def test_of_many_who_decide_at_once_one_does_and_leaves_one_job(
    batches: PostgresPayoutBatches, postgres: Postgres
) -> None:
    made = batch()
    await batches.open(opening(made))
    answers: list[tuple[S, bool]] = []

    async def decide(status: S) -> None:
        answers.append((status, await batches.move(decided(made, status))))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(decide, S.RELEASING)
            nursery.start_soon(decide, S.REJECTED)

    [winner] = [status for status, happened in answers if happened]
    found = await batches.find(made.id)
    assert found is not None
    assert found.status is winner
    assert len(await fetch(postgres, "SELECT id FROM jobs")) == 1
    assert [one[1] for one in await audit(postgres)] == [
        "payout_batch.created",
        f"payout_batch.{winner}",
    ]


async def test_the_schema_itself_keeps_makers_from_releasing(
    batches: PostgresPayoutBatches,
) -> None:
    made = batch()
    await batches.open(opening(made))
    with pytest.raises(asyncpg.CheckViolationError, match="maker_is_not_checker"):
        await batches.move(decided(made, S.RELEASING, MAKER))
    assert await batches.move(decided(made, S.REJECTED, MAKER))


async def test_a_line_keeps_its_first_outcome_and_is_as_its_payout_is(
    batches: PostgresPayoutBatches, opened: tuple[PostgresStore, Postgres]
) -> None:
    store, postgres = opened
    made, paid = batch(), payout()
    await store.open_payout(payout_opening(paid))
    await batches.open(opening(made))
    assert [one.number for one in await batches.unopened(made.id, 0, 10)] == [1, 3]
    assert [one.number for one in await batches.unopened(made.id, 0, 1)] == [1]

    opened_first = LineOutcome(number=1, payout_id=paid.id)
    await batches.note(made, [opened_first])
    await batches.note(made, [msgspec.structs.replace(opened_first, error_code="too_late")])
    assert [one.number for one in await batches.unopened(made.id, 0, 10)] == [3]
    await batches.note(made, [LineOutcome(number=3, error_code="pix_key_not_found")])

    first, last = await batches.lines(made.id)
    assert (first.payout_id, first.error_code, first.stage) == (paid.id, None, PayoutStage.CREATED)
    assert (last.payout_id, last.error_code, last.stage) == (None, "pix_key_not_found", None)
    assert await batches.unopened(made.id, 0, 10) == []
    actions = [one[1] for one in await audit(postgres)]
    assert actions == ["payout_batch.created", *["payout_batch.lines_opened"] * 2]


async def test_what_nobody_released_in_time_is_found(batches: PostgresPayoutBatches) -> None:
    old, new, over = batch(), batch(created_at=at(1)), batch()
    for one in (old, new, over):
        await batches.open(opening(one))
    await batches.move(decided(over, S.REJECTED))

    assert await batches.overdue(NOW + LIFE - timedelta(microseconds=1), 10) == []
    assert await batches.overdue(NOW + LIFE, 10) == [old]
    assert [one.id for one in await batches.overdue(at(1) + LIFE, 10)] == [old.id, new.id]


async def test_a_list_is_filtered_paged_and_newest_first(batches: PostgresPayoutBatches) -> None:
    there = [batch(created_at=at(second)) for second in range(3)]
    for one in there:
        await batches.open(opening(one))
    await batches.move(decided(there[0], S.REJECTED))

    async def ids(number: int = 1, size: int = 10, **said: Any) -> tuple[list[str], int]:
        wanted = BatchesWanted(**({"merchant_id": MERCHANT} | said))
        found, total = await batches.page(wanted, Page(number=number, size=size))
        return [one.id for one in found], total

    newest_first = [one.id for one in reversed(there)]
    assert await ids() == (newest_first, 3)
    assert await ids(2, 2) == (newest_first[2:], 3)
    assert await ids(status=S.REJECTED) == ([there[0].id], 1)
    assert await ids(since=at(1), until=at(2)) == ([there[1].id], 1)
    assert await ids(merchant_id="mch_other") == ([], 0)
