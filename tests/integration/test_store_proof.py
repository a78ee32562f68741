"""The proof of the books: what agrees is silent, and each disagreement is named."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import postings
from fluxiq.domain.records import Payout, PayoutStage, Transfer
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.stores import proof
from fluxiq.stores.pool import Postgres
from fluxiq.stores.proof import ARCHIVE_SECONDS_MAX, Evidence, judge_payout
from fluxiq.stores.store import PostgresStore
from tests.support.store_records import (
    ISPB,
    account,
    fetch,
    hold_settled,
    notice_recorded,
    open_admin,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
)

S = PayoutStage
NOTHING = Evidence(None, None, None)
HELD = Evidence(900, None, None)
POSTED = Evidence(900, 900, None)
VOIDED = Evidence(900, None, 900)


@pytest.mark.parametrize(
    ("stage", "found"),
    [
        (S.CREATED, NOTHING),
        (S.CREATED, HELD),
        (S.HELD, HELD),
        (S.SENT, HELD),
        (S.IN_DOUBT, HELD),
        (S.CONFIRMED, POSTED),
        (S.RETURNED, POSTED),
        (S.FAILED, NOTHING),
        (S.FAILED, VOIDED),
    ],
)
def test_a_payout_whose_record_and_ledger_agree_is_silent(
    stage: PayoutStage, found: Evidence
) -> None:
    assert judge_payout(stage, 900, found, is_fresh=False) is None


@pytest.mark.parametrize(
    ("stage", "found", "words"),
    [
        (S.HELD, NOTHING, "it is held without a hold"),
        (S.SENT, NOTHING, "it is sent without a hold"),
        (S.IN_DOUBT, POSTED, "it is in_doubt but its hold has ended"),
        (S.SENT, VOIDED, "it is sent but its hold has ended"),
        (S.CONFIRMED, HELD, "it is confirmed but was not posted"),
        (S.CONFIRMED, VOIDED, "it is confirmed but was not posted"),
        (S.CONFIRMED, NOTHING, "it is confirmed but was not posted"),
        (S.FAILED, HELD, "it is failed but its hold lives"),
        (S.FAILED, POSTED, "it is failed but was posted; it is failed but its hold lives"),
        (S.CONFIRMED, Evidence(900, 900, 900), "its hold was both posted and voided"),
        (S.CONFIRMED, Evidence(None, 900, None), "it was posted or voided without a hold"),
        (S.CONFIRMED, Evidence(900, 899, None), "the ledger has another amount"),
        (S.HELD, Evidence(901, None, None), "the ledger has another amount"),
    ],
)
def test_a_payout_whose_record_and_ledger_disagree_is_told_in_words(
    stage: PayoutStage, found: Evidence, words: str
) -> None:
    assert judge_payout(stage, 900, found, is_fresh=False) == words


def test_a_fresh_payout_may_be_ahead_in_the_ledger_but_not_behind() -> None:
    assert judge_payout(S.SENT, 900, POSTED, is_fresh=True) is None
    assert judge_payout(S.SENT, 900, NOTHING, is_fresh=True) == "it is sent without a hold"


# On real tables, with the real ledger

LEDGER = 1
FUNDS = 1_000_000


class House:
    """A store and a ledger side by side, and payments that go through both, or do not."""

    def __init__(self, store: PostgresStore, postgres: Postgres, superuser: Postgres) -> None:
        self.store = store
        self.postgres = postgres
        self.superuser = superuser
        self.ledger = PostgresLedger(postgres, LEDGER)
        self.customer = account().ledger_id

    async def open(self) -> None:
        await self.ledger.create_accounts(
            [
                *postings.house_accounts(ISPB, LEDGER),
                postings.customer_account(self.customer, LEDGER),
            ]
        )

    async def move(self, transfer: Transfer) -> None:
        [status] = await self.ledger.create_transfers([transfer])
        assert status.stands, status

    async def receive(self, amount: int = FUNDS) -> str:
        arrived = receipt(amount=amount)
        await self.move(postings.pix_in(ISPB, LEDGER, arrived.end_to_end_id, self.customer, amount))
        await self.store.archive_receipts([receipt_archived(arrived)])
        return arrived.end_to_end_id

    async def hold(self) -> Payout:
        made = payout()
        await self.store.open_payout(payout_opening(made))
        await self.move(
            postings.payout_hold(ISPB, LEDGER, made.end_to_end_id, self.customer, made.amount)
        )
        await self.store.settle_hold(hold_settled(made))
        return msgspec.structs.replace(made, stage=PayoutStage.HELD)

    async def end(self, made: Payout, stage: PayoutStage) -> None:
        posting = postings.payout_post if stage is S.CONFIRMED else postings.payout_void
        await self.move(posting(ISPB, LEDGER, made.end_to_end_id, made.amount))
        await self.store.archive_outcomes([outcome_archived(made, stage)])

    async def mismatches(self) -> tuple[str, ...]:
        return (await self.store.prove_books()).mismatches


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with (
        open_admin(asyncio_host, institution_database) as superuser,
        open_store(asyncio_host, institution_database) as (store, postgres),
    ):
        made = House(store, postgres, superuser)
        await made.open()
        yield made


async def test_the_books_of_payments_in_every_stage_are_proven(house: House) -> None:
    await house.receive()
    await house.store.open_payout(payout_opening())
    held, confirmed, failed = [await house.hold() for _ in range(3)]
    await house.end(confirmed, S.CONFIRMED)
    await house.end(failed, S.FAILED)
    refused = payout()
    await house.store.open_payout(payout_opening(refused))
    await house.store.settle_hold(hold_settled(refused, failure_code="insufficient_funds"))
    await house.store.record_notices([notice_recorded()])

    books = await house.store.prove_books()

    assert books.mismatches == ()
    assert books.debits_posted == books.credits_posted == FUNDS + confirmed.amount
    assert books.debits_pending == books.credits_pending == held.amount
    assert books.payouts_by_stage == {"created": 1, "held": 1, "confirmed": 1, "failed": 2}
    assert books.payouts_open == 2
    assert books.inbox_open == 1


async def test_empty_books_are_in_order(house: House) -> None:
    books = await house.store.prove_books()

    assert (books.debits_posted, books.credits_posted, books.payouts_open) == (0, 0, 0)
    assert (books.payouts_by_stage, books.mismatches) == ({}, ())


async def test_a_payout_on_paper_without_its_money_is_named(house: House) -> None:
    await house.receive()
    made = await house.hold()
    await house.store.archive_outcomes([outcome_archived(made, S.CONFIRMED)])

    [mismatch] = await house.mismatches()

    assert mismatch == (
        f"payout {made.id} ({made.end_to_end_id}): it is confirmed but was not posted"
    )


async def test_a_receipt_on_paper_without_its_money_is_named(house: House) -> None:
    made, other = receipt(), receipt(transfer_id=7)
    await house.store.archive_receipts([receipt_archived(made), receipt_archived(other)])

    missing = "it has no transfer in the ledger"
    foreign = "its transfer is not the one derived from its end-to-end id"
    assert set(await house.mismatches()) == {
        f"receipt {made.id} ({made.end_to_end_id}): {missing}",
        f"receipt {other.id} ({other.end_to_end_id}): {foreign}",
    }


async def test_an_end_that_only_the_ledger_knows_is_named_once_it_lasts(house: House) -> None:
    await house.receive()
    made = await house.hold()
    await house.move(postings.payout_post(ISPB, LEDGER, made.end_to_end_id, made.amount))
    assert await house.mismatches() == ()

    await fetch(
        house.superuser,
        "UPDATE inst_12345678.ledger_transfers SET timestamp = timestamp - $1",
        int((ARCHIVE_SECONDS_MAX + 60) * 1e9),
    )

    [mismatch] = await house.mismatches()
    assert mismatch.endswith("it is held but its hold has ended")


async def test_books_longer_than_a_page_are_read_to_their_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "PAGE_ROWS", 10)
    lost = [receipt() for _ in range(35)]
    await house.store.archive_receipts([receipt_archived(one) for one in lost])
    fine = await house.receive()

    found = await house.mismatches()

    assert len(found) == 35
    assert not any(fine in mismatch for mismatch in found)


async def test_books_with_too_much_to_tell_tell_the_first_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "MISMATCHES_MAX", 20)
    await house.store.archive_receipts([receipt_archived(receipt()) for _ in range(35)])

    assert len(await house.mismatches()) == 20
