"""What infractions need from the records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.infraction import Infraction


class InfractionMoved(Struct, frozen=True, kw_only=True):
    """An infraction as it is after a step, and as it was read `before`: written over exactly that.
    `note` goes to the audit trail.
    """

    infraction: Infraction
    before: Infraction
    note: str = ""


class Infractions(Protocol):
    """The infractions of one institution. Every method is one transaction; twice is once."""

    async def hear(self, infraction: Infraction, inbox_id: str) -> Infraction:
        """Put on paper what a notice said, close its line in the visitors' book, and return what
        is on record: what is known by its number stays, but for one that is withdrawn before its
        result was told.
        """

    async def move(self, moved: InfractionMoved) -> bool:
        """Stage, what was told, and times. False, and nothing is written, when it is not as it was
        read.
        """

    async def adopt(self, infraction: Infraction, report_id: str) -> bool:
        """Have a report that is there already answer the infraction; False when it answers another
        one, or is not there.
        """

    async def find(self, ids: Sequence[str]) -> dict[str, Infraction]:
        """Those of `ids` that are on paper, by id."""

    async def due(self, now: datetime, limit: int) -> Sequence[Infraction]:
        """Those to be looked at: their payment is awaited, their provider may be owed an answer, or
        they were withdrawn and the report opened for them goes on.
        """
