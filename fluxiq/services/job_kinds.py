"""Every kind of job, and every schedule: data. A new one is a handler, a Kind here, and a Schedule
if it comes by the clock:

    async def _report(tenant: Tenant, args: ReportArgs, job: Job) -> None: ...

    REPORT = Kind(name="report", run=_report, args={1: ReportArgs})

and `REPORT` in KINDS. Elsewhere: `await tenant.jobs.enqueue([new_job(tenant, REPORT, args)])`, then
`tenant.workers.ring()`; or inside a statement of your own, see `stores/job_queue.py`.
"""

from datetime import timedelta
from typing import Final

from fluxiq.domain.job import Backoff, Job
from fluxiq.domain.schedule import Cron, Every, MissedRuns, Schedule
from fluxiq.services import reconcile_jobs
from fluxiq.services.answer_infractions import answer_infractions
from fluxiq.services.close_location import CLOSE_LOCATION
from fluxiq.services.decide_payout_batch import expire_batches
from fluxiq.services.list_payers import INDEX_PAYERS
from fluxiq.services.open_batch_lines import OPEN_LINES
from fluxiq.services.privacy import ERASE
from fluxiq.services.prune import prune_aged, prune_jobs
from fluxiq.services.reseal import RESEAL
from fluxiq.services.run_jobs import Handler, Kind, NoArgs
from fluxiq.services.run_scheduled import FAIL_OVERDUE, RUN_SCHEDULED
from fluxiq.services.run_settlements import run_settlements
from fluxiq.services.sweep import enquire_unanswered, expire_charges, resume_unheld
from fluxiq.services.sweep_med import expire_reports, resume_reports
from fluxiq.services.sweep_transfers import expire_approvals, resume_transfers
from fluxiq.services.tell_contests import tell_contests
from fluxiq.services.tenant import Tenant
from fluxiq.services.watch_holds import watch_holds


