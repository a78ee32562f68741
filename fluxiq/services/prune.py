"""What is deleted for its age: jobs that ended, idempotency keys. In bites, so that no lock and no
transaction is long.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import trio

from fluxiq.domain.job import JobState
from fluxiq.ports.jobs import Pruning
from fluxiq.services.run_jobs import Kind
from fluxiq.services.tenant import Tenant

BITE: Final = 1000
BITES_MAX: Final = 200  # in one run; the next run goes on
PAUSE_SECONDS: Final = 0.01  # between bites: payments come first

KEEP_COMPLETED: Final = timedelta(days=1)
KEEP_CANCELLED: Final = timedelta(days=7)
KEEP_DISCARDED: Final = timedelta(days=30)
KEEP_IDEMPOTENCY_KEYS: Final = timedelta(days=30)  # as long as a caller may rely on its key


async def prune_jobs(tenant: Tenant, kinds: Iterable[Kind]) -> int:
    """Delete jobs that ended long enough ago; says how many. Completed ones go by their kind."""
    now = tenant.clock.now()
    rules = [
        Pruning(
            state=JobState.COMPLETED,
            before=now - KEEP_COMPLETED,
            of_kinds={one.name: now - one.keep_completed for one in kinds},
        ),
        Pruning(state=JobState.CANCELLED, before=now - KEEP_CANCELLED, of_kinds={}),
        Pruning(state=JobState.DISCARDED, before=now - KEEP_DISCARDED, of_kinds={}),
    ]
    gone = 0
    for _ in range(BITES_MAX):
        bite = await tenant.jobs.prune(rules, now, BITE)
        gone += bite
        if bite < BITE:
            break
        await trio.sleep(PAUSE_SECONDS)
    return gone


async def prune_idempotency_keys(tenant: Tenant) -> int:
    """Delete keys that no caller may rely on any more; says how many."""
    before = tenant.clock.now() - KEEP_IDEMPOTENCY_KEYS
    gone = 0
    for _ in range(BITES_MAX):
        bite = await tenant.upkeep.prune_idempotency_keys(before, BITE)
        gone += bite
        if bite < BITE:
            break
        await trio.sleep(PAUSE_SECONDS)
    return gone
