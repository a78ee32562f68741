"""Reconciliation: the providers' statements beside our records, a page at a time.

A run reads the statements of a window, then looks for what of ours no statement has. What each page
says is kept with how far the run has come, in one transaction: whoever goes on after a crash goes
on there. Remedies come before that, because they do twice what is the same as once.

| step | what is done |
|---|---|
| `read <provider>` | its lines are compared with the records of the same ids |
| `forget` | lines that are not said any more are taken out |
| `compare <flow>` | records for which no statement has a line are missing there |
| `end` | the run is done |

Runs are one at a time in an institution (docs/reconciliation.md).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from msgspec.structs import replace

from fluxiq.domain.difference import DifferenceEvent, DifferenceState
from fluxiq.domain.reconciliation import (
    Compared,
    Flow,
    StatementLine,
    Window,
    compare,
    missing_there,
    name_of,
)
from fluxiq.errors import Unavailable
from fluxiq.ports.reconciliation import DifferenceRow, Found, Run, RunState
from fluxiq.services.remedies import file_missing, settle_open
from fluxiq.services.tenant import Tenant

PAGES_MAX: Final = 20_000  # that are read in one run: ten million lines
SLICE: Final = timedelta(minutes=10)  # of our records, looked through in one statement
UNMATCHED_MAX: Final = 1000  # in one statement
STALE: Final = timedelta(minutes=15)  # who has not touched its run for so long is taken for dead
TOLD_MAX: Final = 20  # differences of a page that get a line of their own in the log

_READ, _FORGET, _COMPARE, _END = "read", "forget", "compare", "end"
_log = structlog.get_logger("reconciliation")


async def reconcile(tenant: Tenant, run_id: str, window: Window) -> Run:
    """Begin a run, or go on with it, to its end. Raises Unavailable and Unknown: it goes on later.
    One that was abandoned stays so: what it has read may have been read anew by another one.

    The statements are asked for a margin more on both sides: their times are not ours.
    """
    now, steps = tenant.clock.now(), _steps(tenant)
    wanted = Run(
        id=run_id,
        since=window.since,
        until=window.until,
        step=steps[0],
        started_at=now,
        updated_at=now,
    )
    run = await tenant.reconciliation.begin(wanted, now - STALE)
    if run.state is RunState.UNDER_WAY and run.step not in steps:
        run = replace(run, state=RunState.ABANDONED, updated_at=now, ended_at=now)
        _log.warning("reconciliation_abandoned", run=run.id, why="the links are others now")
        await tenant.reconciliation.file_page(run, "", (), ())
    while run.state is RunState.UNDER_WAY:
        run = await _one_page(tenant, run, steps)
    return run


def complete_flows(tenant: Tenant) -> frozenset[Flow]:
    """Those of which the statements have every line. Money comes by any link, and leaves by one."""
    received = all(Flow.RECEIVED in one.statement_flows for one in tenant.providers.values())
    others = tenant.provider.statement_flows - {Flow.RECEIVED}
    return others | {Flow.RECEIVED} if received else others


def margin(tenant: Tenant) -> timedelta:
    """By how much our times and the providers' may differ, notices on their way included."""
    return timedelta(seconds=tenant.settings.reconciliation.margin_seconds)


def tell(rows: Sequence[DifferenceRow]) -> None:
    """Differences that are new, back or gone, in the log."""
    for row in rows[:TOLD_MAX]:
        level = _log.warning if row.state is DifferenceState.OPEN else _log.info
        level(
            f"difference_{row.state}",
            difference=row.id,
            kind=row.kind.value,
            flow=row.flow.value,
            record=row.record_id,
            ours=row.ours,
            theirs=row.theirs,
        )
    if len(rows) > TOLD_MAX:
        _log.warning("differences_not_told", count=len(rows) - TOLD_MAX)


def _steps(tenant: Tenant) -> list[str]:
    flows = complete_flows(tenant)
    reading = [f"{_READ} {name}" for name in tenant.providers]
    comparing = [f"{_COMPARE} {flow}" for flow in Flow if flow in flows]
    return [*reading, _FORGET, *comparing, _END]


async def _one_page(tenant: Tenant, run: Run, steps: Sequence[str]) -> Run:
    """The run as it is after one page or slice more."""
    verb, _, about = run.step.partition(" ")
    if verb == _READ:
        return await _read(tenant, run, steps, about)
    if verb == _FORGET:
        return await _forget(tenant, run, steps)
    if verb == _COMPARE:
        return await _compare(tenant, run, steps, Flow(about))
    return await _end(tenant, run)


