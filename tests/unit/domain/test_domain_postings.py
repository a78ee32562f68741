"""Which accounts a payment moves."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.domain.postings import (
    CONTROL,
    COSIF,
    COSIF_HOLD,
    AccountCode,
    TransferCode,
    customer_account,
    customer_ledger_id,
    fee_id,
    house_account_id,
    house_accounts,
    payout_hold,
    payout_hold_id,
    payout_post,
    payout_void,
    pix_in,
    pix_in_id,
    pix_in_less_fee,
    pix_in_unidentified,
)
from fluxiq.domain.records import AccountFlags, Transfer, TransferFlags

ISPB = "12345678"
LEDGER = 7
E2E = "E12345678202607011200abcDEF12345"
CUSTOMER = customer_ledger_id(ISPB, "acc_01JZ0000000000000000000000")
SETTLEMENT = house_account_id(ISPB, AccountCode.SETTLEMENT)
UNIDENTIFIED = house_account_id(ISPB, AccountCode.UNIDENTIFIED)
REFUND_CONTROL = house_account_id(ISPB, AccountCode.REFUND_CONTROL)
FEE_INCOME = house_account_id(ISPB, AccountCode.FEE_INCOME)

LEGS: list[Callable[[int], Transfer]] = [
    lambda amount: pix_in(ISPB, LEDGER, E2E, CUSTOMER, amount),
    lambda amount: pix_in_unidentified(ISPB, LEDGER, E2E, amount),
    lambda amount: payout_hold(ISPB, LEDGER, E2E, CUSTOMER, amount),
    lambda amount: payout_post(ISPB, LEDGER, E2E, amount),
    lambda amount: payout_void(ISPB, LEDGER, E2E, amount),
]


def check_digit(digits: str) -> int:
    """COSIF's own: weights 3, 7, 1 from right to left over nine digits."""
    total = sum(int(digit) * (3, 7, 1)[at % 3] for at, digit in enumerate(reversed(digits)))
    return (10 - total % 10) % 10


def test_money_received_goes_from_settlement_to_the_customer() -> None:
    assert pix_in(ISPB, LEDGER, E2E, CUSTOMER, 15000) == Transfer(
        id=pix_in_id(ISPB, E2E),
        ledger=LEDGER,
        code=TransferCode.PIX_IN,
        debit_account_id=SETTLEMENT,
        credit_account_id=CUSTOMER,
        amount=15000,
    )


def test_money_for_nobody_waits_in_its_own_account() -> None:
    transfer = pix_in_unidentified(ISPB, LEDGER, E2E, 15000)
    assert transfer.debit_account_id == SETTLEMENT
    assert transfer.credit_account_id == UNIDENTIFIED
    assert transfer.code == TransferCode.PIX_IN_UNIDENTIFIED
    assert transfer.flags == TransferFlags.NONE


def test_a_fee_goes_from_the_customer_to_the_income_linked_behind_the_whole_receipt() -> None:
    received, fee = pix_in_less_fee(ISPB, LEDGER, E2E, CUSTOMER, amount=15000, fee=99)
    alone = pix_in(ISPB, LEDGER, E2E, CUSTOMER, 15000)
    assert received == replace(alone, flags=TransferFlags.LINKED)
    assert fee == Transfer(
        id=fee_id(ISPB, E2E),
        ledger=LEDGER,
        code=TransferCode.FEE,
        debit_account_id=CUSTOMER,
        credit_account_id=FEE_INCOME,
        amount=99,
        user_data_128=received.id,
    )


def test_a_fee_above_what_was_received_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="more than the 10 received"):
        pix_in_less_fee(ISPB, LEDGER, E2E, CUSTOMER, amount=10, fee=11)


def test_one_end_to_end_id_credits_once_whoever_it_turns_out_to_be_for() -> None:
    known = pix_in(ISPB, LEDGER, E2E, CUSTOMER, 1)
    assert known.id == pix_in_unidentified(ISPB, LEDGER, E2E, 1).id


def test_a_hold_is_a_pending_transfer_from_the_customer_to_settlement() -> None:
    hold = payout_hold(ISPB, LEDGER, E2E, CUSTOMER, 15000)
    assert hold.flags == TransferFlags.PENDING
    assert (hold.debit_account_id, hold.credit_account_id) == (CUSTOMER, SETTLEMENT)
    assert (hold.id, hold.pending_id) == (payout_hold_id(ISPB, E2E), 0)


