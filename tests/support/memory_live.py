"""In-memory twins of what live updates and live data stand on."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
import trio
from msgspec import Struct

from fluxiq.errors import Unavailable
from fluxiq.ports import Page
from fluxiq.ports.event_log import EventLog, EventsWanted, Numbered, Unnumbered
from fluxiq.ports.live_data import Audit


class MemoryEventLog(EventLog):
    """`bodies` are the events by id; one that is not there when it is read was pruned."""

    def __init__(self, bodies: Mapping[str, bytes] | None = None) -> None:
        self.bodies = dict(bodies or {})
        self.numbers: dict[str, dict[int, str]] = {}  # by merchant: event ids by number
        self.away = False
        self.asked = 0

    def tell(self, merchant_id: str, event_id: str, body: bytes) -> int:
        """Write an event, and number it."""
        self.bodies[event_id] = body
        return self._number(Unnumbered(event_id, merchant_id))

    async def number(self, events: Sequence[Unnumbered]) -> Mapping[str, int]:
        await self._wait()
        return {one.event_id: self._number(one) for one in events}

    async def last(self, merchant_ids: Iterable[str]) -> Mapping[str, int]:
        await self._wait()
        return {one: max(self.numbers.get(one, {}), default=0) for one in merchant_ids}

    async def after(self, merchant_id: str, sequence: int, limit: int) -> Sequence[Numbered]:
        await self._wait()
        own = self.numbers.get(merchant_id, {})
        found = [
            Numbered(number, self.bodies[event_id])
            for number, event_id in sorted(own.items())
            if number > sequence and event_id in self.bodies
        ]
        return found[:limit]

    async def page(
        self, merchant_id: str, wanted: EventsWanted, page: Page
    ) -> tuple[list[Numbered], int]:
        found = [one for one in await self.after(merchant_id, 0, sys.maxsize) if _fits(one, wanted)]
        first = (page.number - 1) * page.size
        return found[::-1][first : first + page.size], len(found)

    async def find(self, merchant_id: str, event_id: str) -> Numbered | None:
        await self._wait()
        for number, known in self.numbers.get(merchant_id, {}).items():
            if known == event_id and event_id in self.bodies:
                return Numbered(number, self.bodies[event_id])
        return None

    def _number(self, event: Unnumbered) -> int:
        own = self.numbers.setdefault(event.merchant_id, {})
        for number, event_id in own.items():
            if event_id == event.event_id:
                return number
        own[len(own) + 1] = event.event_id
        return len(own)

    async def _wait(self) -> None:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.away:
            raise Unavailable("postgres", "away in the test")


class _Told(Struct):
    type: str
    created_at: datetime


def _fits(event: Numbered, wanted: EventsWanted) -> bool:
    told = msgspec.json.decode(event.body, type=_Told)
    begins = (wanted.type or "*").removesuffix("*")
    return (
        (told.type == wanted.type or (wanted.type != begins and told.type.startswith(begins)))
        and (wanted.since is None or told.created_at >= wanted.since)
        and (wanted.until is None or told.created_at < wanted.until)
    )


class MemoryTables:
    """What `cache.live_data` uses of a cache."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, bytes]] = {}
        self.away = False
        self.reads = 0

    async def table(self, key: str) -> Mapping[str, bytes]:
        await self._wait()
        self.reads += 1
        return dict(self.tables.get(key, {}))

    async def put_field(self, key: str, field: str, value: bytes) -> None:
        await self._wait()
        self.tables.setdefault(key, {})[field] = value

    async def _wait(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Unavailable("redis", "away in the test")


class MemoryNotices:
    """Who is told of changes: kind and JSON, in their order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []
        self.away = False

    async def __call__(self, kind: str, value: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Unavailable("nats", "away in the test")
        self.told.append((kind, value))


class MemoryAudit(Audit):
    """The trail: actor, action, subject."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    async def note(self, actor: str, action: str, subject: str, written: Struct) -> None:
        del written
        await trio.lowlevel.checkpoint()
        self.lines.append((actor, action, subject))
