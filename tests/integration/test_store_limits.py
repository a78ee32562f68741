"""Limits on a real PostgreSQL: used up exactly, however many pay at once, and given back once."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.limits import Bounds, Choice, Limits, LimitsState
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.ports import Fresh, Limited, PayoutOpening, Running
from fluxiq.ports.limits import LimitsChosen
from fluxiq.stores.limits import PostgresLimits
from fluxiq.stores.payments import PostgresPayments
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    account,
    at,
    event,
    fetch,
    hold_settled,
    idempotency,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
)

OTHER_ACCOUNT = "acc_00000000000000000000000002"
DAY = date(2026, 3, 4)
TOMORROW = DAY + timedelta(days=1)


class House:
    """A store, the limits, and a second way to the same database as another process has it."""

    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.payments = PostgresPayments(postgres, ISPB, keyring(ISPB), store)
        self.elsewhere = PostgresPayments(
            postgres, ISPB, keyring(ISPB), PostgresStore(postgres, ISPB, keyring(ISPB))
        )
        self.limits = PostgresLimits(postgres, ISPB, keyring(ISPB))

    async def state(self, account_id: str = ACCOUNT) -> LimitsState:
        return (await self.limits.states([account_id]))[account_id]

    async def open(self, made: Payout, **said: Any) -> Any:
        [answer] = await self.payments.open_payouts([opening(made, **said)])
        return answer


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        await store.add_account(account(OTHER_ACCOUNT), [], event("account.created"))
        made = House(store, postgres)
        await made.limits.states([ACCOUNT, OTHER_ACCOUNT])
        yield made


def bounds(**said: Any) -> Bounds:
    made = Bounds(version=0, day=DAY, day_max=None, night=None, night_max=None)
    return msgspec.structs.replace(made, **said)


def opening(made: Payout, under: str | None = None, **said: Any) -> PayoutOpening:
    plain = payout_opening(made, idempotency(under) if under else None)
    return msgspec.structs.replace(plain, bounds=bounds(**said))


def chosen(before: LimitsState, limits: Limits) -> LimitsChosen:
    return LimitsChosen(
        before=before,
        choice=Choice(chosen=limits, raised=None, raised_at=None),
        event=event("account.limits_changed"),
        actor="key_1",
    )


async def test_an_account_begins_with_nothing_used_and_an_unknown_one_not_at_all(
    house: House,
) -> None:
    found = await house.limits.states([ACCOUNT, "acc_nobody"])
    assert found == {ACCOUNT: LimitsState(account_id=ACCOUNT, document="00038166000105")}


async def test_fifty_at_once_from_two_processes_use_up_a_limit_to_the_centavo(
    house: House,
) -> None:
    answers: list[Any] = []

    async def pay(where: PostgresPayments, lines: int) -> None:
        asked = [
            opening(payout(amount=300), day_max=5_000, night=DAY, night_max=4_000)
            for _ in range(lines)
        ]
        answers.extend(await where.open_payouts(asked))

    async with trio.open_nursery() as nursery:
        for number in range(25):
            nursery.start_soon(pay, house.payments, 1 + number % 2)
            nursery.start_soon(pay, house.elsewhere, 1)

    opened = sum(isinstance(one, Fresh) for one in answers)
    [row] = await fetch(house.postgres, "SELECT count(*) AS n, sum(amount) AS used FROM payouts")
    state = await house.state()
    assert (row["n"], row["used"]) == (opened, state.day_used)
    assert state.day_used == state.night_used
    # Batches of several stand or fall together, so the last 300 may stay free.
    assert 3_600 <= state.night_used <= 3_900


async def test_of_one_accounts_lines_all_fit_or_none_and_other_accounts_are_apart(
    house: House,
) -> None:
    lines = [
        opening(payout(amount=600), day_max=1_000),
        opening(payout(amount=600, account_id=OTHER_ACCOUNT), day_max=1_000),
        opening(payout(amount=500), day_max=1_000),
        payout_opening(payout(amount=10**9)),
    ]
    assert await house.payments.open_payouts(lines) == [Limited(), Fresh(), Limited(), Fresh()]
    assert (await house.state()).day_used == 0
    assert (await house.state(OTHER_ACCOUNT)).day_used == 600
    rows = await fetch(house.postgres, "SELECT count(*) AS n FROM idempotency_keys")
    assert rows[0]["n"] == 2  # what is limited leaves its key free


async def test_the_same_line_again_counts_once(house: House) -> None:
    first = payout(amount=600)
    assert await house.open(first, under="k") == Fresh()
    assert await house.open(payout(amount=600), under="k") == Running(first.id)
    assert (await house.state()).day_used == 600


async def test_the_same_line_fifty_times_at_once_counts_once(house: House) -> None:
    answers: list[Any] = []

    async def pay(where: PostgresPayments) -> None:
        answers.extend(await where.open_payouts([opening(payout(amount=600), under="k")]))

    async with trio.open_nursery() as nursery:
        for _ in range(25):
            nursery.start_soon(pay, house.payments)
            nursery.start_soon(pay, house.elsewhere)
    assert sum(isinstance(one, Fresh) for one in answers) == 1
    assert (await house.state()).day_used == 600


async def test_who_read_older_limits_is_told_to_read_again(house: House) -> None:
    before = await house.state()
    assert await house.limits.choose(chosen(before, Limits(per_day=500))) is not None
    assert await house.open(payout(amount=100)) == Limited()
    assert await house.open(payout(amount=100), version=1, day_max=500) == Fresh()

    both = [opening(payout(amount=100)), opening(payout(amount=100), version=1)]
    assert await house.payments.open_payouts(both) == [Limited(), Fresh()]


async def test_of_two_choices_at_once_one_holds_and_is_told_and_audited(house: House) -> None:
    before = await house.state()
    limits = Limits(per_payment=5, per_night=7, night_starts=22)
    assert await house.limits.choose(chosen(before, limits)) is not None
    assert await house.limits.choose(chosen(before, Limits())) is None

    state = await house.state()
    assert (state.version, state.chosen, state.raised) == (1, limits, None)
    rows = await fetch(
        house.postgres,
        """
        SELECT (SELECT count(*) FROM events WHERE type = 'account.limits_changed') AS told,
            (SELECT count(*) FROM audit_trail WHERE action = 'account.limits_chosen') AS audited
        """,
    )
    assert rows == [{"told": 1, "audited": 1}]


async def test_a_raise_is_kept_with_its_time(house: House) -> None:
    raised = LimitsChosen(
        before=await house.state(),
        choice=Choice(chosen=Limits(per_day=1), raised=Limits(per_day=9), raised_at=at(60)),
        event=event("account.limits_changed"),
        actor="key_1",
    )
    await house.limits.choose(raised)
    state = await house.state()
    assert (state.raised, state.raised_at) == (Limits(per_day=9), at(60))


async def test_a_new_day_begins_at_nothing_and_a_clock_behind_does_not_open_the_old_one(
    house: House,
) -> None:
    await house.open(payout(amount=600), night=DAY)
    await house.open(payout(amount=70), day=TOMORROW)
    state = await house.state()
    assert (state.day, state.day_used, state.night_used) == (TOMORROW, 70, 600)

    await house.open(payout(amount=5))
    state = await house.state()
    assert (state.day, state.day_used) == (TOMORROW, 75)


async def test_a_refused_hold_gives_back_once(house: House) -> None:
    made = payout(amount=600)
    await house.open(made, night=DAY)
    refused = hold_settled(made, failure_code="insufficient_funds")
    await house.payments.settle_holds([refused])
    await house.payments.settle_holds([refused, refused])
    state = await house.state()
    assert (state.day_used, state.night_used) == (0, 0)


async def test_a_rejected_payout_gives_back_once_and_a_confirmed_one_nothing(
    house: House,
) -> None:
    rejected, paid, both = (payout(amount=amount) for amount in (600, 70, 5))
    for made in (rejected, paid, both):
        await house.open(made)
        await house.payments.settle_holds([hold_settled(made)])
    assert (await house.state()).day_used == 675

    await house.store.archive_outcomes(
        [
            outcome_archived(rejected, PayoutStage.FAILED),
            outcome_archived(rejected, PayoutStage.FAILED),
            outcome_archived(paid, PayoutStage.CONFIRMED),
        ]
    )
    await house.store.archive_outcomes([outcome_archived(rejected, PayoutStage.FAILED)])
    await house.store.archive_outcomes([outcome_archived(paid, PayoutStage.FAILED)])
    assert (await house.state()).day_used == 75


async def test_what_fails_after_its_day_takes_nothing_from_the_next(house: House) -> None:
    made = payout(amount=600)
    await house.open(made, night=DAY)
    await house.payments.settle_holds([hold_settled(made)])
    await house.open(payout(amount=70), day=TOMORROW, night=TOMORROW)
    await house.store.archive_outcomes([outcome_archived(made, PayoutStage.FAILED)])
    state = await house.state()
    assert (state.day_used, state.night_used) == (70, 70)


async def test_payouts_that_open_and_fail_all_at_once_end_with_what_is_left_of_them(
    house: House,
) -> None:
    async def pay_and_fail(where: PostgresPayments, *, fails: bool) -> None:
        made = payout(amount=100)
        assert await where.open_payouts([opening(made)]) == [Fresh()]
        code = "insufficient_funds" if fails else None
        await where.settle_holds([hold_settled(made, failure_code=code)])

    async with trio.open_nursery() as nursery:
        for number in range(40):
            where = house.payments if number % 2 else house.elsewhere
            nursery.start_soon(lambda w, f: pay_and_fail(w, fails=f), where, number % 4 < 2)
    [row] = await fetch(
        house.postgres, "SELECT sum(amount) AS used FROM payouts WHERE stage <> 'failed'"
    )
    assert (await house.state()).day_used == row["used"] == 2_000
    assert house.postgres.statistics().conflicts == 0
