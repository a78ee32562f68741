"""`ports.dead_letters.DeadLetters` and `ports.holds.Holds` over the memory store's dictionaries."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import trio

from fluxiq.domain.dead_letter import DeadLetter, LetterEvent, LetterState, advance
from fluxiq.domain.hold import OpenHold, Workflow
from fluxiq.domain.postings import TransferCode
from fluxiq.domain.records import PayoutStage, TransferFlags
from fluxiq.errors import Refused
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports import OutboxDraft
from fluxiq.ports.dead_letters import DeadLetters, Failure, Noted
from fluxiq.ports.holds import Holds
from tests.support.memory import MemoryStore, Owed
from tests.support.memory_refunds import MemoryRefunds


class MemoryDeadLetters:
    """Public attributes are the tables, for tests to look at."""

    def __init__(self, store: MemoryStore) -> None:
        self.by_id: dict[int, DeadLetter] = {}
        self.failed: dict[int, tuple[int, datetime]] = {}  # by outbox row: how often, since when
        self.audit: list[str] = []
        self._store = store
        self._numbers = itertools.count(1)

    async def note_failure(self, failure: Failure, failures_max: int) -> Noted | None:
        await trio.lowlevel.checkpoint()
        owed = self._owed(failure.subject, failure.reference)
        if owed is None or owed.work is None:
            return None

        before, since = self.failed.pop(owed.entry.id, (0, failure.at))
        if before + 1 < failures_max:
            self.failed[owed.entry.id] = (before + 1, since)
            return Noted(failures=before + 1)

        del self._store.outbox[owed.entry.id]
        letter = DeadLetter(
            id=next(self._numbers),
            work=owed.work,
            subject=owed.entry.subject,
            reference=owed.entry.reference,
            body=owed.entry.body,
            payment_id=failure.payment_id,
            attempts=owed.entry.attempt,
            failures=before + 1,
            error=failure.error,
            first_failed_at=since,
            died_at=failure.at,
        )
        self.by_id[letter.id] = letter
        self.audit.append(f"dead_letter.died {letter.work}")
        return Noted(failures=letter.failures, letter=letter)

    async def letters(self, state: LetterState | None, limit: int) -> list[DeadLetter]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.by_id.values() if state is None or one.state is state]
        return sorted(found, key=lambda one: (one.died_at, one.id), reverse=True)[:limit]

    async def find(self, letter_id: int) -> DeadLetter | None:
        await trio.lowlevel.checkpoint()
        return self.by_id.get(letter_id)

    async def replay(self, letter_id: int, now: datetime, reason: str) -> DeadLetter:
        await trio.lowlevel.checkpoint()
        letter = self._decide(letter_id, LetterEvent.REPLAYED, now, reason)
        draft = OutboxDraft(subject=letter.subject, reference=letter.reference, body=letter.body)
        self._store._announce(draft, letter.work, now)
        *_, number = self._store.outbox
        owed = self._store.outbox[number]
        owed.entry = msgspec.structs.replace(owed.entry, attempt=letter.attempts)
        return letter

    async def discard(self, letter_id: int, now: datetime, reason: str) -> DeadLetter:
        await trio.lowlevel.checkpoint()
        letter = self._decide(letter_id, LetterEvent.DISCARDED, now, reason)
        self._store._done([letter.work])
        return letter

    async def discarded(self, works: Sequence[str]) -> dict[str, datetime]:
        await trio.lowlevel.checkpoint()
        return {
            one.work: one.decided_at
            for one in self.by_id.values()
            if one.state is LetterState.DISCARDED and one.decided_at and one.work in works
        }

    async def close(self, works: Sequence[str]) -> None:
        await trio.lowlevel.checkpoint()
        self._store._done(works)

    async def waiting(self) -> int:
        await trio.lowlevel.checkpoint()
        return sum(one.state is LetterState.DEAD for one in self.by_id.values())

    def _owed(self, subject: str, reference: str) -> Owed | None:
        named = (subject, reference)
        return next(
            (
                one
                for one in self._store.outbox.values()
                if (one.entry.subject, one.entry.reference) == named
            ),
            None,
        )

    def _decide(self, letter_id: int, event: LetterEvent, now: datetime, reason: str) -> DeadLetter:
        letter = self.by_id.get(letter_id)
        if letter is None:
            raise Refused("dead_letter_not_found", f"no dead letter {letter_id}")

        state = advance(letter.state, event)
        if state is None:
            message = f"dead letter {letter_id} was {letter.state} before"
            raise Refused("dead_letter_decided", message)

        decided = msgspec.structs.replace(letter, state=state, decided_at=now, reason=reason)
        self.by_id[letter_id] = decided
        self.audit.append(f"dead_letter.{event} {letter.work}: {reason}")
        return decided


class MemoryHolds:
    """The journal of the model is its transfers: `follow` takes in all that are old enough."""

    def __init__(
        self,
        store: MemoryStore,
        refunds: MemoryRefunds,
        letters: MemoryDeadLetters,
        ledger: ModelLedger,
    ) -> None:
        self.watched: dict[int, OpenHold] = {}
        self.audit: list[str] = []
        self._store, self._refunds = store, refunds
        self._letters, self._ledger = letters, ledger

    async def follow(self, before: datetime) -> bool:
        await trio.lowlevel.checkpoint()
        for one in self._ledger.cluster.transfers.values():
            held_at = _EPOCH + timedelta(microseconds=one.timestamp // 1000)
            is_hold = bool(one.flags & TransferFlags.PENDING) and one.code not in _TWINS
            if is_hold and held_at < before and not self._has_ended(one.id):
                found = OpenHold(
                    id=one.id,
                    code=one.code,
                    amount=one.amount,
                    reference=one.user_data_128,
                    held_at=held_at,
                )
                self.watched.setdefault(one.id, found)
        return False

    async def look(self, now: datetime, limit: int) -> list[OpenHold]:
        del now
        await trio.lowlevel.checkpoint()
        self.watched = {k: one for k, one in self.watched.items() if not self._has_ended(k)}
        return list(self.watched.values())[:limit]

    async def workflows(self, works: Sequence[str]) -> dict[str, Workflow]:
        await trio.lowlevel.checkpoint()
        return {work: self._workflow(work) for work in works}

    async def announce_again(self, work: str, draft: OutboxDraft, now: datetime) -> bool:
        await trio.lowlevel.checkpoint()
        order = self._store.payouts_by_id.get(work) or self._refunds.by_id.get(work)
        if order is None or order.stage is not PayoutStage.HELD:
            return False
        if self._workflow(work).is_announced:
            return False
        self._store._announce(draft, work, now)
        self.audit.append(f"order.announced_again {work}")
        return True

    async def find(self, hold_id: int, finding: str, now: datetime) -> bool:
        await trio.lowlevel.checkpoint()
        hold = self.watched[hold_id]
        if hold.finding == finding:
            return False
        since = (hold.found_at or now) if finding else None
        self.watched[hold_id] = msgspec.structs.replace(hold, finding=finding, found_at=since)
        return True

    async def conclude(self, hold_id: int, action: str, subject: str, note: str) -> None:
        await trio.lowlevel.checkpoint()
        self.watched.pop(hold_id, None)
        self.audit.append(f"{action} {subject}")
        del note

    async def findings(self, limit: int) -> list[OpenHold]:
        await trio.lowlevel.checkpoint()
        return [one for one in self.watched.values() if one.finding][:limit]

    def _has_ended(self, hold_id: int) -> bool:
        return hold_id in self._ledger.cluster.resolutions

    def _workflow(self, work: str) -> Workflow:
        letters = [one for one in self._letters.by_id.values() if one.work == work]
        last = letters[-1] if letters else None
        return Workflow(
            is_announced=any(one.work == work for one in self._store.outbox.values()),
            letter=last and last.state,
            decided_at=last and last.decided_at,
        )


def no_holds() -> MemoryHolds:
    """Of a world without money."""
    ledger = ModelLedger(1)
    store = MemoryStore("00000000", ledger)
    return MemoryHolds(store, MemoryRefunds(store), MemoryDeadLetters(store), ledger)


def keeps_its_promises(store: MemoryStore, ledger: ModelLedger) -> tuple[DeadLetters, Holds]:
    """The twins are ports: said here so that the type checker looks."""
    letters = MemoryDeadLetters(store)
    return letters, MemoryHolds(store, MemoryRefunds(store), letters, ledger)


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
_TWINS = {TransferCode.REFUND_LIMIT}  # the hold of the money speaks for both