async def _resume_unheld(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await resume_unheld(tenant)


async def _enquire_unanswered(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await enquire_unanswered(tenant)


async def _expire_charges(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await expire_charges(tenant)


async def _resume_transfers(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await resume_transfers(tenant)


async def _expire_approvals(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await expire_approvals(tenant)


async def _run_settlements(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await run_settlements(tenant)


async def _expire_batches(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await expire_batches(tenant)


async def _watch_holds(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await watch_holds(tenant)


async def _resume_reports(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await resume_reports(tenant)


async def _expire_reports(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await expire_reports(tenant)


async def _answer_infractions(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await answer_infractions(tenant)


async def _tell_contests(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await tell_contests(tenant)


async def _prune_jobs(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await prune_jobs(tenant, KINDS)


async def _prune_aged(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await prune_aged(tenant)


def _sweep(name: str, run: Handler, *, priority: int = 1) -> Kind:
    """What comes every second: looked at for ten minutes, held up by weather for five seconds, and
    tried again for as long as an outage may last, or each would be given up and planned anew.
    """
    return Kind(
        name=name,
        run=run,
        concurrency=1,
        priority=priority,
        attempts_max=1000,
        backoff=Backoff(seconds=0.5, seconds_max=5.0),
        keep_completed=timedelta(minutes=10),
    )


RESUME_UNHELD: Final = _sweep("payouts.resume_unheld", _resume_unheld)
ENQUIRE_UNANSWERED: Final = _sweep("payouts.enquire_unanswered", _enquire_unanswered)
EXPIRE_CHARGES: Final = _sweep("charges.expire", _expire_charges, priority=2)
RESUME_TRANSFERS: Final = _sweep("transfers.resume", _resume_transfers)
EXPIRE_APPROVALS: Final = _sweep("transfers.expire_approvals", _expire_approvals, priority=2)
RUN_SETTLEMENTS: Final = _sweep("settlements.run", _run_settlements, priority=3)
EXPIRE_BATCHES: Final = _sweep("payout_batches.expire", _expire_batches, priority=2)
WATCH_HOLDS: Final = _sweep("holds.watch", _watch_holds, priority=2)
RESUME_REPORTS: Final = _sweep("med.resume", _resume_reports, priority=2)
EXPIRE_REPORTS: Final = _sweep("med.expire", _expire_reports, priority=2)
ANSWER_INFRACTIONS: Final = _sweep("med.answer", _answer_infractions, priority=2)
TELL_CONTESTS: Final = _sweep("contests.tell", _tell_contests, priority=2)
PRUNE_JOBS: Final = Kind(
    name="jobs.prune", run=_prune_jobs, concurrency=1, priority=9, seconds_max=300.0
)
PRUNE_AGED: Final = Kind(
    name="retention.prune", run=_prune_aged, concurrency=1, priority=9, seconds_max=3600.0
)

KINDS: Final = (
    RESUME_UNHELD,
    ENQUIRE_UNANSWERED,
    EXPIRE_CHARGES,
    CLOSE_LOCATION,
    RUN_SCHEDULED,
    FAIL_OVERDUE,
    RESUME_TRANSFERS,
    EXPIRE_APPROVALS,
    RUN_SETTLEMENTS,
    OPEN_LINES,
    EXPIRE_BATCHES,
    RESUME_REPORTS,
    EXPIRE_REPORTS,
    ANSWER_INFRACTIONS,
    TELL_CONTESTS,
    WATCH_HOLDS,
    reconcile_jobs.RECENT,
    reconcile_jobs.DAY,
    reconcile_jobs.LOOK_AGAIN,
    RESEAL,
    INDEX_PAYERS,
    ERASE,
    PRUNE_JOBS,
    PRUNE_AGED,
)

SCHEDULES: Final = (
    Schedule(name="payouts.resume_unheld", kind=RESUME_UNHELD.name, timing=Every(1)),
    Schedule(name="payouts.enquire_unanswered", kind=ENQUIRE_UNANSWERED.name, timing=Every(1)),
    Schedule(name="charges.expire", kind=EXPIRE_CHARGES.name, timing=Every(1)),
    Schedule(name="transfers.resume", kind=RESUME_TRANSFERS.name, timing=Every(1)),
    Schedule(name="transfers.expire_approvals", kind=EXPIRE_APPROVALS.name, timing=Every(5)),
    Schedule(name="settlements.run", kind=RUN_SETTLEMENTS.name, timing=Every(15)),
    Schedule(name="payout_batches.expire", kind=EXPIRE_BATCHES.name, timing=Every(60)),
    Schedule(name="holds.watch", kind=WATCH_HOLDS.name, timing=Every(10)),
    Schedule(name="med.resume", kind=RESUME_REPORTS.name, timing=Every(5)),
    Schedule(name="med.expire", kind=EXPIRE_REPORTS.name, timing=Every(60)),
    Schedule(name="med.answer", kind=ANSWER_INFRACTIONS.name, timing=Every(5)),
    # Somebody waits to see that it was reported.
    Schedule(name="contests.tell", kind=TELL_CONTESTS.name, timing=Every(2)),
    Schedule(name="sealing.reseal", kind=RESEAL.name, timing=Every(60)),
    Schedule(name="payers.index", kind=INDEX_PAYERS.name, timing=Every(600)),
    Schedule(name="jobs.prune", kind=PRUNE_JOBS.name, timing=Every(60)),
    # When a day is over in São Paulo, whatever became of its jobs.
    Schedule(name="payouts.fail_overdue", kind=FAIL_OVERDUE.name, timing=Cron("10 0 * * *")),
    # Where most institutions sleep; one that was off at night does it when it is back.
    *reconcile_jobs.SCHEDULES,
    Schedule(
        name="retention.prune",
        kind=PRUNE_AGED.name,
        timing=Cron("40 3 * * *"),
        missed=MissedRuns.ONCE,
    ),
)
