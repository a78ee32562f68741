"""What reconciliation needs on paper: its runs, the statements' lines, the differences."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.difference import DifferenceEvent, DifferenceState
from fluxiq.domain.reconciliation import (
    Difference,
    DifferenceKind,
    Flow,
    Name,
    OurRecord,
    StatementLine,
    Window,
)


class RunState(StrEnum):
    UNDER_WAY = "under_way"
    DONE = "done"
    ABANDONED = "abandoned"  # nobody went on with it, and another began


class Run(Struct, frozen=True, kw_only=True):
    """One comparison of a window. It goes on at `cursor` of `step`.

    `lines` are the statement's, `records` ours of the window, `matched` lines that agree;
    `differences` were found and `healed` put right at once. Amounts add up.
    """

    id: str  # rec_…
    since: datetime
    until: datetime
    step: str
    started_at: datetime
    updated_at: datetime
    state: RunState = RunState.UNDER_WAY
    cursor: str = ""
    pages: int = 0
    lines: int = 0
    lines_amount: int = 0
    records: int = 0
    records_amount: int = 0
    matched: int = 0
    matched_amount: int = 0
    differences: int = 0
    healed: int = 0
    ended_at: datetime | None = None

    @property
    def window(self) -> Window:
        return Window(self.since, self.until)


class Found(Struct, frozen=True):
    """A difference that a run saw, and whether something was done about it: SEEN or REMEDIED."""

    difference: Difference
    event: DifferenceEvent


class DifferenceRow(Struct, frozen=True, kw_only=True):
    """A difference on paper, with its whole story; `reason` is the operator's who resolved it."""

    id: int
    flow: Flow
    record_id: str
    kind: DifferenceKind
    ours: int | None
    theirs: int | None
    settled_at: datetime
    detail: str
    state: DifferenceState
    run_id: str
    found_at: datetime
    seen_at: datetime
    changed_at: datetime
    reason: str | None = None

    @property
    def name(self) -> Name:
        return self.flow, self.record_id


class Unmatched(Struct, frozen=True, kw_only=True):
    """Records of ours that settled in a window and that no statement has a line for, by their ids
    from the one after which was asked.
    """

    records: tuple[OurRecord, ...]
    has_more: bool = False


class Reconciliation(Protocol):
    """Runs, lines and differences of one institution. Every method is one transaction, and raises
    Unavailable.
    """

    # runs

    async def begin(self, run: Run, stale_before: datetime) -> Run:
        """The run as it stands: new, or how far it has come. Another one that is under way and was
        not touched since `stale_before` is abandoned; one that was is in the way: Unavailable.
        """

    async def finish(self, run: Run) -> None:
        """The run is done. What was doubled and was not so this time has healed."""

    async def runs(self, limit: int) -> list[Run]:
        """The last begun first."""

    async def done_since(self, begun: datetime) -> set[Window]:
        """The windows of runs that began at `begun` or later and are done."""

    async def reached(self) -> datetime | None:
        """Until when the last run that was done has compared; None when none was."""

    # comparing

    async def records(self, names: Sequence[Name]) -> dict[Name, OurRecord]:
        """What we have under these ids."""

    async def seen(self, run_id: str, names: Sequence[Name]) -> set[Name]:
        """Those of which the run has had a line before."""

    async def lines(self, names: Sequence[Name]) -> dict[Name, StatementLine]:
        """What the statements said of these lately."""

    async def file_page(
        self, run: Run, provider: str, lines: Sequence[StatementLine], found: Sequence[Found]
    ) -> list[DifferenceRow]:
        """Keep the lines, the differences and how far the run has come, if it is still under way
        (else Unavailable). Returns the differences that are news: new, or back.
        """

    async def forget_vanished(self, run: Run, flows: Sequence[Flow], window: Window) -> int:
        """Delete the lines of these flows that settled in `window` and that the run has not seen;
        says how many: the provider takes them back.
        """

    async def totals(self, flow: Flow, window: Window) -> tuple[int, int]:
        """How many of our records settled in the window, and the sum of their amounts."""

    async def unmatched(self, flow: Flow, window: Window, after: str, limit: int) -> Unmatched: ...

    # differences

    async def look(self, now: datetime, limit: int) -> list[DifferenceRow]:
        """Unresolved ones at which nobody has looked for the longest time, and not at `now`."""

    async def change(
        self, changes: Mapping[int, DifferenceEvent], now: datetime
    ) -> list[DifferenceRow]:
        """Let these happen to differences, by their ids; those that changed state."""

    async def differences(self, state: DifferenceState | None, limit: int) -> list[DifferenceRow]:
        """The last found first."""

    async def find(self, difference_id: int) -> DifferenceRow | None: ...

    async def resolve(self, difference_id: int, now: datetime, reason: str) -> DifferenceRow:
        """An operator has decided about it, and says why; it is no alarm any more, however often it
        is seen. Raises Refused `difference_not_found`, `difference_ended`.
        """

    async def open_counts(self) -> dict[DifferenceKind, int]:
        """How many are open, by kind."""
