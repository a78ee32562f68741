"""Locations of charges: where a dynamic BR Code leads, and what a payer's bank finds there."""

from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Person


class LocationWanted(Struct, frozen=True, kw_only=True):
    """A charge of `amount` centavos that can be paid once, for `lasts_seconds` from now."""

    txid: str  # 26 to 35 characters
    amount: int
    pix_key: str
    lasts_seconds: int
    payer: Person | None
    description: str


class Locations(Protocol):
    """What a provider hosts for charges. Neither call moves money, and a code that nobody was shown
    cannot be paid: no answer is Unavailable, whatever became of the charge there.
    """

    @property
    def offers_locations(self) -> bool: ...

    async def open_location(self, wanted: LocationWanted) -> str:
        """The URL, without a scheme, at which the provider shows this very charge. The same txid
        again is the same charge. Raises Unavailable, also for an answer that says anything else.
        """

    async def close_location(self, txid: str) -> None:
        """Have it not be paid any more; nothing where it is over or unknown. Raises Unavailable."""
