"""What the stand-in may debit before TigerBeetle knows of it."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from fluxiq.domain import postings, refund_postings
from fluxiq.domain.records import (
    PayoutStage,
    Refund,
    RefundReason,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.ledgers.writer.caps import Caps

HOUSE, ALICE, BOB, CAROL = 1, 2, 3, 4
CREATED, REFUSED = TransferStatus.CREATED, TransferStatus.EXCEEDS_CREDITS


def debit(account: int, amount: int) -> Transfer:
    return Transfer(
        id=1, ledger=7, code=1, debit_account_id=account, credit_account_id=HOUSE, amount=amount
    )


def caps() -> Caps:
    return Caps(account_cap=100, institution_cap=250, house=frozenset({HOUSE}))


def test_account_and_institution_are_both_bounded() -> None:
    spent = caps()
    assert spent.admit([debit(ALICE, 60)])
    assert not spent.admit([debit(ALICE, 41)])
    assert spent.admit([debit(ALICE, 40)])
    assert spent.admit([debit(BOB, 100)])
    assert not spent.admit([debit(CAROL, 51)])
    assert spent.admit([debit(CAROL, 50)])


def test_request_is_admitted_whole_or_counts_nothing() -> None:
    spent = caps()
    assert not spent.admit([debit(ALICE, 60), debit(BOB, 10), debit(ALICE, 60)])
    assert spent.admit([debit(ALICE, 100), debit(BOB, 100)])


def test_debits_of_the_house_and_what_resolves_a_hold_are_free() -> None:
    spent = caps()
    assert spent.admit([debit(HOUSE, 1_000_000)])
    post = TransferFlags.POST_PENDING_TRANSFER
    assert spent.admit([replace(debit(ALICE, 1_000), flags=post, pending_id=9)])
    assert spent.admit([debit(ALICE, 100)])


def test_what_was_not_created_is_given_back() -> None:
    spent = caps()
    both = [debit(ALICE, 60), debit(ALICE, 40)]
    assert spent.admit(both)
    spent.give_back(both, [CREATED, REFUSED])
    assert not spent.admit([debit(ALICE, 41)])
    assert spent.admit([debit(ALICE, 40)])
    spent.give_back([debit(BOB, 0)], [None])


def test_what_an_earlier_process_did_counts_even_beyond_the_caps() -> None:
    spent = caps()
    spent.count([debit(ALICE, 300), debit(BOB, 5)], [CREATED, REFUSED])
    assert not spent.admit([debit(BOB, 1)])
    spent.clear()
    assert spent.admit([debit(BOB, 1)])


def a_refund(amount: int) -> Refund:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return Refund(
        id="ref_1",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id="E12345678202601021200aaaaaaaaaaa",
        return_id="D12345678202601021200aaaaaaaaaaa",
        charge_id=None,
        amount=amount,
        reason=RefundReason.CUSTOMER,
        description="",
        stage=PayoutStage.CREATED,
        created_at=at,
        updated_at=at,
    )


def test_a_refund_counts_once_at_the_customer_whose_money_it_is() -> None:
    """The symptom: a refund was counted twice, at the customer and in the limit of what came in, so
    that an institution reached its cap with half of what it had allowed.
    """
    spent = caps()
    for amount in (60, 40):
        assert spent.admit(refund_postings.refund_hold("12345678", 7, a_refund(amount), ALICE))
    assert not spent.admit(refund_postings.refund_hold("12345678", 7, a_refund(1), ALICE))
    assert spent.admit([debit(BOB, 100)])
    assert spent.admit([debit(CAROL, 50)])
    assert not spent.admit([debit(CAROL, 1)])


def test_a_spent_cap_keeps_no_money_from_being_received_for_its_fee() -> None:
    spent = Caps(
        account_cap=100,
        institution_cap=250,
        house=frozenset(one.id for one in postings.house_accounts("12345678", 7)),
    )
    assert spent.admit([debit(ALICE, 100)])
    end_to_end_id = "E12345678202607011200abcDEF12345"
    chain = postings.pix_in_less_fee("12345678", 7, end_to_end_id, ALICE, amount=5_00, fee=50)
    assert spent.admit(chain)
    assert not spent.admit([debit(ALICE, 1)])


@pytest.mark.parametrize("statuses", [[REFUSED, REFUSED], [CREATED, CREATED], [None, None]])
def test_a_refund_gives_back_what_it_took_and_no_more(
    statuses: list[TransferStatus | None],
) -> None:
    spent = caps()
    chain = refund_postings.refund_hold("12345678", 7, a_refund(100), ALICE)
    assert spent.admit(chain)
    spent.give_back(chain, statuses)
    assert spent.admit([debit(ALICE, 100)]) is (CREATED not in statuses)


def test_what_is_foreseen_is_what_is_admitted_and_reserves_nothing() -> None:
    spent = caps()
    for _ in range(2):
        assert spent.have_room({ALICE: 100, BOB: 100, CAROL: 50})
        assert not spent.have_room({ALICE: 101})
        assert not spent.have_room({ALICE: 100, BOB: 100, CAROL: 51})
    assert spent.admit([debit(ALICE, 60)])
    assert spent.have_room({ALICE: 40})
    assert not spent.have_room({ALICE: 41})
