"""A payment's walk through the rooms, for people."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.records import Step


class StepView(Struct, frozen=True, kw_only=True):
    """One room of a payment's walk; `milliseconds` is the time spent there."""

    room: str
    entered_at: datetime
    left_at: datetime
    milliseconds: float
    detail: str


def step_view(step: Step) -> StepView:
    assert step.left_at is not None, "a step on record has ended"
    spent = (step.left_at - step.entered_at).total_seconds() * 1000
    return StepView(
        room=step.room,
        entered_at=step.entered_at,
        left_at=step.left_at,
        milliseconds=round(spent, 3),
        detail=step.detail,
    )
