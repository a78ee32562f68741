"""What becomes of the messages of the work queues that nobody could work on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.dead_letter import DeadLetter, LetterState


class Failure(Struct, frozen=True, kw_only=True):
    """A worker failed at a message, by a bug and not by the weather. `reference` is its outbox
    row's.
    """

    subject: str
    reference: str
    payment_id: str | None
    error: str
    at: datetime


class Noted(Struct, frozen=True, kw_only=True):
    """How often it failed by now, and its letter when that was once too often."""

    failures: int
    letter: DeadLetter | None = None


class DeadLetters(Protocol):
    """The dead letters of one institution. Every method is one transaction; twice is once."""

    async def note_failure(self, failure: Failure, failures_max: int) -> Noted | None:
        """Count a failure on the outbox row; with the last one the row becomes a dead letter, so
        that nothing is announced any more. None: nothing is owed under this reference, because its
        work is done or its letter dead.
        """

    async def letters(self, state: LetterState | None, limit: int) -> list[DeadLetter]:
        """The last that died first."""

    async def find(self, letter_id: int) -> DeadLetter | None: ...

    async def replay(self, letter_id: int, now: datetime, reason: str) -> DeadLetter:
        """Back into the outbox, due at once. Raises Refused `dead_letter_not_found`,
        `dead_letter_decided`.
        """

    async def discard(self, letter_id: int, now: datetime, reason: str) -> DeadLetter:
        """Nobody will do this work: a line of the visitors' book is closed unread, an order is
        never sent. Raises as `replay`.
        """

    async def discarded(self, works: Sequence[str]) -> dict[str, datetime]:
        """Those of `works` whose letter was discarded, and when: they must not be done."""

    async def close(self, works: Sequence[str]) -> None:
        """Take what announces these works out of the outbox: they are over."""

    async def waiting(self) -> int:
        """How many letters wait for an operator."""
