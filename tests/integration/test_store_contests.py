"""Contests on a real PostgreSQL, and its twin in memory: one in the way per payout."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.contest import (
    Contest,
    ContestAnswer,
    ContestStatus,
    ContestWord,
    Owed,
    cancelled,
    doubted,
    heard,
)
from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Payout
from fluxiq.ports import Archived, Differs, Fresh, Idempotency, Opening, Page, Replay
from fluxiq.ports.contests import ContestExists, ContestMoved, ContestOpening, ContestsWanted
from fluxiq.stores.contests import PostgresContests
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.memory_contests import MemoryContests, no_contests
from tests.support.seals import keyring
from tests.support.store_records import (
    ISPB,
    NOW,
    at,
    event,
    fetch,
    new_id,
    open_store,
    payout,
    payout_opening,
)

S, W = ContestStatus, ContestWord


class House:
    """`postgres` is None for the twin, which has no payouts to refer to."""

    def __init__(
        self,
        contests: PostgresContests | MemoryContests,
        store: PostgresStore | None = None,
        postgres: Postgres | None = None,
    ) -> None:
        self.contests, self.store, self.postgres = contests, store, postgres

    async def paid(self) -> Payout:
        made = payout()
        if self.store is not None:
            await self.store.open_payout(payout_opening(made))
        return made

    async def open(
        self, contest: Contest, under: Idempotency | None = None
    ) -> Opening | ContestExists:
        opening = ContestOpening(contest=contest, idempotency=under, response=b"{}")
        return await self.contests.open(opening)

    async def opened(self, **said: Any) -> Contest:
        made = contest(await self.paid(), **said)
        assert await self.open(made) == Fresh()
        return made

    async def move(self, before: Contest, after: Contest, **said: Any) -> Archived | None:
        moved = ContestMoved(contest=after, before=before, actor="platform", **said)
        return await self.contests.move(moved)

    async def due(self, seconds: float = 0) -> list[str]:
        return [one.id for one in await self.contests.due(at(seconds), 10)]


@pytest.fixture(params=["postgres", "twin"])
async def house(
    request: pytest.FixtureRequest, asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[House]:
    if request.param == "twin":
        yield House(no_contests(ISPB))
        return
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield House(PostgresContests(postgres, ISPB, keyring(ISPB)), store, postgres)


def contest(of: Payout, **said: Any) -> Contest:
    made = Contest(
        id=new_id("cts"),
        payout_id=of.id,
        merchant_id=of.merchant_id,
        account_id=of.account_id,
        end_to_end_id=of.end_to_end_id,
        amount=of.amount,
        reason=MedReason.SCAM,
        details="Fulano de Tal",
        status=S.REPORTING,
        provider="simulator",
        opened_by="key_1",
        created_at=NOW,
        updated_at=NOW,
        due_at=NOW,
    )
    return msgspec.structs.replace(made, **said)


def says(known: Contest, word: ContestWord) -> Contest:
    return heard(known, ContestAnswer(word), at(5))


async def test_it_is_on_paper_and_found_by_its_payout(house: House) -> None:
    made = await house.opened()
    assert await house.contests.find_of_payout(made.payout_id) == made
    assert await house.contests.find_of_payout("pay_nothing") is None


async def test_of_ten_at_once_one_is_opened_and_the_others_see_it(house: House) -> None:
    paid, answers = await house.paid(), []

    async def open_one() -> None:
        answers.append(await house.open(contest(paid)))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(open_one)
    assert answers.count(Fresh()) == 1
    known = await house.contests.find_of_payout(paid.id)
    assert answers.count(ContestExists(known)) == 9


async def test_a_key_is_answered_once_and_is_not_spent_on_what_was_in_the_way(
    house: House,
) -> None:
    key = Idempotency(key="k", digest=b"1")
    made = contest(await house.paid())
    assert await house.open(made, key) == Fresh()
    again = msgspec.structs.replace(made, id=new_id("cts"))
    assert await house.open(again, key) == Replay(False, b"{}")
    assert await house.open(again, Idempotency(key="k", digest=b"2")) == Differs()
    other = Idempotency(key="other", digest=b"1")
    assert await house.open(again, other) == ContestExists(made)
    assert await house.open(contest(await house.paid()), other) == Fresh()


async def test_what_is_over_leaves_room_and_what_is_owed_does_not(house: House) -> None:
    made = await house.opened()
    again = msgspec.structs.replace(made, id=new_id("cts"), created_at=at(60))
    back = cancelled(made, at(5))
    assert back is not None
    assert await house.move(made, back) == Archived()
    assert await house.open(again) == ContestExists(back)
    over = says(back, W.CANCELLED)
    assert await house.move(back, over, event=event("pix.contest.cancelled")) == Archived()
    assert await house.open(again) == Fresh()
    assert await house.contests.find_of_payout(made.payout_id) == again


async def test_of_ten_who_move_it_at_once_one_does(house: House) -> None:
    made, moved = await house.opened(), []
    after = says(made, W.OPEN)

    async def move() -> None:
        moved.append(await house.move(made, after, event=event("pix.contest.reported")))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(move)
    assert moved.count(None) == 9
    assert await house.contests.find_of_payout(made.payout_id) == after


async def test_those_are_due_whose_provider_is_owed_something(house: House) -> None:
    made = await house.opened()
    assert await house.due(-1) == []
    assert await house.due() == [made.id]
    doubt = doubted(made, NOW)
    await house.move(made, doubt)
    assert (await house.due(), await house.due(5)) == ([], [made.id])
    accepted = says(doubt, W.ACCEPTED)
    await house.move(doubt, accepted)
    assert await house.due(9_999) == []


async def test_they_are_listed_newest_first_by_whose_they_are(house: House) -> None:
    made = [await house.opened(created_at=NOW + timedelta(seconds=step)) for step in range(3)]
    await house.move(made[0], says(made[0], W.OPEN))
    page = Page(number=1, size=2)
    found, total = await house.contests.page(ContestsWanted(), page)
    assert ([one.id for one in found], total) == ([made[2].id, made[1].id], 3)
    reported = ContestsWanted(status=S.REPORTED, merchant_id=made[0].merchant_id)
    found, total = await house.contests.page(reported, page)
    assert ([one.id for one in found], total) == ([made[0].id], 1)
    assert await house.contests.page(ContestsWanted(merchant_id="mch_other"), page) == ([], 0)
    by_payment = ContestsWanted(end_to_end_id=made[1].end_to_end_id)
    assert (await house.contests.page(by_payment, page))[1] == 1


async def test_details_are_sealed_and_every_step_is_audited(
    asyncio_host: AsyncioHost, institution_database: str
) -> None:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        house = House(PostgresContests(postgres, ISPB, keyring(ISPB)), store, postgres)
        made = await house.opened()
        await house.move(made, says(made, W.OPEN))
        [row] = await fetch(postgres, "SELECT details, owed FROM contests")
        assert b"Fulano" not in row["details"]
        assert row["owed"] == Owed.ASK
        rows = await fetch(
            postgres, "SELECT action FROM audit_trail WHERE action LIKE 'contest.%' ORDER BY id"
        )
        assert [one["action"] for one in rows] == ["contest.opened", "contest.reported"]
