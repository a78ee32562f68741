"""What sealing, verifying, searching and purging the audit trail need of its paper."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.audit import Line, Place, Purge, Seal
from fluxiq.ports import Page


class Waiting(Struct, frozen=True, kw_only=True):
    """Lines under no seal yet; `oldest` is when the first of them was written."""

    count: int
    oldest: datetime | None


class Leaves(Struct, frozen=True, kw_only=True):
    """The leaf hashes of a seal with the numbers of their lines, in the order of their places."""

    ids: tuple[int, ...]
    hashes: tuple[bytes, ...]


class LinesWanted(Struct, frozen=True, kw_only=True):
    """Which lines; None filters nothing. `actor` is who is named or whose credential it was; an
    `action` that ends in a dot is all that begin so. `since` is included, `until` is not.
    """

    merchant_id: str | None = None
    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Deed(Struct, frozen=True, kw_only=True):
    """What an operator did at a desk, as a line of the trail; `uid` is a unix user's number."""

    actor: str
    action: str
    subject: str
    digest: bytes
    note: str
    credential: str
    address: str
    request_id: str


class AuditChain(Protocol):
    """The sealed trail of one institution. Every method is one transaction; raises Unavailable."""

    # sealing

    async def head(self) -> Seal | None:
        """The last seal."""

    async def sealable(self, after: Place, limit: int) -> list[Line]:
        """Lines behind `after`, in the order of their places, of transactions that are older than
        any which is still open: nobody can put one between or before them any more.

        Raises Refused("audit_horizon_went_back") when transactions are numbered from below `after`
        again: this is not the server that wrote what is sealed.
        """

    async def add_seal(self, seal: Seal, leaves: Leaves) -> bool:
        """False when somebody else has added this one."""

    async def unpublished(self, limit: int) -> list[Seal]:
        """Seals of which no checkpoint is noted, the oldest first."""

    async def published(self, seqs: Sequence[int]) -> None: ...

    async def waiting(self, after: Place) -> Waiting: ...

    # reading

    async def seals(self, after_seq: int, limit: int) -> list[Seal]: ...

    async def seals_at(self, seqs: Sequence[int]) -> Mapping[int, Seal]: ...

    async def seal_over(self, place: Place) -> Seal | None:
        """The seal in whose stretch `place` is."""

    async def lines(self, after: Place, upto: Place, limit: int) -> list[Line]:
        """Lines behind `after` and up to `upto`, in the order of their places."""

    async def leaves(self, seq: int) -> Leaves | None: ...

    async def purges(self, first_seq: int, last_seq: int) -> Mapping[int, Purge]: ...

    async def published_upto(self) -> int:
        """The last seal whose checkpoint is noted; 0 for none."""

    async def find(self, line_id: int) -> Line | None: ...

    async def page(self, wanted: LinesWanted, page: Page) -> tuple[list[Line], int]:
        """A page of lines, newest first, and how many there are in all, counted up to 100,000."""

    async def export(self, wanted: LinesWanted, after: Place, limit: int) -> list[Line]:
        """The next lines behind `after`, in the order of their places."""

    # the rest

    async def oldest_unpurged(self) -> Seal | None: ...

    async def actions_under(self, seal: Seal) -> Mapping[str, datetime]:
        """The actions of a seal's lines, each with the time of its youngest line."""

    async def purge(self, seq: int, who: str, reason: str) -> int:
        """Delete the lines of a seal, with the line that says so; how many went. Raises
        Refused("audit_not_purgeable").
        """

    async def desk_place(self, desk: str) -> int:
        """How far the deeds of a desk were taken in."""

    async def take_in(self, desk: str, upto: int, deeds: Sequence[Deed]) -> None:
        """Write deeds to the trail, and that their desk was read `upto` here."""


class Witness(Protocol):
    """Who keeps the signed seals outside of the database, so that it cannot be rewritten unseen."""

    async def tell(self, seals: Sequence[Seal]) -> None:
        """Have these kept, in their order; twice is once. Raises Unavailable when not all are."""

    def told(self) -> AsyncGenerator[Sequence[Seal | None], None]:
        """All that was told, the oldest first, some at a time; None for what is no seal of this
        institution. Raises Unavailable.
        """
