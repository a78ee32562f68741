"""The life of a difference between a statement and our records, and what may be done about it.

`open` is an alarm; `healing` waits for what was done about it; both end as `healed` when the two
sides agree. An operator's word makes it `resolved`, and that is the end. Each is one row, however
often it is seen.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from fluxiq.domain.reconciliation import (
    Difference,
    DifferenceKind,
    Flow,
    OurRecord,
    Standing,
)


class Remedy(StrEnum):
    """What may be done about a difference without a person, by ways that exist and do twice what is
    the same as once.
    """

    FILE = "file"  # the notice that never came, through the visitors' book
    ENQUIRE = "enquire"  # what became of the order; the answer settles it
    NONE = "none"  # an alarm: a person has to look


_MONEY_THAT_CAME = frozenset({Flow.RECEIVED, Flow.RETURNED})


def remedy_of(difference: Difference, record: OurRecord | None) -> Remedy:
    """Money that came and that nobody told us of is filed. An order that is open here is asked
    about, if the amount is the same. Everything else was decided by one side or the other.
    """
    if difference.kind is DifferenceKind.MISSING_HERE and difference.flow in _MONEY_THAT_CAME:
        return Remedy.FILE
    is_open = record is not None and record.standing is Standing.OPEN
    is_same = difference.ours == difference.theirs
    if difference.kind is DifferenceKind.STATE_DIFFERS and is_open and is_same:
        return Remedy.ENQUIRE
    return Remedy.NONE


class DifferenceState(StrEnum):
    """OPEN is an alarm. HEALING: something was done about it, and its end is waited for. HEALED: it
    is gone. RESOLVED: an operator has decided about it.
    """

    OPEN = "open"
    HEALING = "healing"
    HEALED = "healed"
    RESOLVED = "resolved"


class DifferenceEvent(StrEnum):
    SEEN = "seen"  # a run found it
    REMEDIED = "remedied"  # a run found it, and did something about it
    OVERDUE = "overdue"  # what was done has not helped
    GONE = "gone"  # both sides agree
    DECIDED = "decided"  # an operator's word


_S, _E = DifferenceState, DifferenceEvent

TRANSITIONS: Mapping[tuple[DifferenceState, DifferenceEvent], DifferenceState] = MappingProxyType(
    {
        (_S.OPEN, _E.REMEDIED): _S.HEALING,
        (_S.OPEN, _E.GONE): _S.HEALED,
        (_S.OPEN, _E.DECIDED): _S.RESOLVED,
        (_S.HEALING, _E.OVERDUE): _S.OPEN,
        (_S.HEALING, _E.GONE): _S.HEALED,
        (_S.HEALING, _E.DECIDED): _S.RESOLVED,
        (_S.HEALED, _E.SEEN): _S.OPEN,
        (_S.HEALED, _E.REMEDIED): _S.HEALING,
        # What an operator has decided stays decided, however often it is seen.
    }
)

UNRESOLVED = frozenset({_S.OPEN, _S.HEALING})


def advance(state: DifferenceState | None, event: DifferenceEvent) -> DifferenceState | None:
    """The state after `event`, which may be the same; None: `event` does not concern one in
    `state`. A difference that is new has no state.
    """
    if state is None:
        return {_E.SEEN: _S.OPEN, _E.REMEDIED: _S.HEALING}.get(event)
    if event in {_E.SEEN, _E.REMEDIED}:
        return TRANSITIONS.get((state, event), state)
    return TRANSITIONS.get((state, event))
