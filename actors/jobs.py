"""The workers of an institution's jobs: claim what is due, run it, write down how it ended.

One claimer per institution and process takes as many jobs as there are free places, so a backlog
costs two round trips a batch and not a job. Each job runs in a cancel scope whose deadline is its
lease: when Postgres cannot be told in time that the worker lives, the work ends here before anybody
else may begin it. Whoever ends an attempt names its number, and only the one on paper counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
import trio

from actors.branch import Branch
from actors.pace import Pace
from actors.stopping import WORKFLOWS
from actors.weather import Weather
from fluxiq.domain.job import Job, JobEvent, JobState, advance
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports.jobs import Ending
from fluxiq.services.job_kinds import KINDS
from fluxiq.services.run_jobs import Attempted, Kind, attempt, by_name, give_back, wanted
from fluxiq.services.tenant import Tenant
from supervisors import ChildSpec, Context

LOOK_SECONDS = 1.0
LEASE_MARGIN = 0.2  # of a lease: for the last steps of whoever must stop
HEARTBEATS_PER_LEASE = 4
END_RETRY_SECONDS = 0.5
GIVE_BACK_SECONDS_MAX = 2.0

_log = structlog.get_logger("jobs")


def job_workers(branch: Branch, kinds: Iterable[Kind] = KINDS) -> ChildSpec:
    table = by_name(kinds)

    async def start(context: Context) -> None:
        workers = Workers(branch, table)
        context.ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(workers.keep_leases)
            await workers.claim(context, nursery)

    return ChildSpec(id="jobs", start=start, phase=WORKFLOWS)


@dataclass(slots=True)
class _Held:
    """A job under way here. `is_told`: its end is being written down."""

    job: Job
    lease: trio.CancelScope
    is_told: bool = False


class Workers:
    """The jobs that one incarnation of the actor has in hand."""

    def __init__(self, branch: Branch, kinds: Mapping[str, Kind]) -> None:
        self._branch = branch
        self._kinds = kinds
        self._held: dict[tuple[str, int], _Held] = {}  # by job and attempt

    async def claim(self, context: Context, nursery: trio.Nursery) -> None:
        """Take what is due whenever there is a free place; rung by who enqueues and who ends."""
        weather, pace = Weather(context.path), Pace()
        while True:
            await context.turn()
            await pace.wait()
            try:
                tenant = self._branch.tenant.get()
                free = tenant.settings.jobs.workers - len(self._held)
                taken = await self._take(tenant, nursery, free) if free else 0
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            if taken or not free:
                context.report(executing=len(self._held))
            await self._branch.workers.wait(LOOK_SECONDS)

    async def keep_leases(self) -> None:
        """Tell Postgres that the work goes on; let go what is not ours any more."""
        while True:
            try:
                tenant = self._branch.tenant.get()
                await trio.sleep(tenant.settings.jobs.lease_seconds / HEARTBEATS_PER_LEASE)
                await self._renew(tenant)
            except (Unavailable, Unknown):
                # Said by the claimer already. Without a heartbeat the leases end by themselves.
                await trio.sleep(END_RETRY_SECONDS)

    async def _take(self, tenant: Tenant, nursery: trio.Nursery, free: int) -> int:
        until = _lease_end(tenant)
        now = tenant.clock.now()
        lease = timedelta(seconds=tenant.settings.jobs.lease_seconds)
        jobs = await tenant.jobs.claim(wanted(self._kinds.values()), now, now + lease, free)
        for job in jobs:
            held = _Held(job, trio.CancelScope(deadline=until))
            self._held[job.id, job.attempt] = held
            nursery.start_soon(self._work, tenant, held, name=f"job {job.kind}")
        return len(jobs)

    async def _renew(self, tenant: Tenant) -> None:
        asked = dict(self._held)
        if not asked:
            return

        until = _lease_end(tenant)
        lease = timedelta(seconds=tenant.settings.jobs.lease_seconds)
        kept = set(await tenant.jobs.renew(list(asked), tenant.clock.now() + lease))
        for name, held in asked.items():
            if name in kept:
                held.lease.deadline = until
            elif not held.is_told:
                held.lease.cancel()

    async def _work(self, tenant: Tenant, held: _Held) -> None:
        job = held.job
        began = trio.current_time()
        ending = give_back(job, tenant.clock.now())
        try:
            with held.lease:
                try:
                    attempted = await attempt(tenant, self._kinds[job.kind], job)
                    ending, held.is_told = attempted.ending, True
                    if await _write_down(tenant, ending):
                        self._tell(job, attempted, trio.current_time() - began)
                except trio.Cancelled:
                    # Ours to end only while the lease is ours: otherwise it runs somewhere else.
                    if not held.lease.cancel_called:
                        await _leave_in_order(tenant, ending)
                    raise
            if held.lease.cancelled_caught:
                _log.warning("job_lease_lost", job=job.id, kind=job.kind, attempt=job.attempt)
        finally:
            del self._held[job.id, job.attempt]
            self._branch.workers.ring()

    def _tell(self, job: Job, attempted: Attempted, seconds: float) -> None:
        state = advance(JobState.EXECUTING, attempted.ending.event)
        assert state is not None, "attempts end by their own events"
        self._branch.metrics.observe_job(self._branch.ispb, job.kind, state, seconds)
        if attempted.error is not None:
            _log_failure(job, attempted.ending.event, attempted.error)


def _log_failure(job: Job, event: JobEvent, error: Exception) -> None:
    """A job's first failure and its last, each once; those in between are on its record."""
    fields = {"job": job.id, "kind": job.kind, "attempt": job.attempt}
    if event is not JobEvent.FAILED:
        _log.error("job_discarded", **fields, error=str(error), exc_info=_trace(error))
    elif job.failures == 1:
        _log.warning("job_failed", **fields, error=str(error), exc_info=_trace(error))


def _trace(error: Exception) -> Exception | None:
    """Where a bug is; what was raised on purpose says all in its message."""
    expected = isinstance(error, (Refused, Unavailable, Unknown, trio.TooSlowError))
    return None if expected else error


def _lease_end(tenant: Tenant) -> float:
    """When work that is leased from now on must have stopped here, on trio's clock."""
    return trio.current_time() + tenant.settings.jobs.lease_seconds * (1 - LEASE_MARGIN)


async def _write_down(tenant: Tenant, ending: Ending) -> bool:
    """Until it is on paper, or the lease is over. False: somebody else ended this attempt."""
    while True:
        try:
            counted = await tenant.jobs.end(ending)
        except (Unavailable, Unknown):
            await trio.sleep(END_RETRY_SECONDS)
            continue
        if not counted:
            _log.info("job_end_ignored", job=ending.job_id, attempt=ending.attempt)
        return counted


async def _leave_in_order(tenant: Tenant, ending: Ending) -> None:
    """We are stopped: what is done is done, what is not is somebody else's at once."""
    with trio.move_on_after(GIVE_BACK_SECONDS_MAX, shield=True):
        try:
            await tenant.jobs.end(ending)
        except (Unavailable, Unknown) as error:
            _log.warning("job_not_given_back", job=ending.job_id, error=str(error))
