"""The life of a payout, in the stages its workflow needs and the statuses its caller sees.

`created -> held -> sent -> confirmed | failed`, with `in_doubt` when an order was sent and no
answer came, and `returned` when the payee's institution gave all of it back. One for another day is
`scheduled` before that, and may be `cancelled` instead. The provider's final notice may overtake
our own record of having sent, so `held` ends by it too. Exactly one of confirmed and failed is ever
reached: after AB03 a late acceptance is ignored (SPI, 40 s limit).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from fluxiq.domain.records import PayoutStage


class PayoutStatus(StrEnum):
    """What callers see."""

    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class PayoutEvent(StrEnum):
    """What can happen to a payout. DUE: its day has come. DOUBTED: an order went out and its answer
    is unknown. CANCELLED: its merchant no longer wants it.
    """

    DUE = "due"
    CANCELLED = "cancelled"
    HELD = "held"
    SENT = "sent"
    DOUBTED = "doubted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    RETURNED = "returned"


class Changed(Struct, frozen=True):
    """The payout is now in this stage."""

    stage: PayoutStage


class Ignored(Struct, frozen=True):
    """Nothing changes; `reason` is a stable word for the audit trail.

    `contradicts` when the event says the opposite of what was decided: a person should look at it,
    because the provider's books and ours may differ.
    """

    reason: str
    contradicts: bool = False


_S, _E = PayoutStage, PayoutEvent

TRANSITIONS: Mapping[tuple[PayoutStage, PayoutEvent], PayoutStage] = MappingProxyType(
    {
        (_S.SCHEDULED, _E.DUE): _S.CREATED,
        (_S.SCHEDULED, _E.FAILED): _S.FAILED,
        (_S.SCHEDULED, _E.CANCELLED): _S.CANCELLED,
        (_S.CREATED, _E.HELD): _S.HELD,
        (_S.CREATED, _E.FAILED): _S.FAILED,
        (_S.HELD, _E.SENT): _S.SENT,
        (_S.HELD, _E.DOUBTED): _S.IN_DOUBT,
        (_S.HELD, _E.CONFIRMED): _S.CONFIRMED,
        (_S.HELD, _E.FAILED): _S.FAILED,
        (_S.SENT, _E.DOUBTED): _S.IN_DOUBT,
        (_S.SENT, _E.CONFIRMED): _S.CONFIRMED,
        (_S.SENT, _E.FAILED): _S.FAILED,
        # The enquiry answered "accepted": the provider has it, and will say how it ended.
        (_S.IN_DOUBT, _E.SENT): _S.SENT,
        (_S.IN_DOUBT, _E.CONFIRMED): _S.CONFIRMED,
        (_S.IN_DOUBT, _E.FAILED): _S.FAILED,
        (_S.CONFIRMED, _E.RETURNED): _S.RETURNED,
    }
)

TERMINAL = frozenset({_S.CONFIRMED, _S.FAILED, _S.RETURNED, _S.CANCELLED})

# Nothing is held for it, so no provider was asked for it and none can end it.
NOT_ORDERED = frozenset({_S.SCHEDULED, _S.CREATED, _S.CANCELLED})

PUBLIC_STATUS: Mapping[PayoutStage, PayoutStatus] = MappingProxyType(
    {
        _S.SCHEDULED: PayoutStatus.SCHEDULED,
        _S.CREATED: PayoutStatus.PROCESSING,
        _S.HELD: PayoutStatus.PROCESSING,
        _S.SENT: PayoutStatus.PROCESSING,
        _S.IN_DOUBT: PayoutStatus.PROCESSING,
        _S.CONFIRMED: PayoutStatus.CONFIRMED,
        _S.FAILED: PayoutStatus.FAILED,
        _S.RETURNED: PayoutStatus.RETURNED,
        _S.CANCELLED: PayoutStatus.CANCELLED,
    }
)

# A payout that was never held was never ordered, and one that failed was never paid: a provider
# who says otherwise and this institution do not have the same books.
_CONTRADICTIONS = frozenset(
    {
        *((stage, _E.CONFIRMED) for stage in NOT_ORDERED),
        *((stage, _E.RETURNED) for stage in NOT_ORDERED),
        (_S.FAILED, _E.CONFIRMED),
        (_S.FAILED, _E.RETURNED),
        (_S.CONFIRMED, _E.FAILED),
        (_S.RETURNED, _E.FAILED),
    }
)


def advance(stage: PayoutStage, event: PayoutEvent) -> Changed | Ignored:
    """What `event` does to a payout in `stage`. Terminal stages absorb everything (a confirmed one
    all but its return).
    """
    target = TRANSITIONS.get((stage, event))
    if target is not None:
        return Changed(target)

    reason = f"{event}_after_{stage}"
    return Ignored(reason, contradicts=(stage, event) in _CONTRADICTIONS)


def public_status(stage: PayoutStage) -> PayoutStatus:
    """What the caller sees of a stage: four stages are one `processing`."""
    return PUBLIC_STATUS[stage]


def stages_of(status: PayoutStatus) -> tuple[PayoutStage, ...]:
    """The stages that a caller sees as `status`."""
    return tuple(stage for stage, seen in PUBLIC_STATUS.items() if seen is status)
