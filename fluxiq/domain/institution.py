"""The life of an institution: added, active, suspended and resumed, removed.

`adding -> active <-> suspended -> removing -> removed`. `adding` and `removing` are on paper before
anything is made or taken away, so a crash in between is known and finished by the next start. One
whose making failed is `withdrawn`: forgotten where nothing was written under its ledger number,
else `removed`. A removed one keeps its number and its records, and may be added again with them.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct


class InstitutionState(StrEnum):
    ADDING = "adding"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVING = "removing"
    REMOVED = "removed"


class InstitutionEvent(StrEnum):
    """What can happen to an institution. KEPT: its removal was called off, money had come in."""

    CLAIMED = "claimed"
    OPENED = "opened"
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    LEAVING = "leaving"
    KEPT = "kept"
    REMOVED = "removed"


class Registered(Struct, frozen=True, kw_only=True):
    """A line of the register. `declaration` is what its file said (`settings.Institution` as plain
    data); None for one whose file is in the configuration. `archive` names where the books went.
    """

    ispb: str
    name: str
    ledger: int
    state: InstitutionState
    declaration: dict[str, Any] | None
    reason: str
    archive: str
    created_at: datetime
    changed_at: datetime


class LifeStep(Struct, frozen=True, kw_only=True):
    """A line of an institution's history: what happened, and the state it left."""

    event: InstitutionEvent
    state: str
    reason: str
    at: datetime


class Remainder(Struct, frozen=True, kw_only=True):
    """What an institution still has. `balances` are accounts with money in them; `in_flight` names
    what is not at its end, with how many there are of each.
    """

    balances: int
    in_flight: Mapping[str, int]

    @property
    def is_settled(self) -> bool:
        """Nothing moves any more, whatever the accounts hold."""
        return not any(self.in_flight.values())

    def __str__(self) -> str:
        kinds = [f"{count} {what}" for what, count in self.in_flight.items() if count]
        balances = [f"{self.balances} accounts with a balance"] if self.balances else []
        return ", ".join([*balances, *kinds]) or "nothing"


_S, _E = InstitutionState, InstitutionEvent

TRANSITIONS: Final[Mapping[tuple[InstitutionState, InstitutionEvent], InstitutionState]] = (
    MappingProxyType(
        {
            (_S.ADDING, _E.OPENED): _S.ACTIVE,
            (_S.ADDING, _E.WITHDRAWN): _S.REMOVED,
            (_S.ACTIVE, _E.SUSPENDED): _S.SUSPENDED,
            (_S.SUSPENDED, _E.RESUMED): _S.ACTIVE,
            (_S.SUSPENDED, _E.LEAVING): _S.REMOVING,
            (_S.REMOVING, _E.KEPT): _S.SUSPENDED,
            (_S.REMOVING, _E.REMOVED): _S.REMOVED,
            (_S.REMOVED, _E.CLAIMED): _S.ADDING,
        }
    )
)

# Who has a branch in the tree: a suspended one too, so that money in flight ends, and money that
# arrives is taken in.
LIVING: Final = frozenset({_S.ACTIVE, _S.SUSPENDED})


def advance(state: InstitutionState, event: InstitutionEvent) -> InstitutionState | None:
    """The state that `event` leads to, or None where it cannot happen."""
    return TRANSITIONS.get((state, event))
