"""What live updates need of the events on paper: their numbers, and what came after one of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.ports import Page


class Unnumbered(Struct, frozen=True):
    """An event that is about to be announced."""

    event_id: str
    merchant_id: str


class Numbered(Struct, frozen=True):
    """An event as its merchant is told of it. `body` is the frozen JSON, without the number."""

    sequence: int
    body: bytes


class EventsWanted(Struct, frozen=True, kw_only=True):
    """Which events of a merchant: `type` as webhooks write it (`pix.charge.paid`, `pix.*`); made at
    `since` or later, before `until`. None: whatever.
    """

    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class EventLog(Protocol):
    """The events of an institution's merchants, each numbered from 1 without a gap.

    Every method raises Unavailable when the outside does not answer.
    """

    async def number(self, events: Sequence[Unnumbered]) -> Mapping[str, int]:
        """The numbers of these events, by id: in their order where they are new, and for ever.

        Numbers are on paper when this returns. Twice is once, also by two processes at a time.
        """

    async def last(self, merchant_ids: Iterable[str]) -> Mapping[str, int]:
        """The greatest number of each merchant; 0 of one that nothing was told."""

    async def after(self, merchant_id: str, sequence: int, limit: int) -> Sequence[Numbered]:
        """Up to `limit` events numbered above `sequence`, in order. Pruned ones are left out."""

    async def page(
        self, merchant_id: str, wanted: EventsWanted, page: Page
    ) -> tuple[Sequence[Numbered], int]:
        """A page of numbered events, the last first, and how many there are in all."""

    async def find(self, merchant_id: str, event_id: str) -> Numbered | None:
        """None also for another merchant's, for one that has no number yet, and a pruned one."""
