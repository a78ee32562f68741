"""Where a person occurs in an institution's records, and what of it is erased."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.privacy import Erasure, Mention, Walk


class Limits(Struct, frozen=True, kw_only=True):
    """What is too young to go: events that may be asked for again, users who were logged in."""

    events_before: datetime
    logins_before: datetime


class People(Protocol):
    """The people of one institution, by their documents in bare form."""

    async def search(
        self, document: str, walk: Walk, limit: int
    ) -> tuple[Sequence[Mention], Walk | None]:
        """What the next `limit` rows say of a person, and where to go on; None: that was all."""

    async def begin(self, erasure: Erasure) -> Erasure:
        """Write an erasure down, with its audit line; the one under way where there is one."""

    async def find_erasure(self, erasure_id: str) -> Erasure | None: ...

    async def last_erasure(self, document: str) -> Erasure | None:
        """The newest one of a person."""

    async def erase(
        self,
        erasure: Erasure,
        mentions: Sequence[Mention],
        walk: Walk | None,
        limits: Limits,
        now: datetime,
    ) -> Erasure:
        """Erase what may go of a page, and write down how far it is: one transaction. Nothing is
        done where `erasure` is not as it is on paper: somebody else went on; says what is there.
        """
