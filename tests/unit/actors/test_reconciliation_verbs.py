"""What operators see and order of the reconciliation and of the retention."""

from datetime import timedelta
from pathlib import Path

import pytest

from actors.reconciliation_verbs import reconciliation_verbs
from actors.retention import CountedRemovals, retention_verbs
from fluxiq.admin.render_reconciliation import (
    render_aged,
    render_difference,
    render_differences,
    render_runs,
)
from fluxiq.domain.reconciliation import Flow, StatementLine
from fluxiq.ports.upkeep import RecordClass
from fluxiq.services.job_kinds import KINDS
from fluxiq.services.prune import BITE
from fluxiq.services.reconcile import reconcile
from fluxiq.services.reconcile_jobs import recent_window
from fluxiq.services.run_jobs import by_name
from fluxiq.telemetry.metrics import Metrics
from tests.support.admin_desk import ask, open_desk
from tests.support.memory_world import ISPB, OPENED, MemoryWorld

STRANGE = "E" + "1" * 31


@pytest.fixture
async def world() -> MemoryWorld:
    """Whose provider says that it sent a payment, and nobody here knows of it."""
    made = await MemoryWorld().open()
    made.provider.lines.append(
        StatementLine(flow=Flow.SENT, id=STRANGE, amount=5_00, settled_at=OPENED)
    )
    made.clock.pass_seconds(3600)
    await reconcile(made.tenant, "rec_1", recent_window(made.tenant, made.clock.at))
    return made


async def test_a_difference_is_listed_shown_and_resolved_with_a_reason(
    world: MemoryWorld, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, reconciliation_verbs, world.tenant) as at:
        [one] = await ask(at, "reconciliation")
        assert (one["record_id"], one["kind"], one["theirs"]) == (STRANGE, "missing_here", 500)
        listed = render_differences([one])
        assert "missing_here" in listed
        assert "nothing" in listed
        shown = await ask(at, "reconciliation_difference", id=one["id"])
        assert f"record_id: {STRANGE}" in render_difference(shown)

        needs_yes = await ask(at, "reconciliation_resolve", id=one["id"])
        assert needs_yes["code"] == "needs_yes"
        said = {"id": one["id"], "reason": "their letter", "yes": True}
        resolved = await ask(at, "reconciliation_resolve", **said)
        assert (resolved["state"], resolved["reason"]) == ("resolved", "their letter")
        assert render_differences(await ask(at, "reconciliation")) == "no such differences"
        assert len(await ask(at, "reconciliation", state="any")) == 1
        assert (await ask(at, "reconciliation_resolve", **said))["code"] == "difference_ended"
        missing = await ask(at, "reconciliation_difference", id=99)
        assert missing["code"] == "difference_not_found"
        assert "must be one of" in (await ask(at, "reconciliation", state="odd"))["message"]
    assert "reconciliation_resolve" in (tmp_path / "admin_audit.jsonl").read_text()


async def test_runs_are_listed_with_their_sums(world: MemoryWorld, tmp_path: Path) -> None:
    async with open_desk(tmp_path, reconciliation_verbs, world.tenant) as at:
        text = render_runs(await ask(at, "reconciliation_runs"))

    assert "rec_1  done" in text
    assert "lines 1 (500)  records 0 (0)  matched 0 (0)  differences 1  healed 0" in text
    assert render_runs([]) == "no runs yet"


async def test_a_run_of_the_last_hours_or_of_a_day_is_asked_for(
    world: MemoryWorld, tmp_path: Path
) -> None:
    yesterday = str((OPENED - timedelta(days=1)).date())
    async with open_desk(tmp_path, reconciliation_verbs, world.tenant) as at:
        recent = await ask(at, "reconciliation_run", yes=True)
        day = await ask(at, "reconciliation_run", day=yesterday, yes=True)
        today = await ask(at, "reconciliation_run", day=str(OPENED.date()), yes=True)
        odd = await ask(at, "reconciliation_run", day="monday", yes=True)

    rows = world.jobs.rows
    assert rows[recent["job"]].kind == "reconciliation.recent"
    assert (rows[day["job"]].kind, rows[day["job"]].args) == (
        "reconciliation.day",
        {"day": yesterday},
    )
    assert today["code"] == "day_not_over"
    assert "must be a day" in odd["message"]
    # As it will be read by who does it.
    assert by_name(KINDS)["reconciliation.day"].read(rows[day["job"]]) is not None


async def test_what_is_old_is_counted_before_it_goes(world: MemoryWorld, tmp_path: Path) -> None:
    world.upkeep.rows[RecordClass.DELIVERIES] = [OPENED - timedelta(days=999)] * (BITE + 1)
    async with open_desk(tmp_path, retention_verbs, world.tenant) as at:
        aged = await ask(at, "retention")
        asked = await ask(at, "retention_run", reason="the disk", yes=True)

    [deliveries] = [one for one in aged if one["records"] == "deliveries"]
    assert (deliveries["days"], deliveries["count"], deliveries["has_more"]) == (180, 1001, False)
    assert "deliveries             180 days     1001" in render_aged(aged)
    assert world.jobs.rows[asked["job"]].kind == "retention.prune"


def test_what_went_is_counted() -> None:
    metrics = Metrics(process=False)
    removals = CountedRemovals(metrics, ISPB)
    removals.removed(RecordClass.JOBS, 3)
    removals.removed(RecordClass.JOBS, 4)

    labels = {"institution": ISPB, "records": "jobs"}
    value = metrics.registry.get_sample_value("fluxiq_retention_removed_total", labels)
    assert value == 7
