"""Sealing everything again under the current key, a page at a time, while everybody works.

A new key is in use everywhere some seconds after it was made (`SETTLE_SECONDS`); a walk that begins
then, and comes to the end of every column, leaves nothing that another key has sealed. It may stop
anywhere: the progress is on paper, in the transaction of its page. Old keys are retired a day
later: messages on the bus may still have their seals.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
import trio
from msgspec.structs import replace

from fluxiq.domain.job import Job
from fluxiq.errors import SealBroken
from fluxiq.ports.sealing_keys import Progress, SealingState, Stale
from fluxiq.services.run_jobs import Kind, NoArgs
from fluxiq.services.tenant import Tenant

# Beyond what a process vouches for a key (20 s), what a statement takes (10 s), and clocks differ.
SETTLE_SECONDS: Final = 60.0
RETIRE_SECONDS: Final = 86_400.0
PAGE: Final = 128  # opened and sealed in one go: less than a millisecond
ATTEMPT_SECONDS_MAX: Final = 240.0  # then the next attempt goes on

_log = structlog.get_logger("sealing")


async def reseal(tenant: Tenant) -> None:
    """Go on where the last one stopped, for some minutes. Nothing to do costs one query."""
    state = await tenant.sealing.keys.state()
    age = (tenant.clock.now() - state.current.created_at).total_seconds()
    if state.is_settled or age < SETTLE_SECONDS:
        return

    with trio.move_on_after(ATTEMPT_SECONDS_MAX) as attempt:
        await _walk(tenant, state.current.id)
    if attempt.cancelled_caught:
        return
    if state.plain_allowed:
        await tenant.sealing.keys.refuse_plain()
        _log.info("sealing_everything_sealed", institution=tenant.ispb, key=state.current.id)
    if age >= RETIRE_SECONDS:
        await _retire(tenant, state)


async def _walk(tenant: Tenant, key_id: int) -> None:
    """Through every column that is not done, or whose values move."""
    rows = tenant.sealing.rows
    known = {one.what: one for one in await rows.progress(key_id)}
    for what in rows.columns():
        progress = known.get(what)
        if progress is None or (progress.done_at is not None and what in rows.moving()):
            progress = Progress(key_id=key_id, what=what, updated_at=tenant.clock.now())
        while progress.done_at is None:
            progress = await _step(tenant, progress)


async def _step(tenant: Tenant, progress: Progress) -> Progress:
    """One page, and the pause that it owes to everybody else."""
    rows = tenant.sealing.rows
    page = await rows.stale(progress.what, progress.key_id, progress.after, PAGE)
    now = tenant.clock.now()
    progress = replace(
        progress,
        after=page.after,
        seen=progress.seen + page.seen,
        updated_at=now,
        done_at=now if page.after is None else None,
    )
    replaced = await rows.replace(_resealed(tenant, page.stale), progress)
    await trio.sleep(len(page.stale) / tenant.settings.sealing.rotate_rows_per_second)
    return replace(progress, resealed=progress.resealed + replaced)


def _resealed(tenant: Tenant, page: Sequence[Stale]) -> list[tuple[Stale, bytes]]:
    """What does not open has set off the alarm, and stays for people to look at."""
    sealer, fresh = tenant.sealer, []
    for stale in page:
        try:
            plain = sealer.open(stale.sealed, stale.place)
        except SealBroken:
            continue
        fresh.append((stale, sealer.seal(plain, stale.place)))
    return fresh


async def _retire(tenant: Tenant, state: SealingState) -> None:
    retired = await tenant.sealing.keys.retire(state.current.id, tenant.clock.now())
    if retired:
        _log.info("sealing_keys_retired", institution=tenant.ispb, keys=retired)


async def _run(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await reseal(tenant)


RESEAL: Final = Kind(
    name="sealing.reseal",
    run=_run,
    concurrency=1,
    priority=8,
    seconds_max=ATTEMPT_SECONDS_MAX + 60.0,
    keep_completed=timedelta(hours=1),
)
