"""Jobs of a running platform: the sweeps go on, and an operator has a word in it."""

import json
import time
from typing import Any

from tests.support.commands import fluxiq
from tests.support.platform import PlatformProcess

ISPB = "12345678"
SWEEP_SECONDS_MAX = 20.0


def board(platform: PlatformProcess) -> dict[str, Any]:
    done = fluxiq("jobs", "board", "--institution", ISPB, "--json", data_dir=platform.data_dir)
    assert (done.status, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def completed(platform: PlatformProcess, kind: str) -> int:
    [one] = [each for each in board(platform)["kinds"] if each["name"] == kind]
    number: int = one["states"].get("completed", 0)
    return number


def wait_for_more(platform: PlatformProcess, kind: str, than: int) -> None:
    deadline = time.monotonic() + SWEEP_SECONDS_MAX
    while completed(platform, kind) <= than:
        assert time.monotonic() < deadline, f"no {kind} in {SWEEP_SECONDS_MAX} s"
        time.sleep(0.2)


def test_sweeps_go_on_until_they_are_paused_and_again_when_resumed(
    running_platform: PlatformProcess,
) -> None:
    data, kind = running_platform.data_dir, "charges.expire"
    where = ("--institution", ISPB, "--kind", kind)
    wait_for_more(running_platform, kind, completed(running_platform, kind))

    paused = fluxiq("jobs", "pause", *where, "--reason", "under inquiry", "--yes", data_dir=data)
    assert "PAUSED: under inquiry" in paused.stdout
    time.sleep(1.0)  # for the one under way
    before = completed(running_platform, kind)
    time.sleep(3.0)
    assert completed(running_platform, kind) == before

    assert fluxiq("jobs", "resume", *where, "--yes", data_dir=data).status == 0
    wait_for_more(running_platform, kind, before)


def test_a_job_is_listed_shown_and_not_called_off_when_it_is_done(
    running_platform: PlatformProcess,
) -> None:
    data, kind = running_platform.data_dir, "payouts.resume_unheld"
    wait_for_more(running_platform, kind, 0)
    where = ("--institution", ISPB)
    listed = fluxiq(
        "jobs", "list", *where, "--kind", kind, "--state", "completed", data_dir=data
    ).stdout
    job_id = listed.split()[0]

    shown = fluxiq("jobs", "show", job_id, *where, data_dir=data).stdout
    assert f"kind: {kind}" in shown
    refused = fluxiq("jobs", "cancel", job_id, *where, "--yes", data_dir=data)
    assert refused.status == 1
    assert f"{job_id} is completed" in refused.stderr
