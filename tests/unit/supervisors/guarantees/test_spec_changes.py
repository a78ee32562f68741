"""Guarantees about changing the limits of a running spec: validate, plan, apply."""

import pytest

from supervisors import (
    EventKind,
    InvalidSpec,
    NoChild,
    StalePlan,
    Strategy,
)
from tests.unit.supervisors.actor_kit import (
    calling,
    failure_of,
    worker,
)
from tests.unit.supervisors.supervision_kit import Lab, settle, states


async def test_spec_change_is_planned_first_and_then_applied_without_a_restart(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"), max_restarts=0)) as tree:
        plan = tree.plan("root", {"max_restarts": 5, "strategy": "one_for_all"})
        assert [tuple(change) for change in plan.changes] == [
            ("max_restarts", 0, 5),
            ("strategy", "one_for_one", "one_for_all"),
        ]
        assert plan.effects == ("takes effect at the next decision; nothing restarts",)
        assert tree.spec_of("root").strategy is Strategy.ONE_FOR_ONE  # type: ignore[union-attr]
        await tree.apply(plan, reason="asked by uid 0")
        assert states(tree) == {"a": "running"}
        await failure_of(calling(tree.ref("a"), "crash"))
        await settle(5)
        assert states(tree) == {"a": "running"}
        [changed] = lab.told(EventKind.SPEC_CHANGED)
        assert "max_restarts: 0 -> 5" in changed.reason
        assert "asked by uid 0" in changed.reason


async def test_wrong_spec_change_is_refused_with_the_field(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        for field, value in (("max_restarts", -1), ("strategy", "all"), ("children", [])):
            with pytest.raises(InvalidSpec) as refused:
                tree.plan("root", {field: value})
            assert (refused.value.path, refused.value.field) == ("root", field)
        with pytest.raises(NoChild):
            tree.plan("root/ghost", {"shutdown": 1})


async def test_plan_made_before_another_change_is_stale(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        old = tree.plan("root/a", {"shutdown": 1})
        await tree.apply(tree.plan("root/a", {"shutdown": 2}))
        with pytest.raises(StalePlan, match="root/a: its spec has changed"):
            await tree.apply(old)
        assert tree.spec_of("root/a").shutdown == 2


async def test_applied_change_survives_a_restart_of_the_supervisors_above(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), id="sub", max_restarts=0)
    async with lab.open(lab.supervisor(sub)) as tree:
        await tree.apply(tree.plan("root/sub/b", {"backoff.initial": 3, "shutdown": "infinity"}))
        lab.crash("b")
        await settle(5)
        spec = tree.spec_of("root/sub/b")
        assert (spec.backoff.initial, spec.shutdown) == (3, float("inf"))


async def test_change_of_strategy_loses_no_child_that_waits_for_its_restart(lab: Lab) -> None:
    slow = lab.worker("c", stop_seconds=30, shutdown=60.0)
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"), slow)) as tree:
        lab.crash("a")  # due in a second, on its own
        await settle()
        await tree.apply(tree.plan("root", {"strategy": "rest_for_one"}))
        lab.crash("b")  # its group takes thirty seconds to stop, and a is no member
        await settle(5)
        assert states(tree) == {"a": "running", "b": "backing_off", "c": "stopping"}
        await settle(60)
        assert set(states(tree).values()) == {"running"}