def test_post_and_void_resolve_that_hold_whole() -> None:
    hold = payout_hold(ISPB, LEDGER, E2E, CUSTOMER, 15000)
    post, void = payout_post(ISPB, LEDGER, E2E, 15000), payout_void(ISPB, LEDGER, E2E, 15000)
    assert post.flags == TransferFlags.POST_PENDING_TRANSFER
    assert void.flags == TransferFlags.VOID_PENDING_TRANSFER
    for transfer in (post, void):
        assert transfer.pending_id == hold.id
        assert (transfer.amount, transfer.ledger, transfer.code) == (15000, LEDGER, hold.code)
        # Zero means "the hold's own" to the ledger.
        assert (transfer.debit_account_id, transfer.credit_account_id) == (0, 0)


def test_every_leg_of_every_payment_of_every_institution_has_its_own_id() -> None:
    ids = {
        leg(ispb, LEDGER, e2e, 1).id
        for ispb in (ISPB, "87654321")
        for e2e in (E2E, E2E[:-1] + "6")
        for leg in (pix_in_unidentified, payout_post, payout_void)
    } | {
        payout_hold(ispb, LEDGER, e2e, CUSTOMER, 1).id
        for ispb in (ISPB, "87654321")
        for e2e in (E2E, E2E[:-1] + "6")
    }
    assert len(ids) == 16


@given(st.integers(1, 10**12))
def test_making_a_transfer_again_makes_the_same(amount: int) -> None:
    for leg in LEGS:
        transfer = leg(amount)
        assert transfer == leg(amount)
        assert transfer.amount == amount
        assert transfer.ledger == LEDGER


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("amount", [0, -1])
def test_a_transfer_of_nothing_is_a_bug(leg: Callable[[int], Transfer], amount: int) -> None:
    with pytest.raises(AssertionError, match="moves nothing"):
        leg(amount)


def test_the_institution_has_settlement_suspense_control_and_income_accounts() -> None:
    accounts = {account.id: account for account in house_accounts(ISPB, LEDGER)}
    assert set(accounts) == {SETTLEMENT, UNIDENTIFIED, REFUND_CONTROL, FEE_INCOME}
    assert accounts[SETTLEMENT].flags == AccountFlags.NONE
    assert accounts[UNIDENTIFIED].flags == AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
    assert {account.ledger for account in accounts.values()} == {LEDGER}


def test_a_customer_s_account_cannot_go_below_zero() -> None:
    account = customer_account(CUSTOMER, LEDGER)
    assert account.flags == AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
    assert (account.id, account.code, account.ledger) == (CUSTOMER, AccountCode.CUSTOMER, LEDGER)


def test_a_customer_role_has_no_single_account() -> None:
    with pytest.raises(AssertionError):
        house_account_id(ISPB, AccountCode.CUSTOMER)


def test_stored_numbers_never_change() -> None:
    assert {code.name: code.value for code in AccountCode} == {
        "SETTLEMENT": 1,
        "CUSTOMER": 2,
        "UNIDENTIFIED": 3,
        "REFUND_CONTROL": 4,
        "REFUND_LIMIT": 5,
        "BLOCKED": 6,
        "FEE_INCOME": 7,
    }
    assert {code.name: code.value for code in TransferCode} == {
        "PIX_IN": 1,
        "PIX_IN_UNIDENTIFIED": 2,
        "PIX_OUT": 3,
        "PIX_OUT_RETURN": 4,
        "PIX_REFUND": 5,
        "REFUND_LIMIT": 6,
        "BOOK_TRANSFER": 7,
        "BLOCK": 8,
        "RELEASE": 9,
        "FEE": 10,
    }
    assert f"{SETTLEMENT:032x}" == "a99b17c4ff8a66f95899a678ae651c25"


@pytest.mark.parametrize("code", [*COSIF.values(), COSIF_HOLD])
def test_cosif_codes_have_their_check_digit(code: str) -> None:
    digits = code.replace(".", "").replace("-", "")
    assert len(digits) == 10
    assert check_digit(digits[:9]) == int(digits[9])


def test_every_role_that_holds_money_has_a_cosif_account() -> None:
    assert set(COSIF) == set(AccountCode) - CONTROL
