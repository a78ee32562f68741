"""Dead letters, and what the holds of payments without a workflow need: decided purely."""

from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.domain.dead_letter import (
    FAILURE_SECONDS_MAX,
    LetterEvent,
    LetterState,
    advance,
    payment_of,
    retry_seconds,
)
from fluxiq.domain.hold import ENDED_BY, Remedy, Workflow, judge_order, judge_transfer
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import PayoutStage
from fluxiq.domain.transfer import TransferStage

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
END_TO_END_ID = "E12345678202603041200abcdefghijk"


@pytest.mark.parametrize("event", LetterEvent)
def test_what_is_decided_stays_decided(event: LetterEvent) -> None:
    assert advance(LetterState.DEAD, event) == event.value
    assert advance(LetterState.REPLAYED, event) is None
    assert advance(LetterState.DISCARDED, event) is None


def test_a_failing_message_is_tried_ever_later_and_never_too_late() -> None:
    waits = [retry_seconds(failures) for failures in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert max(waits) == FAILURE_SECONDS_MAX


@pytest.mark.parametrize(
    ("body", "payment"),
    [
        (f'{{"end_to_end_id": "{END_TO_END_ID}", "account_id": "acc_1"}}', END_TO_END_ID),
        (f'{{"return_id": "D{END_TO_END_ID[1:]}"}}', f"D{END_TO_END_ID[1:]}"),
        (f'{{"id": "evt_1", "notice": {{"end_to_end_id": "{END_TO_END_ID}"}}}}', END_TO_END_ID),
        ('{"notice": "torn"}', None),
        ('{"end_to_end_id": 7}', None),
        ("[1, 2]", None),
        ("not a notice", None),
        ("", None),
    ],
)
def test_a_letter_names_the_payment_where_its_message_does(body: str, payment: str | None) -> None:
    assert payment_of(body.encode()) == payment


DISCARDED_LATELY = Workflow(letter=LetterState.DISCARDED, decided_at=NOW)
DISCARDED_LONG_AGO = Workflow(letter=LetterState.DISCARDED, decided_at=NOW - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("workflow", "remedy"),
    [
        (Workflow(), Remedy.ANNOUNCE),
        (Workflow(is_announced=True), Remedy.NOTHING),
        (Workflow(letter=LetterState.DEAD), Remedy.NOTHING),
        (DISCARDED_LATELY, Remedy.NOTHING),
        (DISCARDED_LONG_AGO, Remedy.ASK),
        # Replayed, and its announcement was lost since.
        (Workflow(letter=LetterState.REPLAYED, decided_at=NOW), Remedy.ANNOUNCE),
        # Whatever became of a letter: what is announced is somebody's.
        (Workflow(is_announced=True, letter=LetterState.REPLAYED), Remedy.NOTHING),
    ],
)
def test_what_a_hold_that_was_never_sent_needs(workflow: Workflow, remedy: Remedy) -> None:
    assert judge_order(PayoutStage.HELD, workflow, NOW) is remedy


@pytest.mark.parametrize("stage", [one for one in PayoutStage if one is not PayoutStage.HELD])
def test_every_other_stage_is_judged_by_itself(stage: PayoutStage) -> None:
    remedies = {judge_order(stage, one, NOW) for one in (Workflow(), DISCARDED_LONG_AGO)}
    assert len(remedies) == 1
    assert remedies <= {Remedy.NOTHING, Remedy.POST, Remedy.ASK_AND_VOID}


def test_nothing_is_voided_that_may_have_left() -> None:
    """Only what failed, and only when the provider does not contradict; see `watch_holds`."""
    voided = {
        stage
        for stage in PayoutStage
        if judge_order(stage, Workflow(), NOW) in {Remedy.VOID, Remedy.ASK_AND_VOID}
    }
    assert voided == {PayoutStage.FAILED, PayoutStage.CANCELLED}
    assert {state for state, event in ENDED_BY.items() if event is PayoutEvent.FAILED} == {
        "rejected",
        "not_found",
    }


def test_a_book_transfer_is_ended_only_as_its_record_has() -> None:
    ended = {stage: judge_transfer(stage) for stage in TransferStage}
    assert {stage for stage, remedy in ended.items() if remedy is not Remedy.NOTHING} == {
        TransferStage.COMPLETED,
        TransferStage.FAILED,
    }
