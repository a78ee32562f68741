"""The Study of PIX in: every outcome, and the order of its reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.domain.receipt import ReceiptDecision, ReceiptOutcome, decide_receipt
from fluxiq.domain.records import (
    Account,
    AccountStatus,
    Charge,
    ChargeStatus,
    Notice,
    NoticeKind,
    ReceiptReason,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ACCOUNT = Account(
    id="acc_1",
    merchant_id="mch_1",
    ledger_id=1,
    product_id="prod_pix_merchant",
    name="Loja",
    status=AccountStatus.ACTIVE,
    created_at=NOW,
)
STRANGER = replace(ACCOUNT, id="acc_2", ledger_id=2)
CHARGE = Charge(
    id="chg_1",
    merchant_id="mch_1",
    account_id="acc_1",
    txid="T1",
    amount=15000,
    description="",
    payer=None,
    pix_key="loja@example.com",
    qr_code="",
    status=ChargeStatus.PENDING,
    expires_at=NOW + MINUTE,
    created_at=NOW - MINUTE,
)
NOTICE = Notice(
    event_id="1",
    kind=NoticeKind.RECEIVED,
    end_to_end_id="E12345678202607011200abcDEF12345",
    amount=15000,
    occurred_at=NOW,
    pix_key="loja@example.com",
    txid="T1",
)


def decide(
    charge: Charge | None = CHARGE,
    key_owner: Account | None = ACCOUNT,
    *,
    already_seen: bool = False,
    now: datetime = NOW,
    charge_owner: Account | None = None,
    **changed: Any,
) -> ReceiptDecision:
    notice = replace(NOTICE, **changed)
    return decide_receipt(notice, charge, key_owner, already_seen, now, charge_owner=charge_owner)


def credited(reason: ReceiptReason, charge: Charge | None = CHARGE) -> ReceiptDecision:
    return ReceiptDecision(
        outcome=ReceiptOutcome.CREDIT_ONLY, reason=reason, account=ACCOUNT, charge=charge
    )


PAYS = ReceiptDecision(
    outcome=ReceiptOutcome.PAYS_CHARGE,
    reason=ReceiptReason.PAYS_CHARGE,
    account=ACCOUNT,
    charge=CHARGE,
)
NOBODY = ReceiptDecision(outcome=ReceiptOutcome.UNIDENTIFIED, reason=ReceiptReason.UNIDENTIFIED)


def test_the_right_amount_in_time_pays_the_charge() -> None:
    assert decide() == PAYS


def test_the_last_moment_is_in_time_and_the_next_is_late() -> None:
    late = NOW + MINUTE + timedelta(microseconds=1)
    assert decide(occurred_at=NOW + MINUTE, now=late) == PAYS
    assert decide(occurred_at=late, now=late) == credited(ReceiptReason.LATE)


def test_a_notice_that_travelled_slowly_does_not_make_the_payer_late() -> None:
    assert decide(now=NOW + timedelta(days=1)) == PAYS


def test_a_provider_s_clock_that_runs_ahead_does_not_make_the_payer_late() -> None:
    assert decide(occurred_at=NOW + timedelta(days=1)) == PAYS


def test_a_charge_that_has_expired_stays_so() -> None:
    expired = replace(CHARGE, status=ChargeStatus.EXPIRED)
    assert decide(expired) == credited(ReceiptReason.LATE, expired)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (14999, ReceiptReason.UNDERPAID),
        (1, ReceiptReason.UNDERPAID),
        (15001, ReceiptReason.OVERPAID),
    ],
)
def test_another_amount_is_credited_and_pays_nothing(amount: int, reason: ReceiptReason) -> None:
    assert decide(amount=amount) == credited(reason)


@pytest.mark.parametrize("status", [ChargeStatus.PAID, ChargeStatus.REFUNDED])
def test_a_second_payment_is_credited_and_pays_nothing(status: ChargeStatus) -> None:
    paid = replace(CHARGE, status=status)
    assert decide(paid) == credited(ReceiptReason.CHARGE_ALREADY_PAID, paid)


def test_a_cancelled_charge_is_not_paid() -> None:
    cancelled = replace(CHARGE, status=ChargeStatus.CANCELLED)
    assert decide(cancelled) == credited(ReceiptReason.CHARGE_CANCELLED, cancelled)


def test_money_for_a_key_without_a_charge_is_credited() -> None:
    assert decide(None, txid=None) == credited(ReceiptReason.NO_CHARGE, None)


def test_a_txid_of_another_account_s_charge_pays_nothing() -> None:
    decision = decide(CHARGE, STRANGER)
    assert decision.outcome is ReceiptOutcome.CREDIT_ONLY
    assert decision.reason is ReceiptReason.NO_CHARGE
    assert decision.account == STRANGER
    assert decision.charge is None


def test_money_for_nobody_we_know_waits() -> None:
    assert decide(None, None) == NOBODY
    assert decide(CHARGE, None) == NOBODY


def test_a_charge_s_own_account_is_enough_where_the_key_is_unknown() -> None:
    assert decide(CHARGE, None, charge_owner=ACCOUNT, pix_key=None) == PAYS


def test_the_key_s_owner_comes_before_the_charge_s() -> None:
    assert decide(CHARGE, STRANGER, charge_owner=ACCOUNT).account == STRANGER


@pytest.mark.parametrize("status", AccountStatus)
def test_money_is_credited_whatever_the_status_of_its_account(status: AccountStatus) -> None:
    owner = replace(ACCOUNT, status=status)
    assert decide(key_owner=owner).account == owner


def test_what_was_seen_before_changes_nothing() -> None:
    nothing = ReceiptDecision(outcome=ReceiptOutcome.DUPLICATE, reason=None)
    assert decide(already_seen=True) == nothing
    assert decide(None, None, already_seen=True) == nothing


def test_late_is_said_before_another_amount_and_paid_before_late() -> None:
    late = NOW + 2 * MINUTE
    paid = replace(CHARGE, status=ChargeStatus.PAID)
    assert decide(amount=1, occurred_at=late, now=late).reason is ReceiptReason.LATE
    assert decide(paid, occurred_at=late, now=late).reason is ReceiptReason.CHARGE_ALREADY_PAID


@given(
    charge=st.none()
    | st.builds(lambda status: replace(CHARGE, status=status), st.sampled_from(ChargeStatus)),
    key_owner=st.sampled_from([None, ACCOUNT, STRANGER]),
    charge_owner=st.sampled_from([None, ACCOUNT]),
    amount=st.integers(1, 20000),
    delay=st.timedeltas(timedelta(0), timedelta(minutes=3)),
)
def test_money_of_a_known_account_is_always_its_own(
    charge: Charge | None,
    key_owner: Account | None,
    charge_owner: Account | None,
    amount: int,
    delay: timedelta,
) -> None:
    when = NOW + delay
    decision = decide(
        charge, key_owner, charge_owner=charge_owner, amount=amount, occurred_at=when, now=when
    )
    known = key_owner or charge_owner
    assert decision.account == known
    assert (decision.outcome is ReceiptOutcome.UNIDENTIFIED) is (known is None)
    if decision.outcome is ReceiptOutcome.PAYS_CHARGE:
        assert charge is not None
        assert decision.charge == charge
        assert charge.status is ChargeStatus.PENDING
        assert charge.amount == amount
        assert when <= charge.expires_at


def test_only_money_received_is_studied() -> None:
    with pytest.raises(AssertionError, match="received"):
        decide(kind=NoticeKind.CONFIRMED)

    with pytest.raises(AssertionError, match="empty"):
        decide(amount=0)
