"""Messages that fail, on real tables: counted, buried, put back, thrown away."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.dead_letter import LetterState
from fluxiq.domain.records import OutboxEntry, PayoutStage
from fluxiq.errors import Refused
from fluxiq.ports.dead_letters import Failure, Noted
from fluxiq.stores.dead_letters import PostgresDeadLetters
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.store_records import (
    ISPB,
    NOW,
    at,
    fetch,
    hold_settled,
    notice_recorded,
    open_store,
    payout,
    payout_opening,
)


class Desk:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store = store
        self.postgres = postgres
        self.letters = PostgresDeadLetters(postgres)

    async def owed(self) -> OutboxEntry:
        """The outbox row of a notice that was just written down."""
        await self.store.record_notices([notice_recorded()])
        [entry] = await self.due(1)
        return entry

    async def due(self, seconds: float) -> list[OutboxEntry]:
        """The announcements of work; those of events are none."""
        entries = await self.store.due_outbox(at(seconds), 10)
        return [one for one in entries if ".pix." in one.subject]

    async def fail(self, entry: OutboxEntry, times: int = 1, **said: Any) -> Noted | None:
        noted = None
        for number in range(times):
            failure = Failure(
                subject=entry.subject,
                reference=entry.reference,
                payment_id=said.get("payment_id"),
                error=f"KeyError: {number + 1}",
                at=at(number + 1),
            )
            noted = await self.letters.note_failure(failure, 3)
        return noted

    async def audit(self) -> list[tuple[str, str, str]]:
        rows = await fetch(
            self.postgres,
            "SELECT actor, action, note FROM audit_trail WHERE action LIKE 'dead_letter%'"
            " ORDER BY id",
        )
        return [(row["actor"], row["action"], row["note"]) for row in rows]


@pytest.fixture
async def desk(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Desk]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield Desk(store, postgres)


async def test_a_message_that_failed_too_often_leaves_the_outbox_and_is_a_letter(
    desk: Desk,
) -> None:
    entry = await desk.owed()

    assert await desk.fail(entry, 2) == Noted(failures=2)
    assert [one.id for one in await desk.due(1)] == [entry.id]
    noted = await desk.fail(entry, payment_id="E12345678202603041200abcdefghijk")

    assert noted is not None
    letter = noted.letter
    assert letter is not None
    assert (letter.subject, letter.reference, letter.body) == (
        entry.subject,
        entry.reference,
        entry.body,
    )
    assert (letter.work, letter.failures, letter.error) == (entry.reference, 3, "KeyError: 1")
    assert (letter.first_failed_at, letter.state) == (at(1), LetterState.DEAD)
    assert letter.payment_id == "E12345678202603041200abcdefghijk"
    assert await desk.due(10_000) == []
    assert (await desk.letters.waiting(), await desk.letters.find(letter.id)) == (1, letter)
    assert await desk.audit() == [("platform", "dead_letter.died", "KeyError: 1")]


async def test_a_dead_message_that_comes_again_is_nobodys(desk: Desk) -> None:
    """Copies of it may still be in the stream, and failures of them are not news."""
    entry = await desk.owed()
    await desk.fail(entry, 3)

    assert await desk.fail(entry) is None
    assert await desk.letters.waiting() == 1


async def test_of_many_copies_that_fail_at_once_one_makes_the_letter(desk: Desk) -> None:
    entry = await desk.owed()
    noted: list[Noted | None] = []

    async def fail() -> None:
        noted.append(await desk.fail(entry))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(fail)

    letters = [one.letter for one in noted if one is not None and one.letter is not None]
    assert len(letters) == 1
    assert noted.count(None) == 5
    assert await desk.letters.waiting() == 1


async def test_a_replayed_letter_is_announced_as_a_message_that_the_stream_has_not_seen(
    desk: Desk,
) -> None:
    entry = await desk.owed()
    await desk.store.outbox_published([entry], NOW)
    await desk.fail(entry, 3)

    [dead] = await desk.letters.letters(LetterState.DEAD, 10)
    replayed = await desk.letters.replay(dead.id, at(60), "the bug is fixed")

    assert (replayed.state, replayed.decided_at) == (LetterState.REPLAYED, at(60))
    [back] = await desk.due(60)
    assert (back.reference, back.body, back.attempt) == (entry.reference, entry.body, 1)
    assert await desk.fail(back) == Noted(failures=1), "all its tries are before it"
    assert (await desk.audit())[-1] == ("operator", "dead_letter.replayed", "the bug is fixed")


async def test_a_replayed_message_that_dies_again_is_another_letter(desk: Desk) -> None:
    entry = await desk.owed()
    await desk.fail(entry, 3)
    [first] = await desk.letters.letters(None, 10)
    await desk.letters.replay(first.id, at(60), "again")

    await desk.fail(entry, 3)

    second, known = await desk.letters.letters(None, 10)
    assert (known.id, known.state) == (first.id, LetterState.REPLAYED)
    assert (second.work, second.state) == (first.work, LetterState.DEAD)


async def test_a_discarded_notice_is_closed_unread(desk: Desk) -> None:
    entry = await desk.owed()
    await desk.fail(entry, 3)
    [dead] = await desk.letters.letters(LetterState.DEAD, 10)

    await desk.letters.discard(dead.id, at(60), "garbage")

    [row] = await fetch(desk.postgres, "SELECT done_at IS NOT NULL AS is_done FROM inbox")
    assert row["is_done"]
    assert await desk.due(10_000) == []
    assert await desk.letters.discarded([dead.work, "pay_another"]) == {dead.work: at(60)}
    assert (await desk.audit())[-1] == ("operator", "dead_letter.discarded", "garbage")


async def test_what_an_operator_decided_is_decided(desk: Desk) -> None:
    entry = await desk.owed()
    await desk.fail(entry, 3)
    [dead] = await desk.letters.letters(None, 10)
    await desk.letters.discard(dead.id, at(60), "garbage")

    with pytest.raises(Refused, match="was discarded before") as refused:
        await desk.letters.replay(dead.id, at(61), "or not")
    assert refused.value.code == "dead_letter_decided"
    with pytest.raises(Refused, match="no dead letter 999") as refused:
        await desk.letters.discard(999, at(61), "who?")
    assert refused.value.code == "dead_letter_not_found"


async def test_an_order_that_was_discarded_stays_held_and_known_to_be(desk: Desk) -> None:
    made = payout()
    await desk.store.open_payout(payout_opening(made))
    await desk.store.settle_hold(hold_settled(made))
    [entry] = await desk.due(10)
    await desk.fail(entry, 3)
    [dead] = await desk.letters.letters(None, 10)
    assert dead.work == made.id

    await desk.letters.discard(dead.id, at(60), "sent by hand")

    found = await desk.store.find_payout(made.id)
    assert found is not None
    assert found.stage is PayoutStage.HELD
    assert await desk.letters.discarded([made.id]) == {made.id: at(60)}


async def test_announcements_of_work_that_is_over_are_taken_out(desk: Desk) -> None:
    entry = await desk.owed()

    await desk.letters.close([entry.reference])

    assert await desk.due(10_000) == []
    assert ISPB in entry.subject
