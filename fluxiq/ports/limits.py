"""What the limits of customers need from the records."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.limits import Choice, LimitsState
from fluxiq.domain.records import Event
from fluxiq.ports import Archived


class LimitsChosen(Struct, frozen=True, kw_only=True):
    """A customer's choice over the state `before`; `actor` is who made it."""

    before: LimitsState
    choice: Choice
    event: Event
    actor: str


class LimitRecords(Protocol):
    """The limits of one institution's accounts. They are used up by `Payments.open_payouts`, in the
    transaction that writes the payout, and given back by the one that says it failed.
    """

    async def states(self, account_ids: Sequence[str]) -> dict[str, LimitsState]:
        """Of the accounts that exist, by account id; what nothing is on record of yet is begun."""

    async def choose(self, chosen: LimitsChosen) -> Archived | None:
        """None, and nothing is written, when somebody chose meanwhile."""