async def _read(tenant: Tenant, run: Run, steps: Sequence[str], name: str) -> Run:
    if run.pages >= PAGES_MAX:
        text = f"its statement has more than {PAGES_MAX} pages"
        raise Unavailable(name, text, retry_after=STALE.total_seconds())
    asked = run.window.widened(margin(tenant))
    page = await tenant.providers[name].statement(asked, run.cursor)
    compared, found, healed = await _judge(tenant, run, name, page.lines)
    after = _moved(
        tenant,
        run,
        steps,
        page.next_cursor,
        pages=1,
        lines=len(page.lines),
        lines_amount=sum(line.amount for line in page.lines),
        matched=compared.matched,
        matched_amount=compared.matched_amount,
        differences=len(found),
        healed=healed,
    )
    tell(await tenant.reconciliation.file_page(after, name, page.lines, found))
    return after


async def _judge(
    tenant: Tenant, run: Run, provider: str, lines: Sequence[StatementLine]
) -> tuple[Compared, list[Found], int]:
    """What a page differs in once what can be put right is, and how much of it was at once."""
    names = list(dict.fromkeys(map(name_of, lines)))
    records = await tenant.reconciliation.records(names)
    seen = await tenant.reconciliation.seen(run.id, names)
    heard_by = tenant.clock.now() - margin(tenant)
    compared = compare(lines, records, seen=seen, heard_by=heard_by)

    settled = await settle_open(tenant, compared.differences, records)
    if settled:
        records |= await tenant.reconciliation.records(settled)
        compared = compare(lines, records, seen=seen, heard_by=heard_by)

    filed = await file_missing(tenant, provider, lines, compared.differences)
    found = [
        Found(one, DifferenceEvent.REMEDIED if one in filed else DifferenceEvent.SEEN)
        for one in compared.differences
    ]
    return compared, found, len(settled)


async def _forget(tenant: Tenant, run: Run, steps: Sequence[str]) -> Run:
    number, _ = _place(run)
    window = _slice(run, number)
    flows = sorted(complete_flows(tenant))
    gone = await tenant.reconciliation.forget_vanished(run, flows, window)
    if gone:
        _log.warning("statement_lines_vanished", run=run.id, count=gone)
    after = _moved(tenant, run, steps, _next_slice(run, number))
    await tenant.reconciliation.file_page(after, "", (), ())
    return after


async def _compare(tenant: Tenant, run: Run, steps: Sequence[str], flow: Flow) -> Run:
    number, last = _place(run)
    window = _slice(run, number)
    # A slice with many of them takes several statements: it is counted with the first.
    totals = (0, 0) if last else await tenant.reconciliation.totals(flow, window)
    unmatched = await tenant.reconciliation.unmatched(flow, window, last, UNMATCHED_MAX)
    found = [Found(one, DifferenceEvent.SEEN) for one in missing_there(unmatched.records)]
    cursor = (
        f"{number}:{unmatched.records[-1].id}" if unmatched.has_more else _next_slice(run, number)
    )
    after = _moved(
        tenant,
        run,
        steps,
        cursor,
        records=totals[0],
        records_amount=totals[1],
        differences=len(found),
    )
    tell(await tenant.reconciliation.file_page(after, "", (), found))
    return after


async def _end(tenant: Tenant, run: Run) -> Run:
    now = tenant.clock.now()
    done = replace(run, state=RunState.DONE, updated_at=now, ended_at=now)
    await tenant.reconciliation.finish(done)
    _log.info(
        "reconciliation_done",
        run=run.id,
        since=run.since.isoformat(),
        until=run.until.isoformat(),
        lines=run.lines,
        matched=run.matched,
        differences=run.differences,
        healed=run.healed,
    )
    return done


def _moved(
    tenant: Tenant, run: Run, steps: Sequence[str], cursor: str | None, **counted: int
) -> Run:
    """The run at `cursor` of its step, or where that is None, at the next step."""
    sums = {name: getattr(run, name) + count for name, count in counted.items()}
    step = run.step if cursor is not None else steps[steps.index(run.step) + 1]
    return replace(run, step=step, cursor=cursor or "", updated_at=tenant.clock.now(), **sums)


def _place(run: Run) -> tuple[int, str]:
    """The number of a slice, and the id in it after which to go on."""
    number, _, last = run.cursor.partition(":")
    return int(number or "0"), last


def _slice(run: Run, number: int) -> Window:
    since = run.since + number * SLICE
    return Window(since, min(since + SLICE, run.until))


def _next_slice(run: Run, number: int) -> str | None:
    following = number + 1
    return str(following) if run.since + following * SLICE < run.until else None
