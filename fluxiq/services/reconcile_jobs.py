"""When reconciliation runs: for the last hours every hour, for a whole day once it is over."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from fluxiq.domain.identifiers import derived_id
from fluxiq.domain.job import Backoff, Job
from fluxiq.domain.reconciliation import Window
from fluxiq.domain.schedule import SAO_PAULO, Cron, Every, Schedule
from fluxiq.domain.ulid import encode_128
from fluxiq.errors import Refused
from fluxiq.ports.reconciliation import RunState
from fluxiq.services.reconcile import margin, reconcile, tell
from fluxiq.services.remedies import look_again
from fluxiq.services.run_jobs import Handler, Kind, NoArgs
from fluxiq.services.tenant import Tenant

DAYS_BACK: Final = 3  # that are done when they were missed
SECONDS_MAX: Final = 1800.0  # of one attempt; the next one goes on where it was

RUN: Final = "rec"  # what ids of runs begin with: no caller of the API sees one

_ZONE: Final = ZoneInfo(SAO_PAULO)


class DayArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`day` is one in São Paulo; None: of the last days that are over, those not compared yet."""

    day: date | None = None


def recent_window(tenant: Tenant, made_at: datetime) -> Window:
    """The last hours, up to what a statement surely has."""
    recent = timedelta(seconds=tenant.settings.reconciliation.recent_seconds)
    return Window(made_at - recent, made_at - margin(tenant))


def day_window(tenant: Tenant, day: date) -> Window:
    """Raises Refused `day_not_over` while its last payments may still be on their way."""
    window = Window(_midnight(day), _midnight(day + timedelta(days=1)))
    if window.until > tenant.clock.now() - margin(tenant):
        raise Refused("day_not_over", f"{day} is not over in São Paulo")
    return window


async def _recent(tenant: Tenant, _args: NoArgs, job: Job) -> None:
    await _reconcile(tenant, job, recent_window(tenant, job.created_at))


async def _day(tenant: Tenant, args: DayArgs, job: Job) -> None:
    days = await _days_to_do(tenant, job.created_at) if args.day is None else [args.day]
    for day in days:
        await _reconcile(tenant, job, day_window(tenant, day), str(day))


async def _days_to_do(tenant: Tenant, made_at: datetime) -> list[date]:
    """The oldest first. A day that is missed for longer is an operator's to ask for."""
    today = made_at.astimezone(_ZONE).date()
    days = [today - timedelta(days=back) for back in range(DAYS_BACK, 0, -1)]
    done = await tenant.reconciliation.done_since(_midnight(days[0]))
    return [day for day in days if day_window(tenant, day) not in done]


async def _look_again(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    tell(await look_again(tenant))


async def _reconcile(tenant: Tenant, job: Job, window: Window, part: str = "") -> None:
    """Each attempt of a job goes on with the run of the last one, unless it was abandoned
    meanwhile: then another one begins.
    """
    for generation in range(job.attempts_max):
        name = f"{job.id} {part} {generation}"
        run_id = f"{RUN}_{encode_128(derived_id(tenant.ispb, name, RUN))}"
        run = await reconcile(tenant, run_id, window)
        if run.state is not RunState.ABANDONED:
            return
    raise Refused("reconciliation_abandoned", f"{job.id} was overtaken by others each time")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _ZONE).astimezone(UTC)


def _kind(name: str, run: Handler, args: type[Struct]) -> Kind:
    """Tried again through an outage of the provider's that lasts half a day."""
    return Kind(
        name=name,
        run=run,
        args={1: args},
        concurrency=1,
        priority=8,
        attempts_max=30,
        seconds_max=SECONDS_MAX,
        backoff=Backoff(seconds=30.0, seconds_max=1800.0),
        keep_completed=timedelta(days=7),
    )


RECENT: Final = _kind("reconciliation.recent", _recent, NoArgs)
DAY: Final = _kind("reconciliation.day", _day, DayArgs)
LOOK_AGAIN: Final = Kind(
    name="reconciliation.look_again",
    run=_look_again,
    concurrency=1,
    priority=3,
    attempts_max=1000,
    backoff=Backoff(seconds=0.5, seconds_max=5.0),
    keep_completed=timedelta(minutes=10),
)

SCHEDULES: Final = (
    Schedule(name="reconciliation.recent", kind=RECENT.name, timing=Cron("7 * * * *")),
    # Once the day is over in São Paulo, and what was late in it has come.
    Schedule(name="reconciliation.day", kind=DAY.name, timing=Cron("20 1 * * *")),
    Schedule(name="reconciliation.look_again", kind=LOOK_AGAIN.name, timing=Every(30)),
)
