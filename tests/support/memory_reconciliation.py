"""`ports.reconciliation.Reconciliation` over the memory store's dictionaries."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import trio
from msgspec.structs import replace

from fluxiq.domain.difference import UNRESOLVED, DifferenceEvent, DifferenceState, advance
from fluxiq.domain.reconciliation import (
    Difference,
    DifferenceKind,
    Flow,
    Name,
    OurRecord,
    Standing,
    StatementLine,
    Window,
    name_of,
    standing_of,
)
from fluxiq.domain.records import Payout, Refund
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.reconciliation import (
    DifferenceRow,
    Found,
    Reconciliation,
    Run,
    RunState,
    Unmatched,
)
from tests.support.memory import MemoryStore
from tests.support.memory_refunds import MemoryRefunds


class MemoryReconciliation:
    """Public attributes are the tables, for tests to look at."""

    def __init__(self, store: MemoryStore, refunds: MemoryRefunds) -> None:
        self.runs_by_id: dict[str, Run] = {}
        self.said: dict[Name, tuple[StatementLine, str, int]] = {}  # line, run, times
        self.rows: dict[tuple[Name, DifferenceKind], DifferenceRow] = {}
        self.looked_at: dict[int, datetime] = {}
        self.pages: list[str] = []  # where the runs stood, page by page
        self._store, self._refunds = store, refunds
        self._numbers = itertools.count(1)

    async def begin(self, run: Run, stale_before: datetime) -> Run:
        await trio.lowlevel.checkpoint()
        if run.id in self.runs_by_id:
            return self.runs_by_id[run.id]
        for other in self.runs_by_id.values():
            if other.state is RunState.UNDER_WAY:
                if other.updated_at >= stale_before:
                    raise Unavailable("reconciliation", "another run is under way")
                self._end(other, RunState.ABANDONED, run.started_at)
        self.runs_by_id[run.id] = run
        return run

    async def finish(self, run: Run) -> None:
        await trio.lowlevel.checkpoint()
        self._advance(run)
        singles = [
            one.id
            for one in self.rows.values()
            if one.kind is DifferenceKind.DOUBLED_THERE
            and self.said.get(one.name, (None, "", 0))[1:] == (run.id, 1)
        ]
        self._change(dict.fromkeys(singles, DifferenceEvent.GONE), run.updated_at)

    async def runs(self, limit: int) -> list[Run]:
        await trio.lowlevel.checkpoint()
        return list(reversed(self.runs_by_id.values()))[:limit]

    async def done_since(self, begun: datetime) -> set[Window]:
        await trio.lowlevel.checkpoint()
        return {
            one.window
            for one in self.runs_by_id.values()
            if one.state is RunState.DONE and one.started_at >= begun
        }

    async def reached(self) -> datetime | None:
        done = [one for one in await self.runs(1_000_000) if one.state is RunState.DONE]
        return done[0].until if done else None

    async def records(self, names: Sequence[Name]) -> dict[Name, OurRecord]:
        await trio.lowlevel.checkpoint()
        wanted = set(names)
        return {name_of(one): one for one in self._all() if name_of(one) in wanted}

    async def seen(self, run_id: str, names: Sequence[Name]) -> set[Name]:
        await trio.lowlevel.checkpoint()
        return {name for name in names if name in self.said and self.said[name][1] == run_id}

    async def lines(self, names: Sequence[Name]) -> dict[Name, StatementLine]:
        await trio.lowlevel.checkpoint()
        return {name: self.said[name][0] for name in names if name in self.said}

    async def file_page(
        self, run: Run, provider: str, lines: Sequence[StatementLine], found: Sequence[Found]
    ) -> list[DifferenceRow]:
        del provider
        await trio.lowlevel.checkpoint()
        self._advance(run)
        self.pages.append(f"{run.step} {run.cursor}".rstrip())
        times = Counter(map(name_of, lines))
        for name, line in {name_of(one): one for one in lines}.items():
            _, run_id, before = self.said.get(name, (line, "", 0))
            self.said[name] = (line, run.id, times[name] + (before if run_id == run.id else 0))
        states = ((self._state_of(one.difference), one) for one in found)
        kept = [
            (before_, self._keep(run, one))
            for before_, one in states
            if before_ is not DifferenceState.RESOLVED
        ]
        return [row for before_, row in kept if before_ is not row.state]

    async def forget_vanished(self, run: Run, flows: Sequence[Flow], window: Window) -> int:
        await trio.lowlevel.checkpoint()
        gone = [
            name
            for name, (line, run_id, _) in self.said.items()
            if line.flow in flows and run_id != run.id and window.holds(line.settled_at)
        ]
        for name in gone:
            del self.said[name]
        return len(gone)

    async def totals(self, flow: Flow, window: Window) -> tuple[int, int]:
        settled = self._settled(flow, window)
        return len(settled), sum(one.amount for one in settled)

    async def unmatched(self, flow: Flow, window: Window, after: str, limit: int) -> Unmatched:
        await trio.lowlevel.checkpoint()
        settled = sorted(self._settled(flow, window), key=lambda one: one.id)
        left = [one for one in settled if name_of(one) not in self.said and one.id > after]
        return Unmatched(records=tuple(left[:limit]), has_more=len(left[:limit]) == limit)

    async def look(self, now: datetime, limit: int) -> list[DifferenceRow]:
        await trio.lowlevel.checkpoint()
        found = [
            one
            for one in self.rows.values()
            if one.state in UNRESOLVED and self.looked_at.get(one.id) != now
        ][:limit]
        self.looked_at |= dict.fromkeys((one.id for one in found), now)
        return found

    async def change(
        self, changes: Mapping[int, DifferenceEvent], now: datetime
    ) -> list[DifferenceRow]:
        await trio.lowlevel.checkpoint()
        return self._change(changes, now)

    async def differences(self, state: DifferenceState | None, limit: int) -> list[DifferenceRow]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.rows.values() if state in {None, one.state}]
        return sorted(found, key=lambda one: -one.id)[:limit]

    async def find(self, difference_id: int) -> DifferenceRow | None:
        return next(
            (one for one in await self.differences(None, 1_000_000) if one.id == difference_id),
            None,
        )

    async def resolve(self, difference_id: int, now: datetime, reason: str) -> DifferenceRow:
        row = await self.find(difference_id)
        if row is None:
            raise Refused("difference_not_found", f"no difference {difference_id}")
        if advance(row.state, DifferenceEvent.DECIDED) is None:
            raise Refused("difference_ended", f"difference {difference_id} is {row.state}")
        [resolved] = self._change({difference_id: DifferenceEvent.DECIDED}, now, reason=reason)
        return resolved

    async def open_counts(self) -> dict[DifferenceKind, int]:
        return dict(
            Counter(one.kind for one in await self.differences(DifferenceState.OPEN, 1_000_000))
        )

    # Below the counter.

    def _all(self) -> list[OurRecord]:
        store, refunds = self._store, self._refunds
        received = [
            (Flow.RECEIVED, one.end_to_end_id, one.amount, one.received_at, str(one.reason))
            for one in store.receipts.values()
        ]
        returned = [
            (Flow.RETURNED, one.return_id, one.amount, one.returned_at, "returned")
            for one in refunds.returns.values()
        ]
        settled = [
            OurRecord(
                flow=flow, id=name, amount=amount, standing=Standing.SETTLED, at=at, stage=stage
            )
            for flow, name, amount, at, stage in received + returned
        ]
        orders: list[Payout | Refund] = [*store.payouts_by_id.values(), *refunds.by_id.values()]
        return settled + [
            OurRecord(
                flow=Flow.SENT if isinstance(one, Payout) else Flow.REFUNDED,
                id=one.order_id,
                amount=one.amount,
                standing=standing_of(one.stage),
                at=one.updated_at,
                stage=one.stage,
            )
            for one in orders
        ]

    def _settled(self, flow: Flow, window: Window) -> list[OurRecord]:
        return [
            one
            for one in self._all()
            if one.flow is flow and one.standing is Standing.SETTLED and window.holds(one.at)
        ]

    def _advance(self, run: Run) -> None:
        if self.runs_by_id[run.id].state is not RunState.UNDER_WAY:
            raise Unavailable("reconciliation", f"{run.id} was ended by somebody else")
        self.runs_by_id[run.id] = run

    def _end(self, run: Run, state: RunState, at: datetime) -> None:
        self.runs_by_id[run.id] = replace(run, state=state, ended_at=at)

    def _state_of(self, told: Difference) -> DifferenceState | None:
        row = self.rows.get((name_of(told), told.kind))
        return row and row.state

    def _keep(self, run: Run, found: Found) -> DifferenceRow:
        told, now = found.difference, run.updated_at
        key = name_of(told), told.kind
        state = advance(self._state_of(told), found.event)
        assert state is not None, f"{found.event} is of every difference"
        said: dict[str, Any] = {
            "ours": told.ours,
            "theirs": told.theirs,
            "settled_at": told.settled_at,
            "detail": told.detail,
            "run_id": run.id,
            "seen_at": now,
        }
        row = self.rows.get(key)
        if row is None:
            self.rows[key] = DifferenceRow(
                id=next(self._numbers),
                flow=told.flow,
                record_id=told.id,
                kind=told.kind,
                state=state,
                found_at=now,
                changed_at=now,
                **said,
            )
        else:
            changed_at = row.changed_at if row.state is state else now
            self.rows[key] = replace(row, state=state, changed_at=changed_at, **said)
        return self.rows[key]

    def _change(
        self, changes: Mapping[int, DifferenceEvent], now: datetime, **said: Any
    ) -> list[DifferenceRow]:
        changed = []
        for key, row in self.rows.items():
            state = row.id in changes and advance(row.state, changes[row.id])
            if state:
                self.rows[key] = replace(row, state=state, changed_at=now, **said)
                changed.append(self.rows[key])
        return changed


def keeps_its_promises(made: MemoryReconciliation) -> Reconciliation:
    """The twin is a port: said here so that the type checker looks."""
    return made
