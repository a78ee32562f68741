"""Long holds on real tables: read from the ledger's journal once, watched until they end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import postings
from fluxiq.domain.dead_letter import LetterState
from fluxiq.domain.hold import OpenHold, Workflow
from fluxiq.domain.records import Payout, Transfer
from fluxiq.domain.references import end_to_end_reference
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.ports import OutboxDraft
from fluxiq.ports.dead_letters import Failure
from fluxiq.stores import holds as holds_module
from fluxiq.stores.dead_letters import PostgresDeadLetters
from fluxiq.stores.holds import PostgresHolds
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.store_records import (
    ISPB,
    NOW,
    account,
    at,
    fetch,
    hold_settled,
    new_end_to_end_id,
    open_store,
    payout,
    payout_opening,
)

LEDGER = 1
CUSTOMER = account().ledger_id


class Watch:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store = store
        self.postgres = postgres
        self.holds = PostgresHolds(postgres)
        self.letters = PostgresDeadLetters(postgres)
        self.ledger = PostgresLedger(postgres, LEDGER)

    async def hold(self, amount: int = 5_00) -> str:
        """A hold in the ledger; its end-to-end id."""
        end_to_end_id = new_end_to_end_id()
        await self.apply(postings.payout_hold(ISPB, LEDGER, end_to_end_id, CUSTOMER, amount))
        return end_to_end_id

    async def apply(self, *transfers: Transfer) -> None:
        statuses = await self.ledger.create_transfers(list(transfers))
        assert all(one.stands for one in statuses)

    async def watched(self) -> list[OpenHold]:
        return await self.holds.look(NOW, 100)

    async def held(self) -> Payout:
        made = payout()
        await self.store.open_payout(payout_opening(made))
        await self.store.settle_hold(hold_settled(made))
        return made


@pytest.fixture
async def watch(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Watch]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        watch = Watch(store, postgres)
        await watch.ledger.create_accounts(
            [
                *postings.house_accounts(ISPB, LEDGER),
                postings.customer_account(CUSTOMER, LEDGER),
            ]
        )
        await watch.apply(postings.pix_in(ISPB, LEDGER, new_end_to_end_id(), CUSTOMER, 100_00))
        yield watch


def soon() -> datetime:
    """After all that was written so far."""
    return datetime.now(UTC) + timedelta(seconds=1)


async def test_a_hold_is_watched_once_it_is_old_and_says_what_it_is_for(watch: Watch) -> None:
    end_to_end_id = await watch.hold(7_00)

    assert not await watch.holds.follow(datetime.now(UTC) - timedelta(minutes=1))
    assert await watch.watched() == []
    assert await watch.holds.follow(soon())

    [found] = await watch.watched()
    assert (found.id, found.amount) == (postings.payout_hold_id(ISPB, end_to_end_id), 7_00)
    assert (found.code, found.finding) == (postings.TransferCode.PIX_OUT, "")
    assert found.reference == end_to_end_reference(end_to_end_id)
    assert abs(datetime.now(UTC) - found.held_at) < timedelta(minutes=1)


async def test_the_journal_is_read_once(watch: Watch) -> None:
    await watch.hold()
    assert await watch.holds.follow(soon())
    await fetch(watch.postgres, "DELETE FROM hold_watch")

    assert not await watch.holds.follow(soon())
    assert await watch.watched() == []


async def test_a_long_journal_is_read_in_several_rounds(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds_module, "TRANSFERS_MAX", 2)
    for _ in range(5):
        await watch.hold()

    rounds = 0
    while await watch.holds.follow(soon()):
        rounds += 1

    assert rounds == 3, "six transfers, two by two"
    assert len(await watch.watched()) == 5


async def test_what_is_not_mirrored_yet_is_waited_for(watch: Watch) -> None:
    """A row that is skipped would never be read again."""
    await watch.hold()
    await watch.hold()
    await fetch(watch.postgres, "UPDATE ledger_journal SET mirrored = false WHERE seq = 2")

    while await watch.holds.follow(soon()):
        pass
    assert await watch.watched() == []

    await fetch(watch.postgres, "UPDATE ledger_journal SET mirrored = true")
    while await watch.holds.follow(soon()):
        pass
    assert len(await watch.watched()) == 2


async def test_a_hold_that_has_ended_is_not_watched_or_forgotten(watch: Watch) -> None:
    first, second, third = [await watch.hold() for _ in range(3)]
    await watch.apply(postings.payout_void(ISPB, LEDGER, first, 5_00))
    await watch.holds.follow(soon())
    assert len(await watch.watched()) == 2

    await watch.apply(postings.payout_post(ISPB, LEDGER, second, 5_00))

    [left] = await watch.watched()
    assert left.id == postings.payout_hold_id(ISPB, third)


async def test_those_who_waited_longest_are_looked_at_first(watch: Watch) -> None:
    for _ in range(3):
        await watch.hold()
    await watch.holds.follow(soon())

    first = await watch.holds.look(at(1), 2)
    second = await watch.holds.look(at(2), 2)
    third = await watch.holds.look(at(3), 3)

    assert len({one.id for one in [*first, *second]}) == 3
    assert len(third) == 3


async def test_a_finding_is_news_once_and_keeps_its_time(watch: Watch) -> None:
    await watch.hold()
    await watch.holds.follow(soon())
    [hold] = await watch.watched()

    assert await watch.holds.find(hold.id, "nobody is there", at(1))
    assert not await watch.holds.find(hold.id, "nobody is there", at(2))
    [found] = await watch.holds.findings(10)
    assert (found.finding, found.found_at) == ("nobody is there", at(1))

    assert await watch.holds.find(hold.id, "", at(3))
    assert await watch.holds.findings(10) == []


async def test_a_hold_that_was_ended_leaves_a_line_in_the_audit_trail(watch: Watch) -> None:
    await watch.hold()
    await watch.holds.follow(soon())
    [hold] = await watch.watched()

    await watch.holds.conclude(hold.id, "hold.voided", "pay_1", "why")

    assert await watch.watched() == []
    rows = await fetch(watch.postgres, "SELECT * FROM audit_trail WHERE action = 'hold.voided'")
    assert [(one["actor"], one["subject"], one["note"]) for one in rows] == [
        ("platform", "pay_1", "why")
    ]


async def test_who_is_at_work_on_an_order_is_on_paper(watch: Watch) -> None:
    made = await watch.held()
    assert await watch.holds.workflows([made.id, "pay_x"]) == {
        made.id: Workflow(is_announced=True),
        "pay_x": Workflow(),
    }

    [order] = [one for one in await watch.store.due_outbox(at(9), 9) if ".pix.out" in one.subject]
    failure = Failure(
        subject=order.subject, reference=order.reference, payment_id=None, error="", at=NOW
    )
    noted = await watch.letters.note_failure(failure, 1)
    assert noted is not None
    assert noted.letter is not None
    assert await watch.holds.workflows([made.id]) == {made.id: Workflow(letter=LetterState.DEAD)}

    await watch.letters.discard(noted.letter.id, at(5), "no")
    assert await watch.holds.workflows([made.id]) == {
        made.id: Workflow(letter=LetterState.DISCARDED, decided_at=at(5))
    }


async def test_an_order_is_announced_again_only_while_it_is_held_and_not_announced(
    watch: Watch,
) -> None:
    made = await watch.held()
    draft = OutboxDraft(subject="FLUXIQ.x.pix.out.0", reference="r", body=b"again")
    assert not await watch.holds.announce_again(made.id, draft, at(1))

    await watch.letters.close([made.id])
    assert await watch.holds.announce_again(made.id, draft, at(1))
    assert not await watch.holds.announce_again("pay_x", draft, at(1))
    [again] = [one for one in await watch.store.due_outbox(at(9), 9) if one.body == b"again"]
    assert again.attempt == 0

    await fetch(watch.postgres, "DELETE FROM outbox")
    await fetch(watch.postgres, "UPDATE payouts SET stage = 'sent'")
    assert not await watch.holds.announce_again(made.id, draft, at(1))
