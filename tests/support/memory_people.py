"""`ports.privacy.People` in memory: mentions that a test has put there, papers as in Postgres."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from fluxiq.domain.privacy import Erasure, Mention, Walk, gone_on
from fluxiq.ports.privacy import Limits


class MemoryPeople:
    """`records` are the mentions of each document; those of the tables in `goes` are erased."""

    def __init__(self) -> None:
        self.records: dict[str, list[Mention]] = {}
        self.goes = {"charges", "events"}
        self.erasures: dict[str, Erasure] = {}
        self.people: dict[str, str] = {}  # by erasure

    async def search(
        self, document: str, walk: Walk, limit: int
    ) -> tuple[Sequence[Mention], Walk | None]:
        mentions = sorted(self.records.get(document, ()), key=lambda one: (one.table, one.key))
        upto = () if walk.after is None else walk.after
        page = [one for one in mentions if (one.table, *one.key) > upto][:limit]
        if len(page) < limit:
            return page, None
        return page, replace(walk, after=(page[-1].table, *page[-1].key))

    async def begin(self, erasure: Erasure) -> Erasure:
        assert erasure.person is not None
        last = await self.last_erasure(erasure.person)
        if last is not None and last.ended_at is None:
            return last
        self.erasures[erasure.id] = erasure
        self.people[erasure.id] = erasure.person
        return erasure

    async def find_erasure(self, erasure_id: str) -> Erasure | None:
        return self.erasures.get(erasure_id)

    async def last_erasure(self, document: str) -> Erasure | None:
        known = [one for one in self.erasures.values() if self.people[one.id] == document]
        return max(known, key=lambda one: (one.asked_at, one.id), default=None)

    async def erase(
        self,
        erasure: Erasure,
        mentions: Sequence[Mention],
        walk: Walk | None,
        limits: Limits,
        now: datetime,
    ) -> Erasure:
        del limits  # of rows, of which there are none
        found = self.erasures[erasure.id]
        if found.walk != erasure.walk:
            return found

        gone = [one for one in mentions if one.table in self.goes]
        held = self.records.get(self.people[erasure.id], [])
        self.records[self.people[erasure.id]] = [one for one in held if one not in gone]
        stays = [one for one in mentions if one not in gone]
        self.erasures[erasure.id] = gone_on(found, walk, gone, stays, now)
        return self.erasures[erasure.id]
