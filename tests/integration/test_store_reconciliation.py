"""Reconciliation on real tables: runs one at a time, lines once, differences once, ours by time."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.difference import DifferenceEvent, DifferenceState
from fluxiq.domain.reconciliation import (
    Difference,
    DifferenceKind,
    Flow,
    OurRecord,
    Standing,
    StatementLine,
    Window,
)
from fluxiq.domain.records import Payout, PayoutStage, Receipt
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.reconciliation import Found, Run, RunState
from fluxiq.stores import settled
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.reconciliation import PostgresReconciliation
from fluxiq.stores.store import PostgresStore
from tests.support.store_records import (
    NOW,
    at,
    fetch,
    hold_settled,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
    step,
)

WINDOW = Window(at(-60), at(60))


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.paper = PostgresReconciliation(postgres)

    async def begun(self, name: str = "rec_1", **said: Any) -> Run:
        return await self.paper.begin(run(name, **said), at(-900))

    async def received(self, **said: Any) -> Receipt:
        made = receipt(**said)
        await self.store.archive_receipts([receipt_archived(made)])
        return made

    async def sent(self, stage: PayoutStage = PayoutStage.CONFIRMED) -> Payout:
        made = payout()
        await self.store.open_payout(payout_opening(made))
        await self.store.settle_hold(hold_settled(made))
        if stage is not PayoutStage.HELD:
            await self.store.archive_outcomes([outcome_archived(made, stage)])
        return made

    async def file(
        self, under: Run, *found: Found, lines: list[StatementLine] | None = None
    ) -> int:
        return len(await self.paper.file_page(under, "simulator", lines or [], found))

    async def audited(self) -> list[str]:
        query = "SELECT action FROM audit_trail WHERE action LIKE $1 ORDER BY id"
        return [row["action"] for row in await fetch(self.postgres, query, "difference.%")]


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield House(store, postgres)


def run(name: str = "rec_1", **said: Any) -> Run:
    made = Run(
        id=name, since=at(-60), until=at(60), step="read simulator", started_at=NOW, updated_at=NOW
    )
    return replace(made, **said)


def line(name: str, **said: Any) -> StatementLine:
    made = StatementLine(flow=Flow.RECEIVED, id=name, amount=15_000, settled_at=NOW)
    return replace(made, **said)


def found(name: str, event: DifferenceEvent = DifferenceEvent.SEEN, **said: Any) -> Found:
    made = Difference(
        flow=Flow.RECEIVED,
        id=name,
        kind=DifferenceKind.AMOUNT_DIFFERS,
        ours=1,
        theirs=2,
        settled_at=NOW,
    )
    return Found(replace(made, **said), event)


# Runs.


async def test_a_run_goes_on_where_its_last_page_was_filed(house: House) -> None:
    begun = await house.begun()
    assert begun == run()

    after = replace(begun, cursor="3", pages=1, lines=2, lines_amount=30_000, updated_at=at(1))
    await house.file(after)
    assert await house.begun() == after


async def test_one_run_at_a_time_until_it_is_done_or_taken_for_dead(house: House) -> None:
    first = await house.begun()
    with pytest.raises(Unavailable, match="another run"):
        await house.begun("rec_2")

    await house.paper.finish(replace(first, state=RunState.DONE, ended_at=at(1)))
    second = await house.begun("rec_2", started_at=at(2), updated_at=at(2))
    third = await house.paper.begin(run("rec_3", started_at=at(999), updated_at=at(999)), at(99))
    assert third.state is RunState.UNDER_WAY
    states = {one.id: one.state for one in await house.paper.runs(9)}
    assert states == {
        "rec_1": RunState.DONE,
        "rec_2": RunState.ABANDONED,
        "rec_3": RunState.UNDER_WAY,
    }
    with pytest.raises(Unavailable, match="ended by somebody else"):
        await house.file(second)


async def test_how_far_is_known_of_runs_that_are_done(house: House) -> None:
    assert await house.paper.reached() is None
    begun = await house.begun()
    assert await house.paper.reached() is None
    assert await house.paper.done_since(at(-9)) == set()

    await house.paper.finish(replace(begun, state=RunState.DONE, ended_at=at(1)))
    assert await house.paper.reached() == at(60)
    assert await house.paper.done_since(at(-9)) == {WINDOW}
    assert await house.paper.done_since(at(9)) == set()


# Lines.


async def test_a_line_is_kept_once_with_what_was_said_last(house: House) -> None:
    begun = await house.begun()
    await house.file(begun, lines=[line("E1"), line("E2")])
    await house.file(begun, lines=[line("E2", amount=7)])

    names = [(Flow.RECEIVED, "E1"), (Flow.RECEIVED, "E2"), (Flow.SENT, "E1")]
    kept = await house.paper.lines(names)
    assert {name: one.amount for name, one in kept.items()} == {names[0]: 15_000, names[1]: 7}
    assert await house.paper.seen("rec_1", names) == set(names[:2])
    assert await house.paper.seen("rec_2", names) == set()


async def test_lines_that_a_run_has_not_seen_are_forgotten_in_its_window_only(
    house: House,
) -> None:
    begun = await house.begun()
    lines = [line("E1"), line("E2", settled_at=at(61)), line("E3", flow=Flow.SENT), line("E4")]
    await house.file(begun, lines=lines)
    await house.paper.finish(replace(begun, state=RunState.DONE, ended_at=at(1)))
    again = await house.begun("rec_2")
    await house.file(again, lines=[line("E4")])

    assert await house.paper.forget_vanished(again, [Flow.RECEIVED], WINDOW) == 1
    left = await fetch(house.postgres, "SELECT id FROM statement_lines ORDER BY id")
    assert [row["id"] for row in left] == ["E2", "E3", "E4"]


# Differences.


async def test_a_difference_is_one_row_however_often_it_is_seen(house: House) -> None:
    begun = await house.begun()
    assert await house.file(begun, found("E1"), found("E2")) == 2
    assert await house.file(replace(begun, updated_at=at(5)), found("E1", theirs=3)) == 0

    second, first = await house.paper.differences(None, 9)
    assert (first.record_id, first.theirs, first.found_at, first.seen_at) == ("E1", 3, NOW, at(5))
    assert (second.record_id, second.changed_at) == ("E2", NOW)
    assert await house.audited() == ["difference.open"] * 2
    assert await house.paper.open_counts() == {DifferenceKind.AMOUNT_DIFFERS: 2}


async def test_one_that_healed_and_comes_back_is_news(house: House) -> None:
    begun = await house.begun()
    await house.file(begun, found("E1", DifferenceEvent.REMEDIED))
    [row] = await house.paper.look(at(1), 9)
    assert row.state is DifferenceState.HEALING
    assert await house.paper.look(at(1), 9) == []

    [healed] = await house.paper.change({row.id: DifferenceEvent.GONE}, at(2))
    assert (healed.state, healed.changed_at) == (DifferenceState.HEALED, at(2))
    assert await house.paper.look(at(3), 9) == []
    assert await house.paper.change({row.id: DifferenceEvent.GONE}, at(4)) == []
    assert await house.file(begun, found("E1")) == 1
    assert await house.audited() == [
        "difference.healing",
        "difference.healed",
        "difference.open",
    ]


async def test_what_an_operator_resolved_stays_so_and_says_why(house: House) -> None:
    begun = await house.begun()
    await house.file(begun, found("E1"))
    [row] = await house.paper.differences(DifferenceState.OPEN, 9)

    resolved = await house.paper.resolve(row.id, at(3), "their letter of Monday")
    assert (resolved.state, resolved.reason) == (DifferenceState.RESOLVED, "their letter of Monday")
    assert await house.file(begun, found("E1")) == 0
    assert await house.paper.find(row.id) == resolved
    assert await house.paper.open_counts() == {}
    with pytest.raises(Refused, match="is resolved"):
        await house.paper.resolve(row.id, at(4), "again")
    with pytest.raises(Refused, match="no difference"):
        await house.paper.resolve(999, at(4), "")


async def test_a_doubled_line_that_is_single_now_has_healed(house: House) -> None:
    begun = await house.begun()
    doubled = found("E1", kind=DifferenceKind.DOUBLED_THERE)
    await house.file(begun, doubled, lines=[line("E1"), line("E1")])
    await house.paper.finish(replace(begun, state=RunState.DONE, ended_at=at(1)))
    assert [one.state for one in await house.paper.differences(None, 9)] == ["open"]

    again = await house.begun("rec_2")
    await house.file(again, lines=[line("E1")])
    await house.paper.finish(replace(again, state=RunState.DONE, ended_at=at(2)))
    assert [one.state for one in await house.paper.differences(None, 9)] == ["healed"]


# Ours.


async def test_ours_are_found_by_their_names_as_they_stand(house: House) -> None:
    came = await house.received()
    sent, held = await house.sent(), await house.sent(PayoutStage.HELD)
    failed = await house.sent(PayoutStage.FAILED)
    names = [
        (Flow.RECEIVED, came.end_to_end_id),
        (Flow.RECEIVED, sent.end_to_end_id),
        *((Flow.SENT, one.end_to_end_id) for one in (sent, held, failed)),
        (Flow.REFUNDED, "D1"),
        (Flow.RETURNED, "D1"),
    ]

    ours = await house.paper.records(names)

    assert {name: one.standing for name, one in ours.items()} == {
        names[0]: Standing.SETTLED,
        names[2]: Standing.SETTLED,
        names[3]: Standing.OPEN,
        names[4]: Standing.NOT_SETTLED,
    }
    assert ours[names[0]] == OurRecord(
        flow=Flow.RECEIVED,
        id=came.end_to_end_id,
        amount=15_000,
        standing=Standing.SETTLED,
        at=NOW,
        stage="no_charge",
    )


async def unmatched(house: House, flow: Flow, window: Window = WINDOW) -> list[str]:
    return [one.id for one in (await house.paper.unmatched(flow, window, "", 9)).records]


async def test_what_settled_in_a_window_and_has_no_line_is_unmatched(house: House) -> None:
    told, untold = await house.received(), await house.received(received_at=at(59))
    await house.received(received_at=at(60))
    await house.sent(PayoutStage.HELD)
    sent = await house.sent()
    begun = await house.begun()
    await house.file(begun, lines=[line(told.end_to_end_id), line(sent.end_to_end_id)])

    assert await unmatched(house, Flow.RECEIVED) == [untold.end_to_end_id]
    assert await unmatched(house, Flow.SENT) == [sent.end_to_end_id]  # that line is of money in
    assert await unmatched(house, Flow.REFUNDED) == await unmatched(house, Flow.RETURNED) == []
    assert await house.paper.totals(Flow.RECEIVED, WINDOW) == (2, 30_000)
    assert await house.paper.totals(Flow.SENT, WINDOW) == (1, sent.amount)


async def test_many_unmatched_come_in_pages(house: House) -> None:
    ids = sorted([(await house.received()).end_to_end_id for _ in range(3)])

    first = await house.paper.unmatched(Flow.RECEIVED, WINDOW, "", 2)
    rest = await house.paper.unmatched(Flow.RECEIVED, WINDOW, first.records[-1].id, 2)

    assert [one.id for one in first.records + rest.records] == ids
    assert (first.has_more, rest.has_more) == (True, False)


async def test_a_payout_that_came_back_later_settled_when_it_was_confirmed(house: House) -> None:
    sent = await house.sent()
    confirmed = step(sent.end_to_end_id, detail=f"{sent.id} confirmed", seconds=5)
    await house.store.record_steps([replace(confirmed, room="archive")])
    later = at(7200)
    touched = "UPDATE payouts SET returned_amount = 1, updated_at = $2 WHERE id = $1 RETURNING id"
    await fetch(house.postgres, touched, sent.id, later)

    assert await unmatched(house, Flow.SENT, Window(at(7000), at(7300))) == []
    around: datetime = at(4)
    assert await unmatched(house, Flow.SENT, Window(around, at(7300))) == [sent.end_to_end_id]


@pytest.mark.parametrize("flow", list(Flow))
async def test_a_window_of_years_of_payments_is_read_by_its_time(house: House, flow: Flow) -> None:
    """While the tables were empty, all ids seemed to be a shorter way."""
    tables = {
        Flow.RECEIVED: "receipts",
        Flow.SENT: "payouts",
        Flow.REFUNDED: "refunds",
        Flow.RETURNED: "payout_returns",
    }

    async def kept(connection: Connection) -> str:
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE kept AS {settled._UNMATCHED[flow]}")
        rows = await connection.fetch("EXPLAIN EXECUTE kept (NULL, NULL, NULL, NULL)")
        return "\n".join(row["QUERY PLAN"] for row in rows)

    plan = await house.postgres.transaction(kept)

    assert f"Bitmap Index Scan on {tables[flow]}_by_time" in plan
    assert "Index Cond: ((flow = " in plan
    assert "id = settled.id" in plan
