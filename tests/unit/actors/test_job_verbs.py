"""What operators see and order of the jobs, through the desk, and as text."""

from datetime import timedelta
from pathlib import Path

from actors.job_verbs import job_verbs
from fluxiq.admin.render_jobs import render_board, render_job, render_jobs
from fluxiq.domain.job import JobError, JobEvent, JobState
from fluxiq.ports.jobs import Ending, Subject, Wanted
from fluxiq.services.job_kinds import EXPIRE_CHARGES, SCHEDULES
from fluxiq.services.plan_jobs import declare_schedules
from fluxiq.services.run_jobs import new_job
from tests.support.admin_desk import ask, open_desk
from tests.support.memory_world import ISPB, MemoryWorld


async def discarded(world: MemoryWorld) -> str:
    made = new_job(world.tenant, EXPIRE_CHARGES)
    await world.jobs.enqueue([made])
    now = world.clock.now()
    until = now + timedelta(seconds=30)
    await world.jobs.claim([Wanted(made.kind, 1, 1)], now, until, 1)
    error = JobError(attempt=1, at=now, text="Traceback\n  somewhere\nKeyError: 'x'\n")
    await world.jobs.end(
        Ending(job_id=made.id, attempt=1, event=JobEvent.REFUSED, at=now, errors=(error,))
    )
    return made.id


async def test_jobs_are_listed_with_the_last_line_of_their_last_error(tmp_path: Path) -> None:
    world = MemoryWorld()
    job_id = await discarded(world)
    async with open_desk(tmp_path, job_verbs, world.tenant) as at:
        [one] = await ask(at, "jobs", state="discarded")
        assert (one["id"], one["attempt"], one["error"]) == (job_id, 1, "KeyError: 'x'")
        assert await ask(at, "jobs", state="completed") == []
        assert job_id in render_jobs([one])
        assert render_jobs([]) == "no such jobs"


async def test_a_job_is_shown_whole(tmp_path: Path) -> None:
    world = MemoryWorld()
    job_id = await discarded(world)
    async with open_desk(tmp_path, job_verbs, world.tenant) as at:
        shown = await ask(at, "job", id=job_id)
        assert shown["state"] == "discarded"
        assert "    somewhere" in render_job(shown)
        assert (await ask(at, "job", id="job_none"))["code"] == "job_not_found"


async def test_a_retry_makes_the_job_due_and_wakes_the_workers(tmp_path: Path) -> None:
    world = MemoryWorld()
    job_id = await discarded(world)
    async with open_desk(tmp_path, job_verbs, world.tenant) as at:
        assert (await ask(at, "job_retry", id=job_id))["code"] == "needs_yes"
        assert world.jobs.rows[job_id].state is JobState.DISCARDED

        await ask(at, "job_retry", id=job_id, reason="mended", yes=True)

    assert world.jobs.rows[job_id].state is JobState.AVAILABLE
    assert world.workers.rings == 1
    assert world.jobs.audit[-1] == f"job.revived {job_id}: mended"
    assert "mended" in (tmp_path / "admin_audit.jsonl").read_text()


async def test_a_cancel_ends_the_job_and_a_second_one_is_refused(tmp_path: Path) -> None:
    world = MemoryWorld()
    made = new_job(world.tenant, EXPIRE_CHARGES)
    await world.jobs.enqueue([made])
    async with open_desk(tmp_path, job_verbs, world.tenant) as at:
        answer = await ask(at, "job_cancel", id=made.id, yes=True)
        assert answer["state"] == "cancelled"
        assert (await ask(at, "job_cancel", id=made.id, yes=True))["code"] == "job_ended"


async def test_the_board_shows_what_is_paused_and_why(tmp_path: Path) -> None:
    world = MemoryWorld()
    await declare_schedules(world.tenant, SCHEDULES)
    await discarded(world)
    async with open_desk(tmp_path, job_verbs, world.tenant) as at:
        await ask(at, "jobs_pause", kind="charges.expire", reason="under inquiry", yes=True)
        answer = await ask(at, "jobs_pause", schedule="jobs.prune", reason="month end", yes=True)

        kinds = {one["name"]: one for one in answer["kinds"]}
        assert kinds["charges.expire"]["states"] == {"discarded": 1}
        assert kinds["charges.expire"]["paused"] == "under inquiry"
        text = render_board(answer)
        assert "PAUSED: under inquiry" in text
        assert "PAUSED: month end" in text
        assert all(one.name in text for one in SCHEDULES)

        await ask(at, "jobs_resume", kind="charges.expire", yes=True)
        assert world.jobs.paused == {(Subject.SCHEDULE, "jobs.prune"): "month end"}


async def test_what_is_not_there_is_not_paused(tmp_path: Path) -> None:
    world = MemoryWorld()
    async with open_desk(tmp_path, job_verbs, world.tenant) as at:
        for said in ({"kind": "no.such"}, {}, {"kind": "jobs.prune", "schedule": "jobs.prune"}):
            answer = await ask(at, "jobs_pause", **said, yes=True)
            assert answer["code"] == "bad_arguments"
    assert world.jobs.paused == {}


async def test_an_institution_is_named_where_there_are_more(tmp_path: Path) -> None:
    one, other = MemoryWorld(), MemoryWorld()
    async with open_desk(tmp_path, job_verbs, one.tenant, other.tenant) as at:
        answer = await ask(at, "jobs")
        assert (answer["code"], "institution" in answer["message"]) == ("bad_arguments", True)
        assert await ask(at, "jobs", institution=ISPB) == []
        refused = await ask(at, "jobs", institution="99999999")
        assert refused["code"] == "institution_not_found"


async def test_a_state_that_there_is_not_is_refused_by_name(tmp_path: Path) -> None:
    async with open_desk(tmp_path, job_verbs, MemoryWorld().tenant) as at:
        assert "state" in (await ask(at, "jobs", state="lost"))["message"]
