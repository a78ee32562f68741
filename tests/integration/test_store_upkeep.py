"""What is deleted for its age, on real tables: the oldest first, and only what may go."""

from collections.abc import AsyncIterator

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.difference import DifferenceEvent
from fluxiq.domain.reconciliation import Difference, DifferenceKind, Flow, StatementLine
from fluxiq.ports.event_log import Unnumbered
from fluxiq.ports.reconciliation import Found, Run
from fluxiq.ports.upkeep import RecordClass
from fluxiq.stores.event_log import PostgresEventLog
from fluxiq.stores.pool import Postgres
from fluxiq.stores.reconciliation import PostgresReconciliation
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.upkeep import PostgresUpkeep
from tests.support.seals import keyring
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    NOW,
    add_endpoint,
    at,
    endpoint,
    event,
    fetch,
    open_store,
)

DAY = 86_400.0


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.upkeep = PostgresUpkeep(postgres)

    async def events(self, *seconds: float) -> list[str]:
        """Of so many times; their ids."""
        made = [event("account.updated", created_at=at(one)) for one in seconds]
        insert = (
            "INSERT INTO events (id, merchant_id, type, created_at, body)"
            " VALUES ($1, $2, 'account.updated', $3, '') RETURNING id"
        )
        for one in made:
            await fetch(self.postgres, insert, one.id, MERCHANT, one.created_at)
        return [one.id for one in made]

    async def left(self, table: str, column: str) -> list[str]:
        rows = await fetch(self.postgres, f"SELECT {column} AS it FROM {table} ORDER BY {column}")
        return [row["it"] for row in rows]


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield House(store, postgres)


async def test_idempotency_keys_go_the_oldest_first(house: House) -> None:
    insert = (
        "INSERT INTO idempotency_keys (merchant_id, key, digest, resource_id, created_at)"
        " SELECT 'm', n::text, '', 'r', $1::timestamptz + n * interval '1 second'"
        " FROM generate_series(1, 5) AS n RETURNING key"
    )
    await fetch(house.postgres, insert, NOW)
    what = RecordClass.IDEMPOTENCY_KEYS

    assert await house.upkeep.count(what, at(4), 99) == 3
    assert await house.upkeep.count(what, at(4), 2) == 2
    assert await house.upkeep.prune(what, at(4), 2) == 2
    assert await house.left("idempotency_keys", "key") == ["3", "4", "5"]
    assert await house.upkeep.prune(what, at(4), 9) == 1


async def test_deliveries_go_when_they_have_ended_and_their_attempts_are_gone(
    house: House,
) -> None:
    hook = endpoint("account.updated")
    await add_endpoint(house.store, hook)
    ended, waiting, tried, young = await house.events(0, 1, 2, DAY)
    insert = (
        "INSERT INTO deliveries (id, endpoint_id, event_id, created_at, delivered_at,"
        " next_attempt_at) SELECT 'dlv_' || id, $1, id, created_at,"
        " CASE WHEN id = $2 THEN NULL ELSE created_at END, CASE WHEN id = $2 THEN created_at END"
        " FROM events WHERE id = ANY ($3::text[]) RETURNING id"
    )
    await fetch(house.postgres, insert, hook.id, waiting, [ended, waiting, tried, young])
    attempt = (
        "INSERT INTO delivery_attempts (delivery_id, attempt, at, milliseconds, delivered, error,"
        " response) VALUES ($1, 1, $2, 1, true, '', '') RETURNING attempt"
    )
    await fetch(house.postgres, attempt, f"dlv_{tried}", at(2))
    what = RecordClass.DELIVERIES

    assert await house.upkeep.count(what, at(DAY), 9) == 1
    assert await house.upkeep.prune(what, at(DAY), 9) == 1
    assert await house.left("deliveries", "event_id") == sorted([waiting, tried, young])

    assert await house.upkeep.count(RecordClass.DELIVERY_ATTEMPTS, at(DAY), 9) == 1
    await fetch(house.postgres, "DELETE FROM delivery_attempts RETURNING attempt")
    assert await house.upkeep.prune(what, at(DAY), 9) == 1


async def test_numbers_go_without_a_gap_and_the_last_one_stays(house: House) -> None:
    """The third is old, but stands behind one that is not."""
    ids = await house.events(0, DAY, 1, 2)
    log = PostgresEventLog(house.postgres, ISPB, keyring(ISPB))
    await log.number([Unnumbered(event_id=one, merchant_id=MERCHANT) for one in ids])
    what = RecordClass.LIVE_EVENTS

    assert await house.upkeep.count(what, at(DAY), 9) == 1
    assert await house.upkeep.prune(what, at(DAY), 9) == 1
    assert await house.left("event_sequence", "sequence") == [2, 3, 4]

    assert await house.upkeep.prune(what, at(2 * DAY), 1) == 1
    assert await house.upkeep.prune(what, at(2 * DAY), 9) == 1
    assert await house.upkeep.prune(what, at(2 * DAY), 9) == 0
    assert await house.left("event_sequence", "sequence") == [4]
    assert (await log.last([MERCHANT]))[MERCHANT] == 4


async def test_lines_of_statements_go_unless_somebody_has_to_look_at_them(house: House) -> None:
    paper = PostgresReconciliation(house.postgres)
    run = Run(
        id="rec_1", since=at(-60), until=at(60), step="read it", started_at=NOW, updated_at=NOW
    )
    await paper.begin(run, at(-900))
    lines = [
        StatementLine(flow=Flow.SENT, id=name, amount=1, settled_at=at(seconds))
        for name, seconds in (("E1", 0), ("E2", 1), ("E3", DAY))
    ]
    alarm = Difference(
        flow=Flow.SENT,
        id="E1",
        kind=DifferenceKind.MISSING_HERE,
        ours=None,
        theirs=1,
        settled_at=NOW,
    )
    await paper.file_page(run, "simulator", lines, [Found(alarm, DifferenceEvent.SEEN)])
    what = RecordClass.STATEMENT_LINES

    assert await house.upkeep.prune(what, at(DAY), 9) == 1
    assert await house.left("statement_lines", "id") == ["E1", "E3"]

    [row] = await paper.differences(None, 9)
    await paper.resolve(row.id, NOW, "it is ours")
    assert await house.upkeep.prune(what, at(DAY), 9) == 1
