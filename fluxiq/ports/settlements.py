"""What settlements need from the records."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.settlement import SettlementDay, SettlementSchedule
from fluxiq.ports import Page


class DaysWanted(Struct, frozen=True, kw_only=True):
    """Which days of a merchant, in São Paulo, both included; None filters nothing."""

    merchant_id: str
    since: date | None = None
    until: date | None = None


class Settlements(Protocol):
    """The settlements of one institution's merchants. Every method is one transaction."""

    async def days(self, wanted: DaysWanted, page: Page) -> tuple[list[SettlementDay], int]:
        """A page of days on which something was settled, the latest first, and how many."""

    async def find_schedule(self, merchant_id: str) -> SettlementSchedule | None: ...

    async def put_schedule(self, schedule: SettlementSchedule) -> None:
        """In place of what was there; how the last run ended stays."""

    async def due(self, now: datetime, limit: int) -> Sequence[SettlementSchedule]:
        """Schedules whose time has come."""

    async def note_run(self, before: SettlementSchedule, after: SettlementSchedule) -> bool:
        """How a run ended, and when the next one is; False where the schedule was changed since
        `before` was read, or somebody else has noted this run.
        """
