"""Our records beside the providers' statements, as operators read them: docs/reconciliation.md."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.difference import DifferenceState
from fluxiq.domain.reconciliation import DifferenceKind, Flow
from fluxiq.ports.reconciliation import RunState


class DifferenceShown(Struct, frozen=True, kw_only=True):
    """What a provider's statement and our records do not agree about. `ours` and `theirs` are
    amounts in centavos, null where that side has nothing; `reason` is that of who resolved it.
    """

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
    reason: str | None


class ReconciliationRun(Struct, frozen=True, kw_only=True):
    """One comparison of what settled from `since` to `until`. `lines` are the statement's,
    `records` ours, `matched` lines that agree, with their sums in centavos; `healed` of the
    `differences` were put right at once. `step` is what it is at, or was last.
    """

    id: str
    since: datetime
    until: datetime
    step: str
    state: RunState
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    pages: int
    lines: int
    lines_amount: int
    records: int
    records_amount: int
    matched: int
    matched_amount: int
    differences: int
    healed: int
