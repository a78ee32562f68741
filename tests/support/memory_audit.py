"""In-memory twin of the sealed audit trail. Lines are added by hand."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import trio
from msgspec.structs import replace

from fluxiq.domain.audit import Line, Place, Purge, Seal
from fluxiq.domain.audit_signature import SealingKey
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Page
from fluxiq.ports.audit import AuditChain, Deed, Leaves, LinesWanted, Waiting, Witness
from fluxiq.ports.origin import origin

BEGAN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
KEY = SealingKey(bytes(range(32)))
FIVE_YEARS = timedelta(days=5 * 366)


class MemoryAuditChain(AuditChain):
    """`horizon` is the oldest transaction that is still open; by default none is."""

    def __init__(self) -> None:
        self.trail: dict[int, Line] = {}
        self.sealed: dict[int, Seal] = {}
        self.kept_leaves: dict[int, Leaves] = {}
        self.noted: list[int] = []
        self.purged: dict[int, Purge] = {}
        self.desks: dict[str, int] = {}
        self.horizon: int | None = None
        self.now = BEGAN

    def add(self, action: str = "thing.made", *, xid: int | None = None, **fields: object) -> Line:
        """Write a line, of a transaction of its own unless told."""
        number = len(self.trail) + 1
        where = origin()
        line = Line(
            id=number,
            xid=number if xid is None else xid,
            at=self.now,
            actor="key_1",
            credential=where.credential,
            address=where.address,
            request_id=where.request_id,
            action=action,
            subject=f"thing_{number}",
            merchant_id="",
            before=b"",
            digest=number.to_bytes(32),
            note="",
        )
        line = replace(line, **fields)
        self.trail[line.id] = line
        return line

    async def head(self) -> Seal | None:
        await trio.lowlevel.checkpoint()
        return self.sealed[max(self.sealed)] if self.sealed else None

    async def sealable(self, after: Place, limit: int) -> list[Line]:
        found = await self.lines(after, Place(2**62, 2**62), 2**62)
        return [one for one in found if self.horizon is None or one.xid < self.horizon][:limit]

    async def add_seal(self, seal: Seal, leaves: Leaves) -> bool:
        await trio.lowlevel.checkpoint()
        if seal.seq in self.sealed:
            return False
        self.sealed[seal.seq], self.kept_leaves[seal.seq] = seal, leaves
        return True

    async def unpublished(self, limit: int) -> list[Seal]:
        await trio.lowlevel.checkpoint()
        upto = max(self.noted, default=0)
        return [one for seq, one in sorted(self.sealed.items()) if seq > upto][:limit]

    async def published(self, seqs: Sequence[int]) -> None:
        await trio.lowlevel.checkpoint()
        self.noted += seqs

    async def waiting(self, after: Place) -> Waiting:
        found = await self.lines(after, Place(2**62, 2**62), 2**62)
        return Waiting(count=len(found), oldest=found[0].at if found else None)

    async def seals(self, after_seq: int, limit: int) -> list[Seal]:
        await trio.lowlevel.checkpoint()
        return [one for seq, one in sorted(self.sealed.items()) if seq > after_seq][:limit]

    async def seals_at(self, seqs: Sequence[int]) -> Mapping[int, Seal]:
        await trio.lowlevel.checkpoint()
        return {seq: self.sealed[seq] for seq in seqs if seq in self.sealed}

    async def seal_over(self, place: Place) -> Seal | None:
        await trio.lowlevel.checkpoint()
        return next((one for _, one in sorted(self.sealed.items()) if one.last >= place), None)

    async def lines(self, after: Place, upto: Place, limit: int) -> list[Line]:
        await trio.lowlevel.checkpoint()
        found = sorted(self.trail.values(), key=lambda one: one.place)
        return [one for one in found if after < one.place <= upto][:limit]

    async def leaves(self, seq: int) -> Leaves | None:
        await trio.lowlevel.checkpoint()
        return self.kept_leaves.get(seq)

    async def purges(self, first_seq: int, last_seq: int) -> Mapping[int, Purge]:
        await trio.lowlevel.checkpoint()
        return {seq: one for seq, one in self.purged.items() if first_seq <= seq <= last_seq}

    async def published_upto(self) -> int:
        await trio.lowlevel.checkpoint()
        return max(self.noted, default=0)

    async def find(self, line_id: int) -> Line | None:
        await trio.lowlevel.checkpoint()
        return self.trail.get(line_id)

    async def page(self, wanted: LinesWanted, page: Page) -> tuple[list[Line], int]:
        await trio.lowlevel.checkpoint()
        found = [one for _, one in sorted(self.trail.items(), reverse=True) if _fits(one, wanted)]
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def export(self, wanted: LinesWanted, after: Place, limit: int) -> list[Line]:
        found = await self.lines(after, Place(2**62, 2**62), 2**62)
        return [one for one in found if _fits(one, wanted)][:limit]

    async def oldest_unpurged(self) -> Seal | None:
        await trio.lowlevel.checkpoint()
        return self.sealed.get(max(self.purged, default=0) + 1)

    async def actions_under(self, seal: Seal) -> Mapping[str, datetime]:
        found: dict[str, datetime] = {}
        for one in await self.lines(Place(seal.first.xid, seal.first.id - 1), seal.last, 2**62):
            found[one.action] = max(one.at, found.get(one.action, one.at))
        return found

    async def purge(self, seq: int, who: str, reason: str) -> int:
        seal = self.sealed[seq]
        gone = await self.lines(Place(seal.first.xid, seal.first.id - 1), seal.last, 2**62)
        if max(one.at for one in gone) + FIVE_YEARS > self.now:
            raise Refused("audit_not_purgeable", "it has lines of the last five years")
        number = max(self.trail) + 1
        for one in gone:
            del self.trail[one.id]
        del self.kept_leaves[seq]
        self.purged[seq] = Purge(
            seq=seq, count=len(gone), purged_at=self.now, purged_by=who, reason=reason
        )
        self.add("audit.purged", xid=number, id=number, subject=f"seal:{seq}", actor=who)
        return len(gone)

    async def desk_place(self, desk: str) -> int:
        await trio.lowlevel.checkpoint()
        return self.desks.get(desk, 0)

    async def take_in(self, desk: str, upto: int, deeds: Sequence[Deed]) -> None:
        await trio.lowlevel.checkpoint()
        for deed in deeds:
            fields = {name: getattr(deed, name) for name in deed.__struct_fields__}
            self.add(fields.pop("action"), **fields)
        self.desks[desk] = upto


class MemoryWitness(Witness):
    """What was told is in `kept`; `away` makes it an outage."""

    def __init__(self) -> None:
        self.kept: list[Seal | None] = []
        self.away = False

    async def tell(self, seals: Sequence[Seal]) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Unavailable("nats", "away in the test")
        self.kept += seals

    async def told(self) -> AsyncGenerator[Sequence[Seal | None], None]:
        await trio.lowlevel.checkpoint()
        if self.kept:
            yield list(self.kept)


def _fits(line: Line, wanted: LinesWanted) -> bool:
    action = wanted.action
    return (
        wanted.merchant_id in {None, line.merchant_id}
        and wanted.actor in {None, line.actor, line.credential}
        and wanted.subject in {None, line.subject}
        and (wanted.since is None or line.at >= wanted.since)
        and (wanted.until is None or line.at < wanted.until)
        and (
            action in {None, line.action}
            or (action is not None and action.endswith(".") and line.action.startswith(action))
        )
    )
