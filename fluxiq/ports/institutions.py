"""What the life of an institution needs: the register, and the places where it has something."""

from collections.abc import Sequence
from typing import Final, Protocol

from fluxiq.domain.institution import InstitutionEvent, LifeStep, Registered, Remainder
from fluxiq.settings import Institution

STEPS_MAX: Final = 100


class InstitutionRecords(Protocol):
    """The register of the platform. Every change writes a line of history in its transaction."""

    async def all(self) -> list[Registered]:
        """Everybody, those that were removed too, by ISPB."""

    async def find(self, ispb: str) -> Registered | None: ...

    async def claim(self, one: Institution, reason: str) -> Registered:
        """Write down that `one` is being added; its line as it is then. Claiming what is being
        added already changes nothing; who is there in any other state is returned as it is.

        Raises Refused("institution_invalid") when the ledger number belongs to somebody else, or
        the institution was registered with another one; Refused("institution_exists") when it is
        being added with another declaration.
        """

    async def move(
        self, ispb: str, event: InstitutionEvent, reason: str, *, archive: str = ""
    ) -> Registered:
        """Let `event` happen. Raises Refused("institution_not_found") when there is no such
        institution, and Refused("institution_state") when the event cannot happen now.
        """

    async def withdraw(self, ispb: str, reason: str) -> None:
        """Undo a claim: forget it where the institution has no records, else it is removed."""

    async def steps(self, ispb: str) -> list[LifeStep]:
        """What happened to it, the last first; STEPS_MAX of them."""

    async def remainder(self, ispb: str) -> Remainder:
        """What it still has, of one moment; nothing where it has no records at all."""


class Place(Protocol):
    """Where an institution has something: the database, the bus, the cache, the tree.

    Both ways, doing it twice is doing it once. Raises Unavailable, StartRefused and Refused.
    """

    name: str

    async def make(self, one: Institution) -> Sequence[str]:
        """Give it its place. Returns what is left for a person to do, one sentence each."""

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        """Take its place away: nobody comes in by it any more. With `erase` nothing of it stays
        where nothing was ever written. No record is deleted. Returns what was kept, and what is
        left for a person to do.
        """
