"""The numbers of a merchant's events: without a gap, whoever numbers them, and never another."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import Account
from fluxiq.ports import Page
from fluxiq.ports.event_log import EventsWanted, Numbered, Unnumbered
from fluxiq.ports.sealing import Place
from fluxiq.stores.audit import PostgresAudit
from fluxiq.stores.event_log import PostgresEventLog
from fluxiq.stores.moved_accounts import moved_accounts
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealed import House
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    account,
    charge_opening,
    fetch,
    merchant,
    open_store,
)

OTHER = "mch_00000000000000000000000002"


@dataclass
class Opened:
    store: PostgresStore
    postgres: Postgres
    log: PostgresEventLog

    async def happen(self, count: int) -> list[Unnumbered]:
        """Charges are opened; their events, not numbered yet."""
        openings = [charge_opening() for _ in range(count)]
        for one in openings:
            await self.store.open_charge(one)
        return [Unnumbered(one.event.id, one.charge.merchant_id) for one in openings]

    async def numbers(self) -> list[tuple[str, int]]:
        rows = await fetch(
            self.postgres, "SELECT merchant_id, sequence FROM event_sequence ORDER BY 1, 2"
        )
        return [(row["merchant_id"], row["sequence"]) for row in rows]


@pytest.fixture
async def opened(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Opened]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield Opened(store, postgres, PostgresEventLog(postgres, ISPB, keyring(ISPB)))


async def test_events_are_numbered_from_one_in_their_order(opened: Opened) -> None:
    events = await opened.happen(3)
    assert await opened.log.last([MERCHANT]) == {MERCHANT: 0}
    numbers = await opened.log.number(events)
    assert [numbers[one.event_id] for one in events] == [1, 2, 3]
    assert await opened.log.last([MERCHANT, OTHER]) == {MERCHANT: 3, OTHER: 0}


async def test_a_number_is_for_ever_however_often_it_is_asked_for(opened: Opened) -> None:
    events = await opened.happen(2)
    first = await opened.log.number(events[:1])
    assert await opened.log.number([*reversed(events)]) == {**first, events[1].event_id: 2}
    assert await opened.log.number([]) == {}


async def test_merchants_are_numbered_apart(opened: Opened) -> None:
    await opened.store.add_merchant(merchant(OTHER))
    one, two, three = await opened.happen(3)
    numbers = await opened.log.number([one, Unnumbered(two.event_id, OTHER), three])
    assert [numbers[each.event_id] for each in (one, two, three)] == [1, 1, 2]


async def test_many_who_number_at_once_leave_no_gap_and_no_number_twice(opened: Opened) -> None:
    """Two processes and a relay that restarts: the same events, in pieces, at the same time."""
    events = await opened.happen(40)
    said: list[dict[str, int]] = []

    async def number(first: int) -> None:
        for start in range(first, 40, 5):
            numbers = await opened.log.number(events[start : start + 8])
            said.append(dict(numbers))

    async with trio.open_nursery() as nursery:
        for first in range(4):
            nursery.start_soon(number, first)
    assert await opened.numbers() == [(MERCHANT, number) for number in range(1, 41)]
    known: dict[str, int] = {}
    for one in said:
        for event_id, sequence in one.items():
            assert known.setdefault(event_id, sequence) == sequence


async def test_what_came_after_a_number_is_read_as_webhooks_carry_it(opened: Opened) -> None:
    events = await opened.happen(5)
    await opened.log.number(events)
    sealer = keyring(ISPB)
    bodies = {
        row["id"]: sealer.open(row["body"], Place("events", "body", row["id"]))
        for row in await fetch(opened.postgres, "SELECT * FROM events")
    }
    assert await opened.log.after(MERCHANT, 2, 2) == [
        Numbered(3, bodies[events[2].event_id]),
        Numbered(4, bodies[events[3].event_id]),
    ]
    assert await opened.log.after(MERCHANT, 5, 100) == []


async def test_what_is_not_announced_has_no_number(opened: Opened) -> None:
    await opened.happen(1)
    assert await opened.log.after(MERCHANT, 0, 100) == []


async def test_whose_accounts_moved(opened: Opened) -> None:
    own = account()
    stranger = own.ledger_id + 1

    async def moved(merchants: list[str], ids: list[int], holds: list[int]) -> list[Account]:
        house = House(ISPB, keyring(ISPB))
        return await opened.postgres.run(moved_accounts, house, merchants, ids, holds)

    assert [one.id for one in await moved([MERCHANT], [own.ledger_id, stranger], [])] == [own.id]
    assert await moved([OTHER], [own.ledger_id], []) == []
    assert await moved([MERCHANT], [], [7]) == []


async def test_a_note_on_the_trail_stays(opened: Opened) -> None:
    await PostgresAudit(opened.postgres).note("key_1", "live_data.rate_put", "USD-BRL", account())
    [line] = await fetch(
        opened.postgres,
        "SELECT actor, subject, length(digest) AS bytes FROM audit_trail WHERE action = $1",
        "live_data.rate_put",
    )
    assert line == {"actor": "key_1", "subject": "USD-BRL", "bytes": 32}


class TestLookingBack:
    """A merchant's own list, the last first."""

    async def test_the_log_is_listed_by_type_and_time(self, opened: Opened) -> None:
        events = await opened.happen(3)
        await opened.log.number(events)
        at = (await opened.log.after(MERCHANT, 0, 1))[0]
        assert b"pix.charge.created" in at.body
        created = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

        for wanted, numbers in (
            (EventsWanted(), [3, 2, 1]),
            (EventsWanted(type="pix.charge.created"), [3, 2, 1]),
            (EventsWanted(type="pix.charge.*"), [3, 2, 1]),
            (EventsWanted(type="pix.payout.*"), []),
            (EventsWanted(since=created, until=created + timedelta(seconds=1)), [3, 2, 1]),
            (EventsWanted(until=created), []),
        ):
            found, total = await opened.log.page(MERCHANT, wanted, Page(number=1, size=10))
            assert [one.sequence for one in found] == numbers, wanted
            assert total == len(numbers)

    async def test_pages_are_of_the_whole_log(self, opened: Opened) -> None:
        await opened.log.number(await opened.happen(5))
        pages = [
            await opened.log.page(MERCHANT, EventsWanted(), Page(number=number, size=2))
            for number in (1, 2, 3, 4)
        ]
        assert [[one.sequence for one in found] for found, _ in pages] == [[5, 4], [3, 2], [1], []]
        assert {total for _, total in pages} == {5}

    async def test_one_event_is_its_merchants(self, opened: Opened) -> None:
        [event, unnumbered] = await opened.happen(2)
        await opened.log.number([event])
        found = await opened.log.find(MERCHANT, event.event_id)
        assert found is not None
        assert found.sequence == 1
        assert await opened.log.find(OTHER, event.event_id) is None
        assert await opened.log.find(MERCHANT, unnumbered.event_id) is None
        assert (await opened.log.page(OTHER, EventsWanted(), Page()))[1] == 0
