"""Scheduled payouts on a real PostgreSQL: written with their job, started or called off once."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.limits import Bounds
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.ports import Archived, Fresh, Idempotency, Limited, Replay
from fluxiq.ports.jobs import NewJob
from fluxiq.ports.scheduled import PayoutCalledOff, PayoutDue, PayoutScheduling
from fluxiq.stores.limits import PostgresLimits
from fluxiq.stores.pool import Postgres
from fluxiq.stores.scheduled import PostgresScheduled
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    at,
    event,
    fetch,
    hold_settled,
    idempotency,
    new_id,
    open_store,
    payout,
    step,
)

DAY = date(2026, 3, 10)


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.scheduled = PostgresScheduled(postgres, ISPB, keyring(ISPB))
        self.limits = PostgresLimits(postgres, ISPB, keyring(ISPB))

    async def schedule(self, under: Idempotency | None = None) -> Payout:
        made = payout(stage=PayoutStage.SCHEDULED, scheduled_for=DAY)
        assert await self.scheduled.schedule(scheduling(made, under)) == Fresh()
        return made

    async def stage(self, made: Payout) -> PayoutStage:
        found = await self.store.find_payout(made.id)
        assert found is not None
        return found.stage

    async def count(self, table: str, where: str) -> int:
        [row] = await fetch(self.postgres, f"SELECT count(*) AS n FROM {table} WHERE {where}")
        found: int = row["n"]
        return found


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        made = House(store, postgres)
        await made.limits.states([ACCOUNT])
        yield made


def scheduling(made: Payout, under: Idempotency | None = None) -> PayoutScheduling:
    job = NewJob(
        id=new_id("job"),
        kind="payouts.run_scheduled",
        version=1,
        args={"payout_id": made.id},
        created_at=NOW,
        run_at=NOW + timedelta(days=6),
        unique_key=made.id,
    )
    return PayoutScheduling(
        payout=made,
        idempotency=under or idempotency(),
        response=b"scheduled",
        event=event("pix.payout.scheduled"),
        job=job,
        steps=(step(made.end_to_end_id),),
    )


def due(made: Payout, **said: Any) -> PayoutDue:
    bounds = Bounds(version=0, day=DAY, day_max=None, night=None, night_max=None)
    intent = msgspec.structs.replace(made, stage=PayoutStage.CREATED, updated_at=at(600))
    return PayoutDue(payout=intent, bounds=msgspec.structs.replace(bounds, **said), steps=())


def called_off(made: Payout, **said: Any) -> PayoutCalledOff:
    fields = {"stage": PayoutStage.CANCELLED, "updated_at": at(60), **said}
    ended = msgspec.structs.replace(made, **fields)
    return PayoutCalledOff(payout=ended, event=event(f"pix.payout.{ended.stage}"), actor="key_1")


async def test_it_is_on_paper_with_its_job_its_event_and_its_answer(house: House) -> None:
    under = idempotency("k")
    made = await house.schedule(under)
    found = await house.store.find_payout(made.id)
    assert found == made
    assert await house.count("jobs", f"args->>'payout_id' = '{made.id}' AND state = 'scheduled'")
    assert await house.count("events", "type = 'pix.payout.scheduled'") == 1
    assert await house.count("audit_trail", "action = 'payout.scheduled'") == 1
    again = payout(stage=PayoutStage.SCHEDULED, scheduled_for=DAY)
    answer = await house.scheduled.schedule(scheduling(again, under))
    assert answer == Replay(refused=False, body=b"scheduled")
    assert await house.count("payouts", "true") == await house.count("jobs", "true") == 1


async def test_it_starts_once_and_counts_once(house: House) -> None:
    made = await house.schedule()
    answers: list[bool | Limited] = []

    async def start() -> None:
        answers.append(await house.scheduled.start(due(made)))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(start)
    assert sorted(map(str, answers)) == ["False"] * 9 + ["True"]
    state = (await house.limits.states([ACCOUNT]))[ACCOUNT]
    assert (state.day, state.day_used) == (DAY, made.amount)
    assert await house.stage(made) is PayoutStage.CREATED


async def test_above_a_limit_it_stays_scheduled(house: House) -> None:
    made = await house.schedule()
    assert await house.scheduled.start(due(made, day_max=made.amount - 1)) == Limited()
    assert await house.scheduled.start(due(made, version=1)) == Limited()
    assert await house.stage(made) is PayoutStage.SCHEDULED


async def test_its_key_keeps_the_first_answer_whatever_the_vault_says(house: House) -> None:
    under = idempotency("k")
    made = await house.schedule(under)
    await house.scheduled.start(due(made))
    refused = hold_settled(made, failure_code="insufficient_funds", response=b"refused")
    await house.store.settle_hold(refused)
    assert await house.stage(made) is PayoutStage.FAILED
    answer = await house.store.find_opening(MERCHANT, under, at(700))
    assert answer == Replay(refused=False, body=b"scheduled")
    assert (await house.limits.states([ACCOUNT]))[ACCOUNT].day_used == 0


async def test_of_starting_and_calling_off_at_once_one_happens(house: House) -> None:
    for _ in range(10):
        made = await house.schedule()
        happened: list[str] = []

        async def start(one: Payout, happened: list[str]) -> None:
            if await house.scheduled.start(due(one)) is True:
                happened.append("created")

        async def cancel(one: Payout, happened: list[str]) -> None:
            if await house.scheduled.call_off(called_off(one)) is not None:
                happened.append("cancelled")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(start, made, happened)
            nursery.start_soon(cancel, made, happened)
        assert happened == [await house.stage(made)]


async def test_called_off_twice_it_is_told_once(house: House) -> None:
    made = await house.schedule()
    assert await house.scheduled.call_off(called_off(made)) == Archived()
    assert await house.scheduled.call_off(called_off(made)) is None
    assert await house.scheduled.start(due(made)) is False
    assert await house.count("events", "type = 'pix.payout.cancelled'") == 1
    assert await house.count("audit_trail", "action = 'payout.cancelled' AND actor = 'key_1'") == 1


async def test_a_failed_one_says_why(house: House) -> None:
    made = await house.schedule()
    failed = called_off(made, stage=PayoutStage.FAILED, failure_code="schedule_missed")
    await house.scheduled.call_off(failed)
    found = await house.store.find_payout(made.id)
    assert found is not None
    assert (found.stage, found.failure_code) == (PayoutStage.FAILED, "schedule_missed")


async def test_overdue_are_those_whose_day_has_passed(house: House) -> None:
    made = await house.schedule()
    assert await house.scheduled.overdue(DAY, 10) == []
    assert await house.scheduled.overdue(DAY + timedelta(days=1), 10) == [made]


async def test_the_books_do_not_miss_a_hold_that_is_not_due(house: House) -> None:
    await house.schedule()
    cancelled = await house.schedule()
    await house.scheduled.call_off(called_off(cancelled))
    books = await house.store.prove_books()
    assert (books.mismatches, books.payouts_open) == ((), 0)
