"""What may be refunded, how a refund lives, and what it moves."""

from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.domain import payout as payouts
from fluxiq.domain import postings, refund_postings
from fluxiq.domain.records import (
    AccountFlags,
    PayoutStage,
    Receipt,
    ReceiptReason,
    Refund,
    RefundReason,
    TransferFlags,
)
from fluxiq.domain.refund import (
    BACEN_CODE,
    PUBLIC_STATUS,
    TRANSITIONS,
    RefundStatus,
    decide_amount,
    stages_of,
)
from fluxiq.errors import Refused

ISPB, LEDGER = "12345678", 7
E2E = "E00000000202607011200abcDEF12345"
RETURN_ID = "D12345678202607021200abcDEF12345"
CUSTOMER = postings.customer_ledger_id(ISPB, "acc_01JZ0000000000000000000000")
RECEIVED_AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAYS_MAX = 90

RECEIPT = Receipt(
    id="pay_1",
    end_to_end_id=E2E,
    amount=100_00,
    reason=ReceiptReason.NO_CHARGE,
    account_id="acc_1",
    merchant_id="mch_1",
    charge_id=None,
    payer=None,
    transfer_id=1,
    received_at=RECEIVED_AT,
)
REFUND = Refund(
    id="ref_1",
    merchant_id="mch_1",
    account_id="acc_1",
    end_to_end_id=E2E,
    return_id=RETURN_ID,
    charge_id=None,
    amount=40_00,
    reason=RefundReason.CUSTOMER,
    description="",
    stage=PayoutStage.CREATED,
    created_at=RECEIVED_AT,
    updated_at=RECEIVED_AT,
)


def decided(asked: int | None, left: int = 100_00, *, days: float = 1) -> int:
    now = RECEIVED_AT + timedelta(days=days)
    return decide_amount(RECEIPT, asked, left, now, days_max=DAYS_MAX)


def test_without_an_amount_all_that_is_left_is_refunded() -> None:
    assert decided(None, 60_00) == 60_00


def test_an_amount_that_was_said_is_left_to_the_ledger_to_judge() -> None:
    assert decided(70_00, 60_00) == 70_00


def test_nothing_left_is_refused_as_a_refund_above_the_original() -> None:
    with pytest.raises(Refused) as refused:
        decided(None, 0)
    assert refused.value.code == "refund_above_original"


def test_the_last_moment_of_the_ninety_days_still_counts() -> None:
    assert decided(1, days=DAYS_MAX) == 1
    with pytest.raises(Refused) as refused:
        decided(1, days=DAYS_MAX + 1e-6)
    assert refused.value.code == "refund_deadline_passed"


def test_a_refund_goes_through_a_payout_s_stages_but_never_comes_back() -> None:
    assert PayoutStage.RETURNED not in TRANSITIONS.values()
    assert set(TRANSITIONS.items()) < set(payouts.TRANSITIONS.items())
    assert set(PUBLIC_STATUS) == set(PayoutStage) - {
        PayoutStage.RETURNED,
        PayoutStage.SCHEDULED,
        PayoutStage.CANCELLED,
    }


def test_every_status_has_its_stages_and_every_reason_its_code() -> None:
    assert stages_of(RefundStatus.COMPLETED) == {PayoutStage.CONFIRMED}
    assert stages_of(RefundStatus.PROCESSING) == {
        PayoutStage.CREATED,
        PayoutStage.HELD,
        PayoutStage.SENT,
        PayoutStage.IN_DOUBT,
    }
    assert sorted(BACEN_CODE.values()) == ["BE08", "FR01", "MD06", "SL02"]
    assert set(BACEN_CODE) == set(RefundReason)


def test_the_limit_of_a_receipt_is_an_account_that_no_debit_may_exceed() -> None:
    account = refund_postings.limit_account(ISPB, LEDGER, E2E)
    credit = refund_postings.limit_credit(ISPB, LEDGER, E2E, 100_00)

    assert account.flags == AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
    assert (credit.credit_account_id, credit.amount) == (account.id, 100_00)
    assert credit == refund_postings.limit_credit(ISPB, LEDGER, E2E, 100_00)
    assert account.code in postings.CONTROL


def test_a_refund_holds_its_room_in_the_limit_and_the_money_in_one_chain() -> None:
    limit, money = refund_postings.refund_hold(ISPB, LEDGER, REFUND, CUSTOMER)

    assert limit.flags == TransferFlags.PENDING | TransferFlags.LINKED
    assert money.flags == TransferFlags.PENDING
    assert limit.debit_account_id == refund_postings.limit_account_id(ISPB, E2E)
    assert money.debit_account_id == CUSTOMER
    settlement = postings.house_account_id(ISPB, postings.AccountCode.SETTLEMENT)
    assert money.credit_account_id == settlement
    assert limit.amount == money.amount == REFUND.amount


@pytest.mark.parametrize(
    ("posting", "flag"),
    [
        (refund_postings.refund_post, TransferFlags.POST_PENDING_TRANSFER),
        (refund_postings.refund_void, TransferFlags.VOID_PENDING_TRANSFER),
    ],
)
def test_both_holds_end_alike_in_one_chain(posting: object, flag: TransferFlags) -> None:
    held = refund_postings.refund_hold(ISPB, LEDGER, REFUND, CUSTOMER)
    limit, money = posting(ISPB, LEDGER, REFUND)  # type: ignore[operator]

    assert (limit.flags, money.flags) == (flag | TransferFlags.LINKED, flag)
    assert (limit.pending_id, money.pending_id) == (held[0].id, held[1].id)
    assert money.code == held[1].code
    assert limit.code == held[0].code


def test_every_leg_of_a_refund_has_an_id_of_its_own() -> None:
    legs = [
        refund_postings.limit_credit(ISPB, LEDGER, E2E, 1),
        *refund_postings.refund_hold(ISPB, LEDGER, REFUND, CUSTOMER),
        *refund_postings.refund_post(ISPB, LEDGER, REFUND),
        *refund_postings.refund_void(ISPB, LEDGER, REFUND),
        refund_postings.payout_return(ISPB, LEDGER, E2E, CUSTOMER, return_id=RETURN_ID, amount=1),
    ]
    assert len({leg.id for leg in legs}) == len(legs)
    money = {leg.id for leg in legs if leg.code == postings.TransferCode.PIX_REFUND}
    assert money == set(refund_postings.refund_transfer_ids(ISPB, RETURN_ID))
