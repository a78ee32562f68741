"""The holds of the ledger beside the workflows on paper."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fluxiq.domain.hold import OpenHold, Workflow
from fluxiq.ports import OutboxDraft


class Holds(Protocol):
    """The long holds of one institution. Every method is one transaction; twice is once."""

    async def follow(self, before: datetime) -> bool:
        """Read on in the ledger's journal, up to what was written before `before`, and watch the
        holds that have not ended. Says whether there is more to read at once.
        """

    async def look(self, now: datetime, limit: int) -> list[OpenHold]:
        """Those that nobody has looked at for the longest time; the ended ones are forgotten."""

    async def workflows(self, works: Sequence[str]) -> dict[str, Workflow]:
        """Who is at work on these orders, by their record's id; nobody where there is none."""

    async def announce_again(self, work: str, draft: OutboxDraft, now: datetime) -> bool:
        """Put the order back into the outbox, if its record is still held and not announced."""

    async def find(self, hold_id: int, finding: str, now: datetime) -> bool:
        """Say what is wrong with a hold, empty for nothing. True when that is news."""

    async def conclude(self, hold_id: int, action: str, subject: str, note: str) -> None:
        """It was ended: forget it, with a line in the audit trail."""

    async def findings(self, limit: int) -> list[OpenHold]:
        """What is wrong now, the oldest first."""
