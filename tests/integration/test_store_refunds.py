"""Refunds and returned payouts on real tables, with the real ledger."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import postings, refund_postings
from fluxiq.domain.records import (
    Payout,
    PayoutReturn,
    PayoutStage,
    Receipt,
    Refund,
    RefundReason,
    Room,
    TransferStatus,
)
from fluxiq.domain.refund import RefundStatus, stages_of
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.ports import Differs, Fresh, OutboxDraft, Page, Replay, Running
from fluxiq.ports.refunds import (
    RefundEnded,
    RefundHeld,
    RefundOpening,
    RefundsWanted,
    ReturnArchived,
)
from fluxiq.stores.pool import Postgres
from fluxiq.stores.refunds import PostgresRefunds
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    account,
    at,
    charge,
    charge_opening,
    event,
    fetch,
    hold_settled,
    idempotency,
    new_id,
    notice_recorded,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
    step,
)

LEDGER = 1


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store = store
        self.postgres = postgres
        self.refunds = PostgresRefunds(postgres, ISPB, keyring(ISPB))
        self.ledger = PostgresLedger(postgres, LEDGER)
        self.customer = account().ledger_id

    async def receive(self, amount: int = 100_00, **said: Any) -> Receipt:
        arrived = receipt(amount=amount, **said)
        await self.store.archive_receipts([receipt_archived(arrived)])
        return arrived

    async def paid_charge(self) -> Receipt:
        made = charge(amount=100_00)
        await self.store.open_charge(charge_opening(made))
        arrived = receipt(made, amount=100_00)
        await self.store.archive_receipts([receipt_archived(arrived)])
        return arrived

    async def held(self, made: Refund) -> Refund:
        assert await self.refunds.open_refund(opening(made)) == Fresh()
        await self.refunds.settle_hold(settled(made))
        return msgspec.structs.replace(made, stage=PayoutStage.HELD, updated_at=at(1))

    async def end(self, *made: Refund, failed: bool = False, **said: Any) -> None:
        await self.refunds.archive_ends([ended(one, failed=failed, **said) for one in made])

    async def stage(self, made: Refund) -> PayoutStage:
        found = await self.refunds.find_refund(made.id)
        assert found is not None
        return found.stage


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        house = House(store, postgres)
        await house.ledger.create_accounts(
            [
                *postings.house_accounts(ISPB, LEDGER),
                postings.customer_account(house.customer, LEDGER),
            ]
        )
        yield house


def refund(of: Receipt, amount: int = 40_00, **said: Any) -> Refund:
    number = new_id("ref")
    made = Refund(
        id=number,
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        end_to_end_id=of.end_to_end_id,
        return_id=f"D{ISPB}202603041200{number[-11:]}",
        charge_id=of.charge_id,
        amount=amount,
        reason=RefundReason.CUSTOMER,
        description="a chair too many",
        stage=PayoutStage.CREATED,
        created_at=NOW,
        updated_at=NOW,
        metadata={"order": 9},
    )
    return msgspec.structs.replace(made, **said)


def opening(made: Refund, **said: Any) -> RefundOpening:
    return RefundOpening(
        refund=made,
        idempotency=idempotency(**said),
        steps=(step(made.return_id, Room.COUNTER),),
    )


def settled(made: Refund, *, failure_code: str | None = None) -> RefundHeld:
    stage = PayoutStage.HELD if failure_code is None else PayoutStage.FAILED
    order = OutboxDraft(
        subject=f"FLUXIQ.{ISPB}.pix.refund.0", reference=made.return_id, body=b"an order"
    )
    return RefundHeld(
        refund=msgspec.structs.replace(
            made, stage=stage, updated_at=at(1), failure_code=failure_code
        ),
        event=event("pix.refund.requested"),
        response=b"accepted" if failure_code is None else b"refused",
        order=order if failure_code is None else None,
        steps=(step(made.return_id, Room.VAULT, 1),),
    )


def ended(made: Refund, *, failed: bool = False, inbox_id: str | None = None) -> RefundEnded:
    said = {"failure_code": "account_closed", "reason_code": "AC07"} if failed else {}
    stage = PayoutStage.FAILED if failed else PayoutStage.CONFIRMED
    return RefundEnded(
        inbox_id=inbox_id,
        refund=msgspec.structs.replace(made, stage=stage, updated_at=at(5), **said),
        event=event("pix.refund.failed" if failed else "pix.refund.completed"),
        steps=(step(made.return_id, Room.ARCHIVE, 5),),
    )


async def test_an_intent_is_written_once_under_its_key_and_found_until_it_is_held(
    house: House,
) -> None:
    made = refund(await house.receive())
    again = refund(await house.receive())

    assert await house.refunds.open_refund(opening(made, key="k")) == Fresh()
    assert await house.refunds.open_refund(opening(again, key="k")) == Running(made.id)
    other = opening(again, key="k", digest=b"another")
    assert await house.refunds.open_refund(other) == Differs()

    assert await house.refunds.find_refund(made.id) == made
    assert await house.refunds.find_refund(again.id) is None
    assert await house.refunds.unheld_refunds(at(1), 10) == [made]
    assert await house.refunds.unheld_refunds(NOW, 10) == []


async def test_a_hold_is_settled_once_with_its_order_event_and_answer(house: House) -> None:
    made = refund(await house.receive())
    await house.refunds.open_refund(opening(made, key="k"))

    await house.refunds.settle_hold(settled(made))
    await house.refunds.settle_hold(settled(made, failure_code="insufficient_funds"))

    assert await house.stage(made) is PayoutStage.HELD
    assert await house.refunds.open_refund(opening(made, key="k")) == Replay(False, b"accepted")
    assert await fetch(house.postgres, "SELECT work FROM outbox WHERE work IS NOT NULL") == [
        {"work": made.id}
    ]
    told = await fetch(house.postgres, "SELECT type FROM events WHERE type LIKE 'pix.refund.%'")
    assert [row["type"] for row in told] == ["pix.refund.requested"]
    lines = await fetch(
        house.postgres, "SELECT action FROM audit_trail WHERE subject = $1 ORDER BY id", made.id
    )
    assert [row["action"] for row in lines] == ["refund.created", "refund.held"]


async def test_a_refused_refund_answers_its_key_with_the_refusal_and_owes_no_order(
    house: House,
) -> None:
    made = refund(await house.receive())
    await house.refunds.open_refund(opening(made, key="k"))

    await house.refunds.settle_hold(settled(made, failure_code="refund_above_original"))

    assert await house.refunds.open_refund(opening(made, key="k")) == Replay(True, b"refused")
    assert await fetch(house.postgres, "SELECT work FROM outbox WHERE work IS NOT NULL") == []


async def test_a_sent_refund_is_no_longer_owed_and_is_asked_about_when_it_is_silent(
    house: House,
) -> None:
    made = await house.held(refund(await house.receive()))
    sent = msgspec.structs.replace(made, stage=PayoutStage.SENT, updated_at=at(2))

    await house.refunds.mark_sent([sent], [step(made.return_id, Room.GATE, 2)])

    assert await fetch(house.postgres, "SELECT work FROM outbox WHERE work IS NOT NULL") == []
    assert await house.refunds.unanswered_refunds(at(3), 10) == [sent]
    assert await house.refunds.unanswered_refunds(at(2), 10) == []


async def test_an_end_closes_the_notice_counts_into_the_charge_and_comes_once(
    house: House,
) -> None:
    arrived = await house.paid_charge()
    made = await house.held(refund(arrived))
    recorded = notice_recorded(end_to_end_id=made.return_id)
    await house.store.record_notices([recorded])

    for _ in range(2):
        await house.end(made, inbox_id=recorded.entry.id)
        await house.end(made, failed=True)

    found = await house.refunds.refunds([made.return_id])
    assert found[made.return_id].stage is PayoutStage.CONFIRMED
    paid = await house.store.find_charge(arrived.charge_id or "")
    assert paid is not None
    assert (paid.refunded_amount, paid.status) == (40_00, "paid")
    assert await fetch(house.postgres, "SELECT id FROM inbox WHERE done_at IS NULL") == []
    lines = await fetch(
        house.postgres, "SELECT note FROM audit_trail WHERE action = 'outcome.ignored'"
    )
    assert [row["note"] for row in lines] == ["the refund had ended before"] * 3


async def test_a_charge_becomes_refunded_with_its_last_centavo_also_within_one_batch(
    house: House,
) -> None:
    arrived = await house.paid_charge()
    parts = [await house.held(refund(arrived, amount)) for amount in (60_00, 40_00)]
    failed = await house.held(refund(arrived, 1))

    await house.end(failed, failed=True)
    await house.end(*parts)

    paid = await house.store.find_charge(arrived.charge_id or "")
    assert paid is not None
    assert (paid.refunded_amount, paid.status) == (100_00, "refunded")
    assert paid.paid_at == arrived.received_at


async def test_parts_that_end_at_once_are_all_counted(house: House) -> None:
    arrived = await house.paid_charge()
    parts = [await house.held(refund(arrived, 5_00)) for _ in range(20)]

    async with trio.open_nursery() as nursery:
        for part in parts:
            nursery.start_soon(house.end, part)

    paid = await house.store.find_charge(arrived.charge_id or "")
    assert paid is not None
    assert (paid.refunded_amount, paid.status) == (100_00, "refunded")


async def test_lists_are_newest_first_and_filtered(house: House) -> None:
    one, two = await house.receive(), await house.paid_charge()
    first = await house.held(refund(one, created_at=at(1)))
    second = await house.held(refund(two, created_at=at(2)))
    await house.end(second)

    async def listed(**said: Any) -> tuple[list[str], int]:
        wanted = RefundsWanted(merchant_id=said.pop("merchant_id", MERCHANT), **said)
        found, total = await house.refunds.list_refunds(wanted, Page())
        return [refund.id for refund in found], total

    assert await listed() == ([second.id, first.id], 2)
    assert await listed(end_to_end_id=one.end_to_end_id) == ([first.id], 1)
    assert await listed(charge_id=two.charge_id) == ([second.id], 1)
    assert await listed(stages=stages_of(RefundStatus.PROCESSING)) == ([first.id], 1)
    assert await listed(since=at(2)) == ([second.id], 1)
    assert await listed(until=at(2)) == ([first.id], 1)
    assert await listed(merchant_id="mch_other") == ([], 0)


async def test_a_refund_has_an_owner_and_a_walk(house: House) -> None:
    made = await house.held(refund(await house.receive()))

    assert await house.store.payment_owner(made.return_id) == MERCHANT
    assert [one.room for one in await house.store.walk(made.return_id)] == ["counter", "vault"]


async def test_what_was_received_is_found_with_its_transfer(house: House) -> None:
    arrived = await house.receive()

    assert await house.refunds.find_receipt(arrived.end_to_end_id) == arrived
    assert await house.refunds.find_receipt("E1") is None
    assert await house.refunds.receipt_named(arrived.id) == arrived
    assert await house.refunds.receipt_named("pay_1") is None


# The ledger's limit


async def open_limit(house: House, arrived: Receipt) -> None:
    await house.ledger.create_transfers(
        [postings.pix_in(ISPB, LEDGER, arrived.end_to_end_id, house.customer, arrived.amount * 10)]
    )
    await house.ledger.create_accounts(
        [refund_postings.limit_account(ISPB, LEDGER, arrived.end_to_end_id)]
    )
    [status] = await house.ledger.create_transfers(
        [refund_postings.limit_credit(ISPB, LEDGER, arrived.end_to_end_id, arrived.amount)]
    )
    assert status is TransferStatus.CREATED


async def test_of_two_refunds_at_once_for_more_than_the_original_exactly_one_is_held(
    house: House,
) -> None:
    for _ in range(10):
        arrived = receipt(amount=100_00)
        await open_limit(house, arrived)
        rivals = [refund(arrived, 60_00), refund(arrived, 40_01)]
        answers: list[list[TransferStatus]] = []

        async def hold(made: Refund, answers: list[list[TransferStatus]]) -> None:
            chain = refund_postings.refund_hold(ISPB, LEDGER, made, house.customer)
            answers.append(await house.ledger.create_transfers(list(chain)))

        async with trio.open_nursery() as nursery:
            for made in rivals:
                nursery.start_soon(hold, made, answers)

        assert sorted(answers) == [
            [TransferStatus.CREATED, TransferStatus.CREATED],
            [TransferStatus.EXCEEDS_CREDITS, TransferStatus.LINKED_EVENT_FAILED],
        ]


async def test_many_refunds_at_once_hold_what_was_received_and_not_a_centavo_more(
    house: House,
) -> None:
    arrived = receipt(amount=100_00)
    await open_limit(house, arrived)
    held: list[int] = []

    async def hold(made: Refund) -> None:
        chain = refund_postings.refund_hold(ISPB, LEDGER, made, house.customer)
        statuses = await house.ledger.create_transfers(list(chain))
        held.append(made.amount if statuses[0].stands else 0)

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(hold, refund(arrived, 9_00))

    limit_id = refund_postings.limit_account_id(ISPB, arrived.end_to_end_id)
    balances = await house.ledger.balances([limit_id, house.customer])
    assert sum(held) == 99_00
    assert balances[limit_id].debits_pending == balances[house.customer].debits_pending == 99_00


async def test_the_proof_names_a_refund_and_a_return_that_the_ledger_does_not_have(
    house: House,
) -> None:
    made = await house.held(refund(await house.receive()))
    back = await confirmed_payout(house)
    await house.refunds.archive_returns([came_back(back, 5_00)])

    wrong = (await house.store.prove_books()).mismatches

    assert f"refund {made.id} ({made.return_id}): it is held without a hold" in wrong
    assert any(line.startswith("return D") and "no transfer" in line for line in wrong)


async def test_the_books_balance_while_limits_are_held_and_after(house: House) -> None:
    arrived = await house.receive()
    await open_limit(house, arrived)
    made = await house.held(refund(arrived))
    chain = refund_postings.refund_hold(ISPB, LEDGER, made, house.customer)
    assert all(one.stands for one in await house.ledger.create_transfers(list(chain)))
    held = await house.store.prove_books()
    assert (held.debits_pending, held.credits_pending) == (80_00, 80_00)
    assert (held.refunds_open, held.refunds_by_stage) == (1, {"held": 1})

    post = refund_postings.refund_post(ISPB, LEDGER, made)
    assert all(one.stands for one in await house.ledger.create_transfers(list(post)))
    await house.end(made)

    books = await house.store.prove_books()
    assert not [line for line in books.mismatches if made.id in line]
    assert books.debits_posted == books.credits_posted
    assert (books.debits_pending, books.credits_pending) == (0, 0)
    assert (books.refunds_open, books.refunds_by_stage) == (0, {"confirmed": 1})
    assert books.payouts_open == 0


# Payouts that come back


async def confirmed_payout(house: House) -> Payout:
    made = payout(amount=900)
    await house.store.open_payout(payout_opening(made))
    await house.store.settle_hold(hold_settled(made))
    await house.store.archive_outcomes([outcome_archived(made, PayoutStage.CONFIRMED)])
    found = await house.store.find_payout(made.id)
    assert found is not None
    return found


def came_back(made: Payout, amount: int, return_id: str = "", inbox_id: str = "") -> ReturnArchived:
    return_id = return_id or f"D00000000202603041200{new_id('ref')[-11:]}"
    return ReturnArchived(
        inbox_id=inbox_id,
        returned=PayoutReturn(
            return_id=return_id,
            payout_id=made.id,
            amount=amount,
            reason_code="MD06",
            transfer_id=refund_postings.payout_return_id(ISPB, return_id),
            returned_at=at(9),
        ),
        payout=made,
        event=event("pix.payout.returned"),
        steps=(step(made.end_to_end_id, Room.ARCHIVE, 9),),
    )


async def test_a_return_is_counted_once_and_the_last_centavo_makes_the_payout_returned(
    house: House,
) -> None:
    made = await confirmed_payout(house)
    recorded = notice_recorded(end_to_end_id=made.end_to_end_id)
    await house.store.record_notices([recorded])
    first = came_back(made, 400, inbox_id=recorded.entry.id)

    for _ in range(2):
        await house.refunds.archive_returns([first])
    part = await house.store.find_payout(made.id)
    await house.refunds.archive_returns([came_back(made, 300), came_back(made, 200)])
    whole = await house.store.find_payout(made.id)

    assert part is not None
    assert whole is not None
    assert (part.stage, part.returned_amount) == (PayoutStage.CONFIRMED, 400)
    assert (whole.stage, whole.returned_amount) == (PayoutStage.RETURNED, 900)
    assert first.returned is not None
    return_id = first.returned.return_id
    assert await house.refunds.find_returns([return_id, "D1"]) == {return_id: first.returned}
    told = await fetch(house.postgres, "SELECT id FROM events WHERE type = 'pix.payout.returned'")
    assert len(told) == 3
    assert await fetch(house.postgres, "SELECT id FROM inbox WHERE done_at IS NULL") == []


async def test_a_return_that_changes_nothing_leaves_its_reason(house: House) -> None:
    recorded = notice_recorded()
    await house.store.record_notices([recorded])

    await house.refunds.archive_returns(
        [
            ReturnArchived(
                inbox_id=recorded.entry.id,
                returned=None,
                payout=None,
                event=None,
                steps=(),
                note="returned_after_failed",
            )
        ]
    )

    [line] = await fetch(
        house.postgres, "SELECT subject, note FROM audit_trail WHERE action = 'return.ignored'"
    )
    assert line == {"subject": recorded.entry.id, "note": "returned_after_failed"}
    assert await fetch(house.postgres, "SELECT id FROM inbox WHERE done_at IS NULL") == []
