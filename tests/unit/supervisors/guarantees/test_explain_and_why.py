"""Guarantees about `explain`, `why` and the flight recorder: what would happen, and what did."""

from functools import partial

import pytest
import trio

from supervisors import AutoShutdown, DynamicSpec, EventKind, Restart, Strategy, Tree
from tests.unit.supervisors.supervision_kit import Lab, settle, states


def chain(tree: Tree, path: str) -> list[tuple[str, str]]:
    """Return what `why` tells of a child, newest first, as kind and path."""
    return [(event.kind.value, event.path) for event in tree.why(path)]


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


async def test_explain_counts_what_is_below_a_supervisor(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), id="sub")
    spec = lab.supervisor(lab.worker("a"), sub, strategy=Strategy.ONE_FOR_ALL)
    async with lab.open(spec) as tree:
        explained = tree.explain("root/a")
        assert explained.stops == ("root/sub", "root/sub/b")
        assert explained.restarts == ("root/a", "root/sub", "root/sub/b")


async def test_explain_of_the_root_says_that_everything_stops_with_it(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), id="sub")
    async with lab.open(lab.supervisor(lab.worker("a"), sub)) as tree:
        explained = tree.explain("root")
        assert explained.stops == ("root/a", "root/sub", "root/sub/b")
        assert explained.restarts == ()
        assert explained.steps == ("root is the root: if it gives up, the whole platform stops",)


async def test_why_leads_from_the_last_transition_to_the_root_cause(lab: Lab) -> None:
    sub = lab.supervisor(
        lab.worker("b"), lab.worker("c"), id="sub", strategy=Strategy.ONE_FOR_ALL, max_restarts=0
    )
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.crash("b")
        await settle(0.5)
        above = chain(tree, "root/sub")
        assert above == [
            ("restarting", "root/sub"),
            ("crashed", "root/sub"),
            ("gave_up", "root/sub"),
            ("crashed", "root/sub/b"),
        ]
        await settle(5)
        assert chain(tree, "root/sub") == [("started", "root/sub"), *above]


async def test_why_names_the_sibling_that_took_a_group_down(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a"), lab.worker("b"), lab.worker("c"), strategy=Strategy.ONE_FOR_ALL
    )
    async with lab.open(spec) as tree:
        lab.crash("b")
        await settle(0.5)
        told = chain(tree, "root/a")
        assert told[0] == ("stopped", "root/a")
        assert told[-1] == ("crashed", "root/b")


async def test_why_leads_through_a_supervisor_that_shut_itself_down(lab: Lab) -> None:
    child = lab.worker("a", significant=True, restart=Restart.TEMPORARY)
    sub = lab.supervisor(child, id="sub", auto_shutdown=AutoShutdown.ANY)
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.crash("a")
        await settle()
        assert chain(tree, "root/sub") == [
            ("restarting", "root/sub"),
            ("exited", "root/sub"),
            ("crashed", "root/sub/a"),
        ]


async def test_why_leads_from_a_child_to_what_restarted_its_supervisor(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("a"), lab.worker("b"), id="sub", max_restarts=0)
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.crash("a")
        await settle(2)
        assert chain(tree, "root/sub/b") == [
            ("started", "root/sub/b"),
            ("restarting", "root/sub"),
            ("crashed", "root/sub"),
            ("gave_up", "root/sub"),
            ("crashed", "root/sub/a"),
        ]


async def test_why_of_a_child_that_only_ever_started_gives_that_start_and_who_asked(
    lab: Lab,
) -> None:
    pool = DynamicSpec(id="pool", template=lab.worker, keys=["x"])
    async with lab.open(lab.supervisor(pool, lab.worker("a"))) as tree:
        for path in ("root/a", "root/pool", "root/pool/x"):
            assert tree.why(path) == tuple(event for event in lab.events if event.path == path)
            assert chain(tree, path) == [("started", path)]
        await tree.start_child("root/pool", "y", reason="a new customer")
        started, asked = tree.why("root/pool/y")
        assert (started.kind, started.path) == (EventKind.STARTED, "root/pool/y")
        assert asked.reason == "start y: a new customer"


async def test_why_of_a_first_start_outlives_the_log_of_events(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b", failing_starts=1), lab.worker("c"), id="sub")
    pool = DynamicSpec(id="root", template=lambda _: sub, keys=["sub"], child_max_restarts=5)
    async with lab.open(pool) as tree:
        await settle(2)
        before = tree.why("root/sub/c")
        assert chain(tree, "root/sub/c") == [
            ("started", "root/sub/c"),
            ("restarting", "root/sub"),
            ("start_failed", "root/sub"),
            ("start_failed", "root/sub/b"),
        ]
        while before[0] in tree.events():
            await tree.restart_child("root/sub/b")
        assert tree.why("root/sub/c") == before


async def test_why_of_a_child_still_in_its_first_start_is_empty(lab: Lab) -> None:
    pool = DynamicSpec(id="root", template=lambda key: lab.worker(key, init_seconds=5))
    async with lab.open(pool) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(partial(tree.start_child, "root", "slow", reason="as asked"))
        await settle(1)
        assert states(tree) == {"slow": "starting"}
        assert tree.why("root/slow") == ()


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
