"""The stages of an infraction, and what its provider is told of the report that answers it."""

from datetime import UTC, datetime
from itertools import product

import pytest

from fluxiq.domain.infraction import (
    OVER,
    TRANSITIONS,
    Infraction,
    InfractionEvent,
    InfractionStage,
    InfractionStatus,
    advance,
    owed,
)
from fluxiq.domain.med import MedReason, MedStage

S, E, T = InfractionStage, InfractionEvent, InfractionStatus
AT = datetime(2026, 11, 22, tzinfo=UTC)


def infraction(stage: InfractionStage = S.REPORTED, told: InfractionStatus = T.OPEN) -> Infraction:
    return Infraction(
        id="inf_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
        provider="psp",
        number="8f3f6a1e",
        end_to_end_id="E12345678202611221200abcdefghijk",
        reason=MedReason.SCAM,
        details="",
        stage=stage,
        created_at=AT,
        updated_at=AT,
        due_at=AT,
        told=told,
    )


def test_what_was_heard_is_reported_dismissed_or_withdrawn_and_can_be_withdrawn_after() -> None:
    assert {S.HEARD, *TRANSITIONS.values()} == set(S)
    for event in E:
        assert advance(S.HEARD, event) is S(event.value)
        assert advance(S.WITHDRAWN, event) is None
    for stage in (S.REPORTED, S.DISMISSED):
        assert [event for event in E if advance(stage, event)] == [E.WITHDRAWN]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (MedStage.CREATED, []),
        (MedStage.OPEN, []),
        (MedStage.ACKNOWLEDGED, [T.ACKNOWLEDGED]),
        (MedStage.AGREED, [T.ACKNOWLEDGED, T.AGREED]),
        (MedStage.RETURN_FAILED, [T.ACKNOWLEDGED, T.AGREED]),
        (MedStage.DISAGREED, [T.ACKNOWLEDGED, T.DISAGREED]),
        (MedStage.EXPIRED, [T.ACKNOWLEDGED, T.DISAGREED]),
        (MedStage.CANCELLED, [T.ACKNOWLEDGED, T.DISAGREED]),
    ],
)
def test_a_provider_is_told_of_a_result_after_the_acknowledgement(
    report: MedStage, said: list[InfractionStatus]
) -> None:
    told, words = T.OPEN, []
    while (word := owed(infraction(told=told), report)) is not None:
        words.append(word)
        told = word
    assert words == said


def test_every_stage_of_a_report_has_something_that_a_provider_should_know() -> None:
    for report in MedStage:
        owed(infraction(), report)


def test_what_is_dismissed_is_disagreed_to_without_a_report() -> None:
    assert owed(infraction(S.DISMISSED), None) is T.ACKNOWLEDGED
    assert owed(infraction(S.DISMISSED, T.ACKNOWLEDGED), None) is T.DISAGREED


def test_nothing_is_owed_while_its_payment_is_awaited_nor_after_a_result() -> None:
    assert owed(infraction(S.HEARD), None) is None
    for told, report in product(OVER, MedStage):
        assert owed(infraction(told=told), report) is None
