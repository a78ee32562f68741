"""Settlements on a real PostgreSQL: sums by São Paulo's days, and schedules that run once."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.settlement import SettlementDay, SettlementSchedule
from fluxiq.domain.transfer import TransferStage
from fluxiq.ports import Page
from fluxiq.ports.settlements import DaysWanted
from fluxiq.stores.pool import Postgres
from fluxiq.stores.settlements import PostgresSettlements
from fluxiq.stores.transfers import PostgresTransfers
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    account,
    at,
    event,
    fetch,
    open_store,
)
from tests.support.transfer_records import OTHER_ACCOUNT, moved, opening, transfer

FIRST = Page(number=1, size=10)
SAVINGS = "acc_00000000000000000000000003"
LATE = datetime(2026, 3, 5, 2, 59, tzinfo=UTC)  # 23:59 on the 4th in São Paulo


@pytest.fixture
async def postgres(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Postgres]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        settled = account(OTHER_ACCOUNT, product_id="prod_pix_settlement")
        await store.add_account(settled, [], event("account.created"))
        await store.add_account(account(SAVINGS), [], event("account.created"))
        yield postgres


@pytest.fixture
def settlements(postgres: Postgres) -> PostgresSettlements:
    return PostgresSettlements(postgres)


def schedule(**said: Any) -> SettlementSchedule:
    made = SettlementSchedule(
        merchant_id=MERCHANT,
        time="23:30",
        source_account_id=ACCOUNT,
        destination_account_id=OTHER_ACCOUNT,
        minimum=1,
        keep=0,
        set_by="usr_owner",
        updated_at=NOW,
        next_at=at(60),
    )
    return msgspec.structs.replace(made, **said)


async def settle(postgres: Postgres, when: datetime, **said: Any) -> None:
    transfers = PostgresTransfers(postgres, ISPB, keyring(ISPB))
    made = transfer(created_at=when, **said)
    await transfers.open(opening(made))
    await transfers.move(moved(made, TransferStage.COMPLETED, at=when, events=()))


async def test_transfers_are_summed_by_the_day_in_sao_paulo(
    settlements: PostgresSettlements, postgres: Postgres
) -> None:
    await settle(postgres, LATE, amount=1_00)
    await settle(postgres, LATE - timedelta(hours=2), amount=2_00)
    await settle(postgres, LATE + timedelta(minutes=1), amount=4_00)
    await settle(postgres, LATE, amount=8_00, destination_account_id=SAVINGS)
    transfers = PostgresTransfers(postgres, ISPB, keyring(ISPB))
    await transfers.open(opening(transfer(created_at=LATE, amount=16_00)))  # not completed

    fourth = SettlementDay(day=date(2026, 3, 4), amount=3_00, transfer_count=2, last_at=LATE)
    fifth = SettlementDay(
        day=date(2026, 3, 5), amount=4_00, transfer_count=1, last_at=LATE + timedelta(minutes=1)
    )

    async def days(page: Page = FIRST, **said: Any) -> tuple[list[SettlementDay], int]:
        wanted = {"merchant_id": MERCHANT} | said
        return await settlements.days(DaysWanted(**wanted), page)

    assert await days() == ([fifth, fourth], 2)
    assert await days(Page(number=2, size=1)) == ([fourth], 2)
    assert await days(since=date(2026, 3, 5)) == ([fifth], 1)
    assert await days(until=date(2026, 3, 4)) == ([fourth], 1)
    assert await days(merchant_id="mch_other") == ([], 0)


async def test_a_schedule_is_as_it_was_put_last_and_keeps_its_last_run(
    settlements: PostgresSettlements,
) -> None:
    assert await settlements.find_schedule(MERCHANT) is None
    first = schedule()
    await settlements.put_schedule(first)
    assert await settlements.find_schedule(MERCHANT) == first

    ran = msgspec.structs.replace(
        first,
        next_at=at(86_460),
        last_at=at(60),
        last_outcome="settled",
        last_transfer_id="xfer_1",
    )
    assert await settlements.note_run(first, ran)
    assert await settlements.find_schedule(MERCHANT) == ran
    await settlements.put_schedule(schedule(time="08:00", keep=5, updated_at=at(1)))
    found = await settlements.find_schedule(MERCHANT)
    assert found is not None
    assert (found.time, found.keep, found.last_transfer_id) == ("08:00", 5, "xfer_1")


async def test_a_run_is_noted_once_and_not_over_a_schedule_that_was_changed(
    settlements: PostgresSettlements, postgres: Postgres
) -> None:
    first = schedule()
    await settlements.put_schedule(first)
    ran = msgspec.structs.replace(
        first, next_at=at(86_460), last_at=at(60), last_outcome="nothing_to_settle"
    )
    assert [await settlements.note_run(first, ran) for _ in range(2)] == [True, False]

    changed = schedule(updated_at=at(61), next_at=at(90))
    await settlements.put_schedule(changed)
    assert not await settlements.note_run(ran, ran)
    assert (await settlements.due(at(90), 10))[0].updated_at == at(61)
    rows = await fetch(
        postgres,
        "SELECT actor, action, note FROM audit_trail WHERE action LIKE 'settlement.%' ORDER BY id",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("usr_owner", "settlement.scheduled", ""),
        ("platform", "settlement.ran", "nothing_to_settle"),
        ("usr_owner", "settlement.scheduled", ""),
    ]


async def test_what_is_due_is_found_and_what_is_off_is_not(
    settlements: PostgresSettlements,
) -> None:
    await settlements.put_schedule(schedule())
    assert await settlements.due(at(59), 10) == []
    assert await settlements.due(at(60), 10) == [schedule()]
    await settlements.put_schedule(schedule(next_at=None))
    assert await settlements.due(at(600), 10) == []
