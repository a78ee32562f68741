"""What a provider answers about infractions: reports of fraud that it brought."""

from typing import Protocol

from fluxiq.domain.infraction import InfractionStatus


class FraudDesk(Protocol):
    """The desk of one provider. Every call answers how the infraction stands now; None when the
    provider does not know it. Told twice is told once, and what is over stays as it is.
    """

    async def acknowledge_infraction(self, number: str) -> InfractionStatus | None:
        """The analysis has begun. Raises Unknown when no answer came, Unavailable when it certainly
        was not heard.
        """

    async def close_infraction(self, number: str, *, agreed: bool) -> InfractionStatus | None:
        """The analysis has ended. Raises as `acknowledge_infraction`."""

    async def find_infraction(self, number: str) -> InfractionStatus | None:
        """How it stands. Raises Unavailable."""
