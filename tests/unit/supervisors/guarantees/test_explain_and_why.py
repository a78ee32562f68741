"""Guarantees about `explain`, `why` and the flight recorder: what would happen, and what did."""

import pytest
import trio

from supervisors import (
    DynamicSpec,
    EventKind,
    Strategy,
)
from tests.unit.supervisors.supervision_kit import Lab, settle


async def test_explain_says_what_would_restart_and_touches_nothing(lab: Lab) -> None:
    spec = lab.supervisor(
        *(lab.worker(name) for name in "abc"), strategy=Strategy.REST_FOR_ONE, max_restarts=1
    )
    async with lab.open(spec) as tree:
        before, revision = tree.snapshot().nodes, tree.revision
        explained = tree.explain("root/b")
        assert explained.stops == ("root/c",)
        assert explained.restarts == ("root/b", "root/c")
        assert (explained.delay, explained.gives_up, explained.quarantines) == (1.0, (), False)
        assert (tree.snapshot().nodes, tree.revision) == (before, revision)
        assert lab.order("down") == []


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("crashed", ["a", "b", "c"])
@pytest.mark.parametrize("max_restarts", [0, 1])
async def test_explain_says_what_then_happens(
    lab: Lab, strategy: Strategy, crashed: str, max_restarts: int
) -> None:
    sub = lab.supervisor(
        *(lab.worker(name) for name in "abc"),
        id="sub",
        strategy=strategy,
        max_restarts=max_restarts,
    )
    async with lab.open(lab.supervisor(sub)) as tree:
        explained = tree.explain(f"root/sub/{crashed}")
        began = len(lab.log)
        lab.crash(crashed)
        await settle(60)
        stopped = [name for what, name, _ in lab.log[began:] if what == "down"]
        started = [name for what, name, _ in lab.log[began:] if what == "start"]
        assert [f"root/sub/{name}" for name in stopped[1:]] == list(explained.stops)
        gave_up = tuple(event.path for event in lab.told(EventKind.GAVE_UP))
        assert gave_up == explained.gives_up
        restarted = ["root/sub"] if gave_up else []
        restarted += [f"root/sub/{name}" for name in started]
        assert restarted == list(explained.restarts)
        first_start = next(at for what, _, at in lab.log[began:] if what == "start")
        assert first_start == explained.delay


async def test_explain_names_the_branch_that_would_be_quarantined(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lab.worker, keys=("x", "y"), child_max_restarts=0)
    async with lab.open(lab.supervisor(pool)) as tree:
        explained = tree.explain("root/pool/x")
        assert explained.quarantines
        assert explained.restarts == ()
        assert "root/pool/x is quarantined until an operator releases it" in explained.steps


async def test_explain_says_when_the_whole_platform_would_stop(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), max_restarts=0)) as tree:
        explained = tree.explain("root/a")
        assert explained.gives_up == ("root",)
        assert explained.steps[-1] == "root is the root: the whole platform stops"


async def test_why_leads_from_the_last_transition_to_the_root_cause(lab: Lab) -> None:
    sub = lab.supervisor(
        lab.worker("b"), lab.worker("c"), id="sub", strategy=Strategy.ONE_FOR_ALL, max_restarts=0
    )
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.crash("b")
        await settle(0.5)
        above = [(event.kind.value, event.path) for event in tree.why("root/sub")]
        assert above == [
            ("restarting", "root/sub"),
            ("crashed", "root/sub"),
            ("gave_up", "root/sub"),
            ("crashed", "root/sub/b"),
        ]
        await settle(5)
        up = [(event.kind.value, event.path) for event in tree.why("root/sub")]
        assert up == [("started", "root/sub"), *above]


async def test_why_names_the_sibling_that_took_a_group_down(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a"), lab.worker("b"), lab.worker("c"), strategy=Strategy.ONE_FOR_ALL
    )
    async with lab.open(spec) as tree:
        lab.crash("b")
        await settle(0.5)
        chain = [(event.kind.value, event.path) for event in tree.why("root/a")]
        assert chain[0] == ("stopped", "root/a")
        assert chain[-1] == ("crashed", "root/b")


async def test_flight_recorder_keeps_the_last_events_of_a_node_over_all_incarnations(
    lab: Lab,
) -> None:
    async with lab.open(lab.supervisor(lab.worker("a", crash_after=1), lab.worker("b"))) as tree:
        await trio.sleep(5.5)
        told = [(event.kind.value, event.incarnation) for event in tree.flight("root/a")]
        assert told == [
            ("crashed", 1),
            ("restarting", 1),
            ("started", 2),
            ("crashed", 2),
            ("restarting", 2),
            ("started", 3),
        ]
        await trio.sleep(1000)
        assert len(tree.flight("root/a")) == 16
        assert tree.flight("root/b") == ()
