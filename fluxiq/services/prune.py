"""What is deleted for its age. In bites, so that no lock and no transaction is long.

Ages are settings (`[retention]`). What the law keeps has none: payments and everything that proves
them stay for ever.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
import trio
from msgspec import Struct

from fluxiq.domain.job import JobState
from fluxiq.ports.jobs import Pruning
from fluxiq.ports.upkeep import RecordClass
from fluxiq.services.run_jobs import Kind
from fluxiq.services.tenant import Tenant
from fluxiq.settings import Retention

BITE: Final = 1000
BITES_MAX: Final = 5000  # of one class in one run; the next run goes on
PAUSE_SECONDS: Final = 0.01  # between bites: payments come first
COUNTED_MAX: Final = 100_000  # by a look that deletes nothing

KEEP_COMPLETED: Final = timedelta(days=1)  # jobs, unless their kind says otherwise

_log = structlog.get_logger("retention")


def ages(retention: Retention) -> Mapping[RecordClass, timedelta]:
    """How long each class is kept, in the order in which they are pruned: attempts before their
    deliveries.
    """
    return {
        RecordClass.DELIVERY_ATTEMPTS: timedelta(days=retention.delivery_attempts_days),
        RecordClass.DELIVERIES: timedelta(days=retention.deliveries_days),
        RecordClass.LIVE_EVENTS: timedelta(days=retention.live_events_days),
        RecordClass.IDEMPOTENCY_KEYS: timedelta(days=retention.idempotency_keys_days),
        RecordClass.STATEMENT_LINES: timedelta(days=retention.statement_lines_days),
    }


class Pruned(Struct, frozen=True, kw_only=True):
    """What is written down of a class of records: how many went, and from before when."""

    count: int
    before: datetime


async def prune_aged(tenant: Tenant) -> Mapping[RecordClass, int]:
    """Delete what is old enough; says how much of each class went."""
    now = tenant.clock.now()
    removed = {}
    for what, age in ages(tenant.settings.retention).items():
        removed[what] = await _prune(tenant, what, now - age)
        tenant.removals.removed(what, removed[what])
        if removed[what]:
            pruned = Pruned(count=removed[what], before=now - age)
            await tenant.audit.note("platform", "records.pruned", what, pruned)
    if any(removed.values()):
        _log.info("records_pruned", **{what.value: count for what, count in removed.items()})
    return removed


async def count_aged(tenant: Tenant) -> Mapping[RecordClass, int]:
    """How much `prune_aged` would delete, each class counted up to COUNTED_MAX."""
    now = tenant.clock.now()
    return {
        what: await tenant.upkeep.count(what, now - age, COUNTED_MAX)
        for what, age in ages(tenant.settings.retention).items()
    }


async def prune_jobs(tenant: Tenant, kinds: Iterable[Kind]) -> int:
    """Delete jobs that ended long enough ago; says how many. Completed ones go by their kind."""
    now, retention = tenant.clock.now(), tenant.settings.retention
    cancelled = timedelta(days=retention.cancelled_jobs_days)
    discarded = timedelta(days=retention.discarded_jobs_days)
    rules = [
        Pruning(
            state=JobState.COMPLETED,
            before=now - KEEP_COMPLETED,
            of_kinds={one.name: now - one.keep_completed for one in kinds},
        ),
        Pruning(state=JobState.CANCELLED, before=now - cancelled, of_kinds={}),
        Pruning(state=JobState.DISCARDED, before=now - discarded, of_kinds={}),
    ]
    gone = await _in_bites(lambda: tenant.jobs.prune(rules, now, BITE))
    tenant.removals.removed(RecordClass.JOBS, gone)
    return gone


async def _prune(tenant: Tenant, what: RecordClass, before: datetime) -> int:
    if what is RecordClass.DELIVERY_ATTEMPTS:
        return await _in_bites(lambda: tenant.webhooks.prune_attempts(before, BITE))
    return await _in_bites(lambda: tenant.upkeep.prune(what, before, BITE))


async def _in_bites(bite: Callable[[], Awaitable[int]]) -> int:
    gone = 0
    for _ in range(BITES_MAX):
        eaten = await bite()
        gone += eaten
        if eaten < BITE:
            break
        await trio.sleep(PAUSE_SECONDS)
    return gone
