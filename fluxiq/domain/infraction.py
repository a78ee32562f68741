"""Infractions: what a provider says that another institution reports of a payment (DICT's word).

An infraction is answered by a fraud report of ours (`domain.med`), which blocks the money and is
decided by a person. Here is only the conversation about it: what was heard, and what the provider
is told of the decision. `heard -> reported`; `dismissed`, when no report can be made of it: that is
to disagree; `withdrawn`, when the other side takes it back.

A provider is told `acknowledged` before it is told a result, and a result is for ever (DICT: OPEN
-> ACKNOWLEDGED -> CLOSED with AGREED or DISAGREED; CANCELLED by whoever reported).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from fluxiq.domain.med import MedReason, MedStage


class InfractionStage(StrEnum):
    """HEARD: its payment was not found yet; a notice of it may be on its way."""

    HEARD = "heard"
    REPORTED = "reported"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class InfractionEvent(StrEnum):
    REPORTED = "reported"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class InfractionStatus(StrEnum):
    """How it stands with the provider."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    AGREED = "agreed"
    DISAGREED = "disagreed"
    CANCELLED = "cancelled"


class Infraction(Struct, frozen=True, kw_only=True):
    """`number` is the provider's name for it, unique with that provider. `told`: what the provider
    is known to have heard; `in_doubt`: it was told more, and did not answer.
    """

    id: str  # inf_…
    provider: str  # the link's name
    number: str
    end_to_end_id: str
    reason: MedReason
    details: str
    stage: InfractionStage
    created_at: datetime
    updated_at: datetime
    due_at: datetime  # when to look at it again
    told: InfractionStatus = InfractionStatus.OPEN
    in_doubt: bool = False


_S, _E, _T = InfractionStage, InfractionEvent, InfractionStatus

TRANSITIONS: Final[Mapping[tuple[InfractionStage, InfractionEvent], InfractionStage]] = (
    MappingProxyType(
        {
            (_S.HEARD, _E.REPORTED): _S.REPORTED,
            (_S.HEARD, _E.DISMISSED): _S.DISMISSED,
            (_S.HEARD, _E.WITHDRAWN): _S.WITHDRAWN,
            (_S.REPORTED, _E.WITHDRAWN): _S.WITHDRAWN,
            (_S.DISMISSED, _E.WITHDRAWN): _S.WITHDRAWN,
        }
    )
)

# Nothing can be told any more.
OVER: Final = frozenset({_T.AGREED, _T.DISAGREED, _T.CANCELLED})

# What the provider should know of a report in each stage. A report that lapsed, or that a person
# here took back, was not agreed to.
_MEANS: Final[Mapping[MedStage, InfractionStatus]] = MappingProxyType(
    {
        MedStage.CREATED: _T.OPEN,
        MedStage.OPEN: _T.OPEN,
        MedStage.ACKNOWLEDGED: _T.ACKNOWLEDGED,
        MedStage.AGREED: _T.AGREED,
        MedStage.RETURN_FAILED: _T.AGREED,
        MedStage.DISAGREED: _T.DISAGREED,
        MedStage.EXPIRED: _T.DISAGREED,
        MedStage.CANCELLED: _T.DISAGREED,
    }
)


def advance(stage: InfractionStage, event: InfractionEvent) -> InfractionStage | None:
    """The stage after `event`; None where it means nothing."""
    return TRANSITIONS.get((stage, event))


def owed(infraction: Infraction, report: MedStage | None) -> InfractionStatus | None:
    """What the provider is to be told next, of a report in this stage (None: there is none)."""
    if infraction.told in OVER:
        return None

    known = _T.OPEN if report is None else _MEANS[report]
    wanted = _T.DISAGREED if infraction.stage is _S.DISMISSED else known
    if wanted in {_T.OPEN, infraction.told}:
        return None
    return _T.ACKNOWLEDGED if infraction.told is _T.OPEN else wanted
