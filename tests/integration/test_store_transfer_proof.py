"""The proof of the book transfers: what agrees is silent, and each disagreement is named."""

from collections.abc import AsyncIterator

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import postings
from fluxiq.domain import transfer_postings as moves
from fluxiq.domain.transfer import TransferStage
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.transfer_proof import TransferEvidence, judge_transfer
from fluxiq.stores.transfers import PostgresTransfers
from tests.support.seals import keyring
from tests.support.store_records import ISPB, account, event, new_end_to_end_id, open_store
from tests.support.transfer_records import (
    CHECKER,
    OTHER_ACCOUNT,
    moved,
    opening,
    to_approve,
    transfer,
)

LEDGER = 1
S = TransferStage
SOURCE, DESTINATION = account().ledger_id, account(OTHER_ACCOUNT).ledger_id

NOTHING = TransferEvidence(None, None, None)
MOVED = TransferEvidence(None, 500, None)
HELD = TransferEvidence(500, None, None)
POSTED = TransferEvidence(500, 500, None)
VOIDED = TransferEvidence(500, None, 500)


@pytest.mark.parametrize(
    ("stage", "found", "is_held"),
    [
        (S.CREATED, NOTHING, False),
        (S.COMPLETED, MOVED, False),
        (S.FAILED, NOTHING, False),
        (S.CREATED, HELD, True),
        (S.PENDING, HELD, True),
        (S.APPROVED, HELD, True),
        (S.DECLINED, HELD, True),
        (S.COMPLETED, POSTED, True),
        (S.FAILED, VOIDED, True),
        (S.FAILED, NOTHING, True),
    ],
)
def test_a_transfer_whose_record_and_ledger_agree_is_silent(
    stage: TransferStage, found: TransferEvidence, is_held: bool
) -> None:
    assert judge_transfer(stage, 500, found, is_held=is_held, is_fresh=False) is None


@pytest.mark.parametrize(
    ("stage", "found", "words"),
    [
        (S.COMPLETED, HELD, "it is completed but was not carried out"),
        (S.COMPLETED, MOVED, "it was approved without a hold"),
        (S.FAILED, HELD, "it is failed but its hold lives"),
        (S.PENDING, NOTHING, "it is pending without a hold"),
        (S.PENDING, POSTED, "it is pending but has ended"),
        (S.DECLINED, VOIDED, "it is declined but has ended"),
        (S.COMPLETED, TransferEvidence(500, 500, 500), "it was both carried out and voided"),
        (S.COMPLETED, TransferEvidence(500, 499, None), "the ledger has another amount"),
    ],
)
def test_a_transfer_whose_record_and_ledger_disagree_is_named(
    stage: TransferStage, found: TransferEvidence, words: str
) -> None:
    assert judge_transfer(stage, 500, found, is_held=True, is_fresh=False) == words


def test_what_the_ledger_did_a_moment_ago_may_not_be_on_paper_yet() -> None:
    for stage, found in ((S.CREATED, MOVED), (S.APPROVED, POSTED), (S.DECLINED, VOIDED)):
        is_held = found is not MOVED
        assert judge_transfer(stage, 500, found, is_held=is_held, is_fresh=True) is None
        assert judge_transfer(stage, 500, found, is_held=is_held, is_fresh=False) is not None


@pytest.fixture
async def store(
    asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[PostgresStore]:
    """With a transfer of every end, each as the ledger has it."""
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        ledger, transfers = (
            PostgresLedger(postgres, LEDGER),
            PostgresTransfers(postgres, ISPB, keyring(ISPB)),
        )
        await store.add_account(account(OTHER_ACCOUNT), [], event("account.created"))
        customers = [postings.customer_account(one, LEDGER) for one in (SOURCE, DESTINATION)]
        await ledger.create_accounts([*postings.house_accounts(ISPB, LEDGER), *customers])
        funds = postings.pix_in(ISPB, LEDGER, new_end_to_end_id(), SOURCE, 100_00)
        await ledger.create_transfers([funds])

        book = {"source": SOURCE, "destination": DESTINATION, "amount": 5_00}
        done, failed, approved, declined = transfer(), transfer(), to_approve(), to_approve()
        for one in (done, failed, approved, declined):
            await transfers.open(opening(one))
        await ledger.create_transfers(
            [
                moves.transfer_move(ISPB, LEDGER, done.id, **book),
                moves.transfer_hold(ISPB, LEDGER, approved.id, **book),
                moves.transfer_post(ISPB, LEDGER, approved.id, 5_00),
                moves.transfer_hold(ISPB, LEDGER, declined.id, **book),
                moves.transfer_void(ISPB, LEDGER, declined.id, 5_00),
            ]
        )
        await transfers.move(moved(done, S.COMPLETED))
        await transfers.move(moved(failed, S.FAILED))
        for made, decision, end in (
            (approved, S.APPROVED, S.COMPLETED),
            (declined, S.DECLINED, S.FAILED),
        ):
            pending = moved(made, S.PENDING, event=None)
            decided = moved(pending.transfer, decision, event=None, decided_by=CHECKER)
            for step in (pending, decided, moved(decided.transfer, end)):
                assert (await transfers.move(step)).happened
        yield store


async def test_the_books_of_transfers_with_every_end_are_proven(store: PostgresStore) -> None:
    books = await store.prove_books()

    assert books.mismatches == ()
    assert (books.debits_pending, books.credits_pending) == (0, 0)
    assert books.debits_posted == books.credits_posted == 110_00
