"""The life of a charge: `pending -> paid, expired, cancelled; paid -> refunded`.

Every pair of status and event is decided: it is in TRANSITIONS, or in IGNORED with the reason. So
a notice that comes twice, late or out of order changes nothing, and can be explained.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from fluxiq.domain.records import ChargeStatus


class ChargeEvent(StrEnum):
    """What can happen to a charge. REFUNDED: the whole amount went back, in one or more parts."""

    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Changed(Struct, frozen=True):
    """The charge now has this status."""

    status: ChargeStatus


class Ignored(Struct, frozen=True):
    """Nothing changes; `reason` is a stable word for the audit trail or for a refusal."""

    reason: str


_S, _E = ChargeStatus, ChargeEvent

TRANSITIONS: Mapping[tuple[ChargeStatus, ChargeEvent], ChargeStatus] = MappingProxyType(
    {
        (_S.PENDING, _E.PAID): _S.PAID,
        (_S.PENDING, _E.EXPIRED): _S.EXPIRED,
        (_S.PENDING, _E.CANCELLED): _S.CANCELLED,
        (_S.PAID, _E.REFUNDED): _S.REFUNDED,
    }
)

IGNORED: Mapping[tuple[ChargeStatus, ChargeEvent], str] = MappingProxyType(
    {
        (_S.PENDING, _E.REFUNDED): "charge_not_paid",
        (_S.PAID, _E.PAID): "charge_already_paid",
        (_S.PAID, _E.EXPIRED): "charge_already_paid",
        (_S.PAID, _E.CANCELLED): "charge_already_paid",
        **{(_S.EXPIRED, event): "charge_expired" for event in _E},
        **{(_S.CANCELLED, event): "charge_cancelled" for event in _E},
        **{(_S.REFUNDED, event): "charge_refunded" for event in _E},
    }
)

TERMINAL = frozenset({_S.EXPIRED, _S.CANCELLED, _S.REFUNDED})


def advance(status: ChargeStatus, event: ChargeEvent) -> Changed | Ignored:
    """What `event` does to a charge in `status`. Terminal statuses absorb everything."""
    target = TRANSITIONS.get((status, event))
    return Ignored(IGNORED[status, event]) if target is None else Changed(target)
