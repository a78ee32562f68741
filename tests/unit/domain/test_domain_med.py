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
from fluxiq.domain.med_postings import med_block, med_release
from fluxiq.domain.records import TransferFlags

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


def test_a_decision_is_for_ever() -> None:
    for stage, event in product(DECIDED, E):
        assert advance(stage, event) is None


def test_every_stage_is_new_analysed_or_decided_and_can_be_reached() -> None:
    assert {S.CREATED} | ANALYSED | DECIDED == set(S)
    assert {S.CREATED, *TRANSITIONS.values()} == set(S)


def test_callers_see_four_statuses() -> None:
    assert set(PUBLIC_STATUS) == set(S)
    assert stages_of(MedStatus.CLOSED) == {S.AGREED, S.DISAGREED, S.EXPIRED}
    assert stages_of(MedStatus.OPEN) == {S.CREATED, S.OPEN}


def test_each_attempt_to_block_has_transfers_of_its_own_and_twice_is_once() -> None:
    first, again = (med_block(ISPB, LEDGER, report()) for _ in range(2))
    second = med_block(ISPB, LEDGER, report(attempt=2))
    assert first == again
    assert not {one.id for one in first} & {one.id for one in second}


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
