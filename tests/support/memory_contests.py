"""`ports.contests.Contests` in memory, and a provider's contest desk that remembers."""

from collections.abc import Sequence
from datetime import datetime

import trio

from fluxiq.domain.contest import Contest, ContestAnswer, ContestWord, in_the_way
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports import Archived, Fresh, Opening, Page, Replay
from fluxiq.ports.contest_desk import ContestDesk
from fluxiq.ports.contests import (
    ContestExists,
    ContestMoved,
    ContestOpening,
    Contests,
    ContestsWanted,
)
from tests.support.memory import MemoryStore


class MemoryContests:
    """`by_id` is the table; `audit` who wrote what."""

    def __init__(self, store: MemoryStore) -> None:
        self.by_id: dict[str, Contest] = {}
        self.audit: list[tuple[str, str, str]] = []
        self._store = store

    async def open(self, opening: ContestOpening) -> Opening | ContestExists:
        await trio.lowlevel.checkpoint()
        contest = opening.contest
        before = dict(self._store.answers)
        if opening.idempotency is not None:
            known = self._store._claim(
                contest.merchant_id,
                opening.idempotency,
                contest.id,
                contest.created_at,
                Replay(False, opening.response),
            )
            if known is not None:
                return known
        for one in self.by_id.values():
            if one.payout_id == contest.payout_id and in_the_way(one):
                self._store.answers = before  # the whole transaction never was
                return ContestExists(one)
        self.by_id[contest.id] = contest
        self.audit.append((contest.opened_by, "opened", ""))
        return Fresh()

    async def move(self, moved: ContestMoved) -> Archived | None:
        await trio.lowlevel.checkpoint()
        if _as_read(self.by_id[moved.contest.id]) != _as_read(moved.before):
            return None
        self.by_id[moved.contest.id] = moved.contest
        self.audit.append((moved.actor, moved.contest.status, moved.note))
        if moved.event is None:
            return Archived()
        told = self._store._tell(moved.event, moved.contest.end_to_end_id)
        return Archived(endpoint_ids=told)

    async def find_of_payout(self, payout_id: str) -> Contest | None:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.by_id.values() if one.payout_id == payout_id]
        return max(found, key=lambda one: (one.created_at, one.id), default=None)

    async def page(self, wanted: ContestsWanted, page: Page) -> tuple[list[Contest], int]:
        await trio.lowlevel.checkpoint()
        found = [
            one
            for one in self.by_id.values()
            if wanted.merchant_id in {None, one.merchant_id}
            and wanted.end_to_end_id in {None, one.end_to_end_id}
            and wanted.status in {None, one.status}
        ]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def due(self, now: datetime, limit: int) -> Sequence[Contest]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.by_id.values() if one.owed is not None and one.due_at <= now]
        return sorted(found, key=lambda one: one.due_at)[:limit]


class MemoryContestDesk:
    """What a provider remembers of contests, by id: `contested`; `heard` is every call that
    reached it. `refuses` is the code with which it takes none.
    """

    def __init__(self) -> None:
        self.contested: dict[str, ContestWord] = {}
        self.heard: list[str] = []
        self.refuses: str | None = None

    async def report_contest(self, contest: Contest) -> ContestAnswer:
        await trio.lowlevel.checkpoint()
        self.heard.append("report")
        if self.refuses is not None:
            return ContestAnswer(ContestWord.REFUSED, self.refuses)
        return ContestAnswer(self.contested.setdefault(contest.id, ContestWord.OPEN))

    async def cancel_contest(self, contest_id: str) -> ContestAnswer:
        await trio.lowlevel.checkpoint()
        self.heard.append("cancel")
        word = self.contested.get(contest_id)
        if word in {ContestWord.OPEN, ContestWord.ACKNOWLEDGED}:
            self.contested[contest_id] = ContestWord.CANCELLED
        elif word in {ContestWord.ACCEPTED, ContestWord.REJECTED}:
            return ContestAnswer(ContestWord.REFUSED, "conflict")
        return ContestAnswer(self.contested.get(contest_id, ContestWord.UNKNOWN))

    async def find_contest(self, contest_id: str) -> ContestAnswer:
        await trio.lowlevel.checkpoint()
        self.heard.append("ask")
        return ContestAnswer(self.contested.get(contest_id, ContestWord.UNKNOWN))


def no_contests(ispb: str) -> MemoryContests:
    """For worlds in which nobody contests anything."""
    return MemoryContests(MemoryStore(ispb, ModelLedger(1)))


def keep_their_promises(
    contests: MemoryContests, desk: MemoryContestDesk
) -> tuple[Contests, ContestDesk]:
    """The twins are ports: said here so that the type checker looks."""
    return contests, desk


def _as_read(contest: Contest) -> tuple[object, ...]:
    return contest.status, contest.owed, contest.in_doubt, contest.due_at
