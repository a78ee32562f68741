"""Payouts whose end nobody has said, as operators read them and decide about them."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from fluxiq.domain.records import PayoutStage
from fluxiq.ports.payments import InDoubt
from fluxiq.services.decide_payout import SILENCE_SECONDS
from fluxiq.services.messages.payouts import FailureView


class InDoubtView(Struct, frozen=True, kw_only=True):
    """A payout that was ordered and did not end; `amount` in centavos. `stage` is `in_doubt` where
    the order has no answer, `sent` where it was accepted. At `tried_at` the gate `tried` last to
    `send` it or to `ask` about it, and the provider `answered`: accepted, settled, rejected or
    not_found; null: nothing. From `decidable_at` on people may say how it ended.
    """

    id: str
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    stage: PayoutStage
    created_at: datetime
    tried: Literal["send", "ask"] | None
    tried_at: datetime | None
    answered: str | None
    decidable_at: datetime


class DecidedView(Struct, frozen=True, kw_only=True):
    """The payout as it ended: `confirmed`, its hold was posted; `failed`, it was voided."""

    id: str
    stage: PayoutStage
    amount: int
    end_to_end_id: str
    failure: FailureView | None


def in_doubt_view(payout: InDoubt) -> InDoubtView:
    decidable_at = payout.created_at + timedelta(seconds=SILENCE_SECONDS)
    return msgspec.convert(
        {**msgspec.structs.asdict(payout), "decidable_at": decidable_at}, InDoubtView
    )


def decided_view(answer: dict[str, Any]) -> DecidedView:
    return msgspec.convert(answer, DecidedView)
