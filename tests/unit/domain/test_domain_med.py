"""The stages of a fraud report, and what each moves in the ledger."""

from datetime import UTC, datetime
from itertools import product

import msgspec
import pytest

from fluxiq.domain.med import (
    ANALYSED,
    DECIDED,
    PUBLIC_STATUS,
    TRANSITIONS,
    MedEvent,
    MedReason,
    MedReport,
    MedStage,
    MedStatus,
    advance,
    stages_of,
)
from fluxiq.domain.med_postings import med_block, med_release, med_return_rejected
from fluxiq.domain.records import PayoutStage, Refund, RefundReason, TransferFlags
from fluxiq.domain.refund_postings import refund_void

S, E = MedStage, MedEvent
ISPB, LEDGER = "12345678", 1


def report(**said: object) -> MedReport:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    made = MedReport(
        id="med_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id="E12345678202611221200abcdefghijk",
        amount=100,
        reason=MedReason.SCAM,
        details="",
        stage=S.CREATED,
        opened_by="key_1",
        asked_by="mch_2",
        created_at=at,
        updated_at=at,
        attempt=1,
        blocked_amount=60,
    )
    return msgspec.structs.replace(made, **said)


def walk(*events: MedEvent) -> MedStage:
    stage = S.CREATED
    for event in events:
        stage = advance(stage, event) or stage
    return stage


@pytest.mark.parametrize("result", [E.AGREED, E.DISAGREED])
def test_a_report_is_blocked_acknowledged_and_closed(result: MedEvent) -> None:
    assert walk(E.BLOCKED, E.ACKNOWLEDGED, result) is S(result.value)
    assert walk(E.BLOCKED, result) is S.OPEN, "nobody decides what nobody has looked at"
    assert walk(result) is S.CREATED


@pytest.mark.parametrize("event", [E.CANCELLED, E.EXPIRED])
def test_until_it_is_decided_it_may_be_cancelled_or_expire(event: MedEvent) -> None:
    assert walk(E.BLOCKED, event) is walk(E.BLOCKED, E.ACKNOWLEDGED, event) is S(event.value)


def test_a_decision_is_for_ever_but_for_a_return_that_fails() -> None:
    for stage, event in product(DECIDED, E):
        failed = (stage, event) == (S.AGREED, E.RETURN_FAILED)
        assert advance(stage, event) is (S.RETURN_FAILED if failed else None)


@pytest.mark.parametrize("event", [E.AGREED, E.DISAGREED, E.CANCELLED])
def test_a_return_that_failed_waits_for_a_person_and_does_not_expire(event: MedEvent) -> None:
    agreed = (E.BLOCKED, E.ACKNOWLEDGED, E.AGREED)
    assert walk(*agreed, E.RETURN_FAILED, E.EXPIRED) is S.RETURN_FAILED
    assert walk(*agreed, E.RETURN_FAILED, event) is S(event.value)


def test_every_stage_is_new_analysed_decided_or_decided_anew_and_can_be_reached() -> None:
    assert {S.CREATED, S.RETURN_FAILED} | ANALYSED | DECIDED == set(S)
    assert {S.CREATED, *TRANSITIONS.values()} == set(S)


def test_callers_see_five_statuses() -> None:
    assert set(PUBLIC_STATUS) == set(S)
    assert stages_of(MedStatus.CLOSED) == {S.AGREED, S.DISAGREED, S.EXPIRED}
    assert stages_of(MedStatus.OPEN) == {S.CREATED, S.OPEN}


def test_each_attempt_to_block_has_transfers_of_its_own_and_twice_is_once() -> None:
    first, again = (med_block(ISPB, LEDGER, report()) for _ in range(2))
    second = med_block(ISPB, LEDGER, report(attempt=2))
    assert first == again
    assert not {one.id for one in first} & {one.id for one in second}


def test_what_is_blocked_again_is_released_by_names_of_its_own() -> None:
    before = report(refund_id="ref_1", return_id="D1", returned_amount=60)
    refund = Refund(
        id="ref_1",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id=before.end_to_end_id,
        return_id="D12345678202611221200abcdefghijk",
        charge_id=None,
        amount=60,
        reason=RefundReason.FRAUD,
        description="MED",
        stage=PayoutStage.SENT,
        created_at=before.created_at,
        updated_at=before.created_at,
    )
    voided, given_back, limit, money = med_return_rejected(ISPB, LEDGER, refund)
    assert (voided, given_back.pending_id) == (
        refund_void(ISPB, LEDGER, refund)[0],
        refund_void(ISPB, LEDGER, refund)[1].pending_id,
    )
    assert given_back.flags & limit.flags & TransferFlags.LINKED
    assert not money.flags, "the chain ends"

    blocked = report(stage=S.RETURN_FAILED, failed_refund_id="ref_1")
    again, released = med_release(ISPB, LEDGER, blocked)
    assert (again.pending_id, released.amount) == (limit.id, money.amount)
    first = {
        one.id for one in (*med_block(ISPB, LEDGER, before), *med_release(ISPB, LEDGER, before))
    }
    assert not first & {limit.id, money.id, again.id, released.id}


def test_a_release_undoes_the_attempt_that_stands() -> None:
    limit, money = med_block(ISPB, LEDGER, report(attempt=3))
    voided, released = med_release(ISPB, LEDGER, report(attempt=3))
    assert voided.pending_id == limit.id
    assert voided.flags == TransferFlags.VOID_PENDING_TRANSFER | TransferFlags.LINKED
    assert (released.debit_account_id, released.credit_account_id, released.amount) == (
        money.credit_account_id,
        money.debit_account_id,
        money.amount,
    )
