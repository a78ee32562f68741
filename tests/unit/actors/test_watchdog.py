"""The platform's watchdog: what it logs, and what its node in the tree says. On the real clock."""

import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from actors.platform import Platform
from actors.watchdog import _tell, stall_watchdog
from supervisors import Stall, Strategy, SupervisorSpec, open_tree


def test_stall_is_logged_with_its_culprit_and_counted_in_the_tree() -> None:
    settings = SimpleNamespace(diagnostics=SimpleNamespace(stall_seconds=0.1))
    platform = cast("Platform", SimpleNamespace(settings=settings))
    facts: dict[str, Any] = {}

    async def main() -> None:
        spec = SupervisorSpec(
            id="root", strategy=Strategy.ONE_FOR_ONE, children=[stall_watchdog(platform)]
        )
        async with open_tree(spec) as tree:
            await trio.sleep(0.2)
            time.sleep(0.3)  # noqa: ASYNC251 -- the stall
            with trio.fail_after(10):
                while not facts:
                    await trio.sleep(0.05)
                    facts.update(tree.snapshot().nodes[1].facts)

    with capture_logs() as logs:
        trio.run(main)
        _wait_for_the_end_of_the_thread()
    assert [entry["event"] for entry in logs] == ["loop_stalled", "loop_stall_ended"]
    named, over = logs
    assert named["actor"] == over["actor"]
    assert named["actor"].endswith("main")
    assert any("test_watchdog.py" in line for line in named["frames"])
    assert over["seconds"] >= 0.3
    assert facts["stalls"] == 1
    assert float(facts["longest"].removesuffix("s")) == pytest.approx(over["seconds"], abs=0.1)


def test_a_stall_is_told_on_a_terminal_and_the_watchdog_lives() -> None:
    """Structlog's console takes a field `stack` for text of its own: a list of frames there made
    the watchdog crash where it was needed most.
    """
    stall = Stall("root/a", 1.5, 1.4, ("spin (bugs.py:1)",), over=False)

    with capture_logs() as logs:
        _tell(stall)
    [said] = logs
    line = structlog.dev.ConsoleRenderer()(None, "error", dict(said))

    assert "spin (bugs.py:1)" in line


def _wait_for_the_end_of_the_thread() -> None:
    for thread in threading.enumerate():
        if thread.name == "stall watchdog":
            thread.join(10)
