"""One statement sees one moment: what became true while it waited for a lock counts all the same.

A rival holds the row, the store's statement comes and waits, the rival changes the row and commits.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.errors import Unavailable
from fluxiq.ports import Fresh, Running
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.patience import PATIENCE_SECONDS
from tests.support.store_records import (
    add_endpoint,
    at,
    charge,
    charge_opening,
    endpoint,
    event,
    fetch,
    hold_settled,
    idempotency,
    notice_recorded,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
)

Opened = tuple[PostgresStore, Postgres]


@pytest.fixture
async def opened(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Opened]:
    async with open_store(asyncio_host, institution_database) as both:
        yield both


@pytest.fixture
def store(opened: Opened) -> PostgresStore:
    return opened[0]


@pytest.fixture
def postgres(opened: Opened) -> Postgres:
    return opened[1]


async def overtaken(
    postgres: Postgres, rival: Sequence[str], call: Callable[[], Awaitable[Any]]
) -> Any:
    """What `call` answers, when the statements of `rival` were there first but commit after it
    began to wait.
    """
    is_ahead = trio.Event()
    answers: list[Any] = []

    async def ahead(connection: Connection) -> None:
        for statement in rival:
            await connection.execute(statement)

        is_ahead.set()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while await connection.fetchval(waiting) == 0:
            await connection.execute("SELECT pg_sleep(0.005)")

    async def follow() -> None:
        await is_ahead.wait()
        answers.append(await call())

    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(postgres.transaction, ahead)
            nursery.start_soon(follow)

    return answers[0]


async def held(store: PostgresStore) -> Payout:
    made = payout()
    await store.open_payout(payout_opening(made))
    await store.settle_hold(hold_settled(made))
    return msgspec.structs.replace(made, stage=PayoutStage.HELD, updated_at=at(1))


async def stage_of(store: PostgresStore, made: Payout) -> PayoutStage:
    found = await store.find_payout(made.id)
    assert found is not None
    return found.stage


async def kept(postgres: Postgres, query: str) -> list[Any]:
    return [next(iter(row.values())) for row in await fetch(postgres, query)]


@pytest.mark.parametrize("between", [PayoutStage.SENT, PayoutStage.IN_DOUBT])
async def test_an_outcome_that_waited_for_a_change_of_stage_ends_the_payout_all_the_same(
    store: PostgresStore, postgres: Postgres, between: PayoutStage
) -> None:
    made = await held(store)
    hook = endpoint()
    await add_endpoint(store, hook)
    change = f"UPDATE payouts SET stage = '{between}' WHERE id = '{made.id}'"

    archived = await overtaken(
        postgres,
        [change],
        lambda: store.archive_outcomes([outcome_archived(made, PayoutStage.CONFIRMED)]),
    )

    assert archived.endpoint_ids == (hook.id,)
    assert await stage_of(store, made) is PayoutStage.CONFIRMED
    assert await kept(postgres, "SELECT work FROM outbox WHERE work IS NOT NULL") == []
    actions = await kept(postgres, "SELECT action FROM audit_trail ORDER BY id")
    assert actions[-1] == "payout.confirmed"


async def test_a_stage_that_only_the_newest_row_allows_is_reached(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = await held(store)
    change = f"UPDATE payouts SET stage = 'confirmed' WHERE id = '{made.id}'"
    returned = outcome_archived(made, PayoutStage.RETURNED)

    await overtaken(postgres, [change], lambda: store.archive_outcomes([returned]))

    assert await stage_of(store, made) is PayoutStage.RETURNED


async def test_an_outcome_that_waited_for_another_end_is_ignored_and_says_so(
    store: PostgresStore, postgres: Postgres
) -> None:
    made, noticed = await held(store), notice_recorded()
    await store.record_notices([noticed])
    await add_endpoint(store, endpoint())
    change = (
        "UPDATE payouts SET stage = 'failed', failure_code = 'account_blocked' "
        f"WHERE id = '{made.id}'"
    )
    late = outcome_archived(made, PayoutStage.CONFIRMED, noticed.entry.id)

    archived = await overtaken(postgres, [change], lambda: store.archive_outcomes([late]))

    assert archived.endpoint_ids == ()
    assert await stage_of(store, made) is PayoutStage.FAILED
    assert await kept(postgres, "SELECT type FROM events WHERE type LIKE '%confirmed'") == []
    assert await kept(postgres, "SELECT id FROM inbox WHERE done_at IS NULL") == []
    actions = await kept(postgres, "SELECT action FROM audit_trail ORDER BY id")
    assert actions[-1] == "outcome.ignored"


async def test_an_outcome_that_came_before_the_hold_was_settled_leaves_the_order_owed(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = payout()
    await store.open_payout(payout_opening(made))
    hold = f"UPDATE payouts SET stage = 'held' WHERE id = '{made.id}'"
    order = (
        "INSERT INTO outbox (subject, reference, body, work, next_attempt_at) "
        f"VALUES ('s', 'r', '', '{made.id}', now())"
    )

    await overtaken(
        postgres,
        [hold, order],
        lambda: store.archive_outcomes([outcome_archived(made, PayoutStage.CONFIRMED)]),
    )

    assert await stage_of(store, made) is PayoutStage.HELD
    assert await kept(postgres, "SELECT work FROM outbox WHERE work IS NOT NULL") == [made.id]


async def test_a_mark_that_waited_for_the_end_does_not_undo_it(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = await held(store)
    change = f"UPDATE payouts SET stage = 'confirmed' WHERE id = '{made.id}'"
    late = msgspec.structs.replace(made, stage=PayoutStage.SENT, updated_at=at(9))

    await overtaken(postgres, [change], lambda: store.mark_sent([late], []))

    assert await stage_of(store, made) is PayoutStage.CONFIRMED


async def test_a_mark_that_waited_for_another_keeps_the_later_time(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = await held(store)
    change = (
        f"UPDATE payouts SET stage = 'in_doubt', updated_at = '{at(20)}' WHERE id = '{made.id}'"
    )
    sent = msgspec.structs.replace(made, stage=PayoutStage.SENT, updated_at=at(9))

    await overtaken(postgres, [change], lambda: store.mark_sent([sent], []))

    found = await store.find_payout(made.id)
    assert found == msgspec.structs.replace(sent, updated_at=at(20))


async def test_a_hold_that_waited_for_another_answer_of_the_vault_writes_nothing(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = payout()
    await store.open_payout(payout_opening(made))
    await add_endpoint(store, endpoint())
    change = (
        "UPDATE payouts SET stage = 'failed', failure_code = 'insufficient_funds' "
        f"WHERE id = '{made.id}'"
    )
    before = await kept(postgres, "SELECT id FROM audit_trail")

    archived = await overtaken(postgres, [change], lambda: store.settle_hold(hold_settled(made)))

    assert archived.endpoint_ids == ()
    assert await stage_of(store, made) is PayoutStage.FAILED
    assert await kept(postgres, "SELECT id FROM audit_trail") == before
    assert await kept(postgres, "SELECT id FROM events WHERE type LIKE 'pix.%'") == []
    assert await kept(postgres, "SELECT id FROM outbox WHERE work IS NOT NULL") == []
    rooms = {one.room for one in await store.walk(made.end_to_end_id)}
    assert rooms == {"counter"}


async def test_a_payout_whose_key_was_claimed_while_it_waited_is_not_made(
    store: PostgresStore, postgres: Postgres
) -> None:
    opening, other = payout_opening(under=idempotency("k")), payout_opening()
    claim = (
        "INSERT INTO idempotency_keys (merchant_id, key, digest, resource_id, created_at) VALUES "
        f"('{opening.payout.merchant_id}', 'k', 'digest', 'pay_rival', '{at(0)}')"
    )

    answer = await overtaken(postgres, [claim], lambda: store.open_payout(opening))

    assert answer == Running("pay_rival")
    assert await store.find_payout(opening.payout.id) is None
    assert await store.walk(opening.payout.end_to_end_id) == []
    assert await kept(postgres, "SELECT id FROM audit_trail WHERE action LIKE 'payout%'") == []
    assert await store.open_payout(other) == Fresh()


async def test_money_for_a_charge_that_was_paid_while_it_waited_is_to_be_studied_again(
    store: PostgresStore, postgres: Postgres
) -> None:
    made, fine, noticed = charge(), charge(), notice_recorded()
    await store.open_charge(charge_opening(made))
    await store.open_charge(charge_opening(fine))
    await store.record_notices([noticed])
    pay = (
        "UPDATE charges SET status = 'paid', paid_at = now(), end_to_end_id = 'E_rival' "
        f"WHERE id = '{made.id}'"
    )
    late, good = receipt(made), receipt(fine)
    batch = [receipt_archived(late, noticed.entry.id), receipt_archived(good)]

    with pytest.RaisesGroup(pytest.RaisesExc(Unavailable, match=late.end_to_end_id)):
        await overtaken(postgres, [pay], lambda: store.archive_receipts(batch))

    rows = await fetch(postgres, "SELECT end_to_end_id, reason FROM receipts")
    assert rows == [{"end_to_end_id": good.end_to_end_id, "reason": "pays_charge"}]
    assert len(await kept(postgres, "SELECT id FROM events WHERE type = 'pix.charge.paid'")) == 1
    open_notices = await kept(postgres, "SELECT id FROM inbox WHERE done_at IS NULL")
    assert open_notices == [noticed.entry.id]
    assert await store.walk(late.end_to_end_id) == []


async def test_money_that_was_archived_while_it_waited_pays_nothing_twice(
    store: PostgresStore, postgres: Postgres
) -> None:
    lost = receipt(reason="unidentified", account_id=None, merchant_id=None)
    lost = msgspec.convert(msgspec.to_builtins(lost), type(lost))
    made = charge()
    await store.open_charge(charge_opening(made))
    rival = (
        "INSERT INTO receipts (id, end_to_end_id, amount, reason, transfer_id, received_at) "
        f"VALUES ('pay_rival', '{lost.end_to_end_id}', 1, 'unidentified', "
        "gen_random_uuid(), now())"
    )
    paying = receipt(made, end_to_end_id=lost.end_to_end_id)

    await overtaken(postgres, [rival], lambda: store.archive_receipts([receipt_archived(paying)]))

    found = await store.find_charge(made.id)
    assert found is not None
    assert found.status == "pending"
    assert await kept(postgres, "SELECT id FROM receipts") == ["pay_rival"]
    assert await kept(postgres, "SELECT id FROM events WHERE type = 'pix.charge.paid'") == []


async def test_a_notice_that_was_written_while_it_waited_is_not_new(
    store: PostgresStore, postgres: Postgres
) -> None:
    told = notice_recorded(event_id="E1")
    rival = (
        "INSERT INTO inbox (id, provider, event_id, notice, received_at) VALUES "
        "('evt_rival', 'simulator', 'E1', '{}', now())"
    )

    assert await overtaken(postgres, [rival], lambda: store.record_notices([told])) == [False]
    assert await kept(postgres, "SELECT id FROM outbox WHERE work IS NOT NULL") == []
    assert await store.walk(told.entry.notice.end_to_end_id) == []


async def test_a_batch_may_hold_the_same_outcome_twice(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = await held(store)
    said = outcome_archived(made, PayoutStage.CONFIRMED)
    contradiction = msgspec.structs.replace(
        outcome_archived(made, PayoutStage.FAILED), event=event("pix.payout.failed")
    )

    await store.archive_outcomes([said, said, contradiction])

    actions = await kept(postgres, "SELECT action FROM audit_trail ORDER BY id")
    assert sorted(actions[-3:]) == ["outcome.ignored", "outcome.ignored", "payout.confirmed"]
    assert await stage_of(store, made) is PayoutStage.CONFIRMED
