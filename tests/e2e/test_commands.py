"""The command line as people use it: every command, and every way to stop."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from actors.addresses import read_addresses
from fluxiq.commands.demo_data import read_logins
from tests.support.commands import (
    Foreground,
    assert_all_ended,
    assert_nothing_runs_in,
    fluxiq,
    is_running,
)
from tests.support.platform import ROOT, PlatformProcess

ENTRIES = (
    (sys.executable, "run.py"),
    (sys.executable, "-m", "fluxiq"),
    (str(Path(sys.executable).parent / "fluxiq"),),
)
COMMANDS = {
    *("up", "demo", "verify", "bench", "simulate"),
    *("tree", "observe", "watch", "inspect", "why", "explain", "statistics", "state"),
    *("crashes", "crash", "hogs", "trace", "log-level", "ask", "observe"),
    *("restart", "start", "stop", "suspend", "resume", "release", "spec", "replace-state"),
    *("drain", "undrain", "breaker", "ledger", "jobs", "dead-letters", "openapi"),
    *("user", "institution", "approvals", "reconciliation", "retention"),
    *("audit", "sealing", "privacy", "payments"),
}


# The entries.


def test_run_py_the_module_and_the_console_script_are_the_same(folder: Path) -> None:
    answers = [fluxiq("--help", data_dir=folder / "data", command=entry) for entry in ENTRIES]

    assert answers[0].status == 0
    assert answers[0].stdout.startswith("Usage: fluxiq")
    assert answers.count(answers[0]) == len(ENTRIES)
    said = answers[0].stdout.partition("Commands:")[2].strip()
    assert {line.split()[0] for line in said.splitlines()} == COMMANDS
    assert not (folder / "data").exists()


def test_a_command_that_does_not_exist_is_refused(folder: Path) -> None:
    done = fluxiq("fly", data_dir=folder / "data")

    assert done.status == 2
    assert "'fly'" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_py_outside_of_the_virtual_environment_says_so_in_one_line(folder: Path) -> None:
    # -S: whatever the machine's own Python has installed, it is not this project's environment.
    outside = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    done = fluxiq("up", data_dir=folder / "data", command=(outside, "-S", "run.py"))

    assert done.status == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "make install" in line
    assert ".venv/bin/python run.py" in line


# tree and verify.


def test_tree_prints_the_live_tree(running_platform: PlatformProcess) -> None:
    done = fluxiq("tree", data_dir=running_platform.data_dir)

    assert (done.status, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("root (rest_for_one) running")
    names = [line.lstrip("│├└─ ").split()[0] for line in lines]
    for name in ("postgres", "nats", "redis", "asyncio_host", "http_api", "admin_socket"):
        assert names.count(name) == 1, name
    for name in ("ledger_writer", "desk", "outbox_relay", "receipts_0", "orders_1", "schedules"):
        assert names.count(name) == 2, name
    assert {"12345678", "87654321"} <= set(names)
    assert all(" running " in line for line in lines)


def test_tree_shows_the_processes_that_really_run(running_platform: PlatformProcess) -> None:
    said = fluxiq("tree", data_dir=running_platform.data_dir).stdout

    pids = [int(word.removeprefix("pid=")) for word in said.split() if word.startswith("pid=")]
    assert len(pids) >= 4  # PostgreSQL, NATS, Valkey, the simulator
    assert all(is_running(pid) for pid in pids)


def test_crashes_and_hogs_are_read_from_the_running_platform(
    running_platform: PlatformProcess,
) -> None:
    data = running_platform.data_dir

    assert fluxiq("crashes", data_dir=data).status == 0
    refused = fluxiq("hogs", "--on", data_dir=data)
    assert refused.status == 1
    assert 'say "yes": true' in refused.stderr
    measuring = fluxiq("hogs", "--on", "--yes", data_dir=data)
    assert measuring.stdout.startswith("measuring for")
    looks = (fluxiq("hogs", data_dir=data).stdout for _ in range(20))
    assert any("root/infrastructure/asyncio_host" in look for look in looks)  # it has timers
    stopped = fluxiq("hogs", "--off", "--yes", data_dir=data)
    assert stopped.stdout.startswith("measured for")


def test_ask_takes_an_ispb_for_the_text_that_it_is(running_platform: PlatformProcess) -> None:
    data = running_platform.data_dir

    found = fluxiq("ask", "institution", "institution=12345678", data_dir=data)
    assert (found.status, found.stderr) == (0, "")
    assert json.loads(found.stdout)["ispb"] == "12345678"
    listed = fluxiq("ask", "jobs", "institution=12345678", "limit=1", data_dir=data)
    assert (listed.status, listed.stderr) == (0, "")
    wrong = fluxiq("ask", "jobs", "institution=12345678", "limit=few", data_dir=data)
    assert wrong.status == 1
    assert "limit: must be a whole number" in wrong.stderr
    broken = fluxiq("ask", "institution_add", "declaration={ispb", data_dir=data)
    assert broken.status == 2
    assert "declaration: is no JSON object" in broken.stderr


# demo.


def test_demo_shows_both_walks_the_ledger_the_times_and_the_tree_and_stops(folder: Path) -> None:
    done = fluxiq("demo", data_dir=folder / "data")

    assert done.status == 0, done.stderr
    assert done.complaints == []
    said = done.stdout
    assert said.count("  PIX in E") == 2
    assert said.count("  PIX out E") == 2
    assert said.count("  PIX out, rejected E") == 2
    for word in ("charge chg_", "payout pay_", "pays_charge", "hold tb_", "post tb_", "void tb_"):
        assert said.count(word) >= 2, word
    walked = {line.split()[0] for line in said.splitlines() if " ms  " in line}
    assert walked >= {
        *("door", "counter", "visitors_book", "post_room", "study", "vault", "archive", "gate"),
        *("courier", "window"),
    }
    assert said.count("rejected: AC03 invalid_account") == 2
    assert "root (rest_for_one) running" in said
    assert said.count("the books balance") == 2
    assert said.rstrip().endswith("Stopped in order.")
    assert_nothing_runs_in(folder)

    # What it made is there to be verified, and to be used again.
    verified = fluxiq("verify", data_dir=folder / "data")
    assert verified.status == 0
    assert verified.stdout.count("the books balance") == 2
    assert "payouts under way 0" in verified.stdout


def test_demo_says_in_one_line_which_room_failed(folder: Path) -> None:
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    for institution in (config / "institutions").iterdir():
        elsewhere = 'kind = "simulator", url = "http://127.0.0.1:1"'
        institution.write_text(institution.read_text().replace('kind = "simulator"', elsewhere))
    environ = {"FLUXIQ_CONFIG_DIR": str(config), "FLUXIQ_SIMULATOR__ENABLED": "false"}
    done = fluxiq("demo", data_dir=folder / "data", environ=environ)

    assert done.status == 1
    [complaint] = done.complaints
    assert complaint.startswith("fluxiq: the demo failed: simulator: ")
    assert_nothing_runs_in(folder)


# Starting and stopping.


def test_ctrl_c_once_stops_in_order_and_leaves_nothing_behind(folder: Path) -> None:
    data = folder / "data"
    with Foreground(data) as platform:
        processes = platform.processes
        first = _balances(data)
        platform.press_ctrl_c()
        assert platform.end() == 0, platform.output

    assert len(processes) > 5
    assert "SIGINT: stopping in order" in platform.output
    assert "Traceback" not in platform.output
    assert not [pid for pid in processes if is_running(pid)]
    assert_nothing_runs_in(folder)
    assert "database system is shut down" in (data / "logs" / "postgres.log").read_text()

    # Again, on what the first one left: the same merchants with the same keys.
    logins = read_logins(data)
    with Foreground(data) as platform:
        assert read_logins(data) == logins
        assert _balances(data) == first
        processes = platform.processes
        platform.terminate()
        assert platform.end() == 0, platform.output

    assert "SIGTERM: stopping in order" in platform.output
    assert not [pid for pid in processes if is_running(pid)]


def test_ctrl_c_twice_stops_at_once_and_leaves_nothing_behind(folder: Path) -> None:
    with Foreground(folder / "data") as platform:
        processes = platform.processes
        # A server that does not listen to its stop signal would hold up an orderly stop.
        [nats] = [pid for pid in processes if _command(pid) == "nats-server"]
        os.kill(nats, signal.SIGSTOP)
        platform.press_ctrl_c()
        platform.wait_for("SIGINT: stopping in order")
        platform.press_ctrl_c()
        platform.end(seconds=9)  # NATS alone would have been given ten

    assert "Traceback" not in platform.output
    assert_all_ended(processes)
    assert_nothing_runs_in(folder)


@pytest.mark.parametrize("press", [Foreground.press_ctrl_c, Foreground.terminate])
def test_a_stop_during_the_start_leaves_nothing_behind(
    folder: Path, press: Callable[[Foreground], None]
) -> None:
    platform = Foreground(folder / "data")
    platform.wait_for("bus_connected")
    press(platform)

    assert platform.end() != 0
    assert "is up" not in platform.output
    assert "Traceback" not in platform.output
    assert_nothing_runs_in(folder)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/exe").readlink().name


def _balances(data: Path) -> list[int]:
    api, found = read_addresses(data).api, []
    for login in read_logins(data):
        answer = httpx.get(
            f"{api}/api/v1/accounts/{login.account_id}/balance",
            headers={"Authorization": f"Bearer {login.api_key}"},
            trust_env=False,
        )
        found.append(answer.json()["data"]["total"])
    return found
