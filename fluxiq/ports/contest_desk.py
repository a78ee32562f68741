"""What a provider does with contests: payments of our customers that they say were fraud."""

from typing import Protocol

from fluxiq.domain.contest import Contest, ContestAnswer


class ContestDesk(Protocol):
    """The desk of one provider. A contest's own id names it there, so that told twice is told once.
    Every call answers how it stands now; what a link cannot do, it refuses in its answer.
    """

    async def report_contest(self, contest: Contest) -> ContestAnswer:
        """Take it to the payee's institution. Raises Unknown when no answer came, Unavailable when
        it certainly was not heard.
        """

    async def cancel_contest(self, contest_id: str) -> ContestAnswer:
        """The customer takes it back; refused once it is decided. Raises as `report_contest`."""

    async def find_contest(self, contest_id: str) -> ContestAnswer:
        """How it stands. Raises Unavailable."""
