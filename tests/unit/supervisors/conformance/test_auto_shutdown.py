"""Cases about significant children: whose end ends their supervisor, and whose does not."""

import pytest
import trio

from supervisors import (
    AutoShutdown,
    DynamicSpec,
    EventKind,
    InvalidSpec,
    Restart,
    Strategy,
    SupervisorSpec,
    validate,
)
from tests.unit.supervisors.supervision_kit import Lab, settle, states

ANY, ALL, NEVER = AutoShutdown.ANY, AutoShutdown.ALL, AutoShutdown.NEVER
TRANSIENT, TEMPORARY, PERMANENT = Restart.TRANSIENT, Restart.TEMPORARY, Restart.PERMANENT


def crew(
    lab: Lab,
    auto: AutoShutdown,
    *,
    significant: str = "bc",
    restart: Restart = TRANSIENT,
    **fields: object,
) -> SupervisorSpec:
    """Make a supervisor of an ordinary worker a and two that may be significant."""
    others = [lab.worker(name, restart=restart, significant=name in significant) for name in "bc"]
    return lab.supervisor(lab.worker("a"), *others, auto_shutdown=auto, **fields)


async def test_any_ends_the_supervisor_with_the_first_significant_child(lab: Lab) -> None:
    async with lab.open(crew(lab, ANY)) as tree:
        lab.finish("b")
        await tree.wait()
        assert lab.now() == 0
    assert lab.order("down") == ["b", "c", "a"]


async def test_all_ends_the_supervisor_with_the_last_significant_child(lab: Lab) -> None:
    async with lab.open(crew(lab, ALL)) as tree:
        lab.finish("c")
        await settle(60)
        assert states(tree) == {"a": "running", "b": "running", "c": "done"}
        lab.finish("b")
        await tree.wait()
        assert lab.now() == 60
    assert lab.order("down") == ["c", "b", "a"]


@pytest.mark.parametrize(("auto", "significant"), [(NEVER, ""), (ANY, "c"), (ALL, "c")])
async def test_end_of_an_ordinary_child_ends_nobody_else(
    lab: Lab, auto: AutoShutdown, significant: str
) -> None:
    async with lab.open(crew(lab, auto, significant=significant)) as tree:
        lab.finish("b")
        await settle(60)
        assert states(tree) == {"a": "running", "b": "done", "c": "running"}


async def test_crash_of_a_significant_transient_child_is_a_restart(lab: Lab) -> None:
    async with lab.open(crew(lab, ANY)) as tree:
        lab.crash("b")
        await settle(5)
        assert set(states(tree).values()) == {"running"}


async def test_crash_of_a_significant_temporary_child_ends_the_supervisor(lab: Lab) -> None:
    async with lab.open(crew(lab, ANY, restart=TEMPORARY)) as tree:
        lab.crash("b")
        await tree.wait()
    assert lab.order("down") == ["b", "c", "a"]


@pytest.mark.parametrize("auto", [ANY, ALL])
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_group_stop_of_significant_children_ends_nobody(
    lab: Lab, auto: AutoShutdown, strategy: Strategy
) -> None:
    async with lab.open(crew(lab, auto, strategy=strategy)) as tree:
        lab.crash("a")
        await settle(5)
        assert states(tree) == {"a": "running", "b": "running", "c": "running"}
        assert lab.order("down") == ["a", "c", "b"]


async def test_temporary_significant_child_stopped_with_its_group_ends_nobody(lab: Lab) -> None:
    spec = crew(lab, ANY, restart=TEMPORARY, strategy=Strategy.ONE_FOR_ALL)
    async with lab.open(spec) as tree:
        lab.crash("a")
        await settle(5)
        assert states(tree) == {"a": "running", "b": "done", "c": "done"}


async def test_stop_of_a_significant_child_by_an_operator_ends_nobody(lab: Lab) -> None:
    async with lab.open(crew(lab, ANY)) as tree:
        await tree.stop_child("root/b")
        await settle(60)
        assert states(tree) == {"a": "running", "b": "done", "c": "running"}


@pytest.mark.parametrize(
    ("restart", "then"), [(PERMANENT, "running"), (TRANSIENT, "done"), (TEMPORARY, "done")]
)
async def test_supervisor_that_shut_itself_down_ended_normally(
    lab: Lab, restart: Restart, then: str
) -> None:
    sub = crew(lab, ANY, id="sub", restart=TRANSIENT)
    sub = SupervisorSpec(
        id="sub",
        strategy=Strategy.ONE_FOR_ONE,
        children=sub.children,
        auto_shutdown=ANY,
        restart=restart,
        backoff=sub.backoff,
    )
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.finish("b")
        await settle(5)
        assert states(tree)["sub"] == then
        [exited] = [event for event in lab.told(EventKind.EXITED) if event.path == "root/sub"]
        assert exited.reason == "significant child b ended"


async def test_significant_supervisor_takes_its_own_supervisor_along(lab: Lab) -> None:
    sub = SupervisorSpec(
        id="sub",
        strategy=Strategy.ONE_FOR_ONE,
        children=crew(lab, ANY).children,
        auto_shutdown=ANY,
        restart=TRANSIENT,
        significant=True,
    )
    async with lab.open(lab.supervisor(sub, lab.worker("z"), auto_shutdown=ANY)) as tree:
        lab.finish("b")
        await tree.wait()
    assert lab.order("down") == ["b", "c", "a", "z"]


@pytest.mark.parametrize(
    ("restart", "auto", "problem"),
    [
        (PERMANENT, ANY, "significant needs restart TRANSIENT or TEMPORARY"),
        (PERMANENT, ALL, "significant needs restart TRANSIENT or TEMPORARY"),
        (TRANSIENT, NEVER, "significant needs auto_shutdown ANY or ALL above it"),
        (TEMPORARY, NEVER, "significant needs auto_shutdown ANY or ALL above it"),
    ],
)
def test_combination_that_could_never_shut_down_is_refused(
    lab: Lab, restart: Restart, auto: AutoShutdown, problem: str
) -> None:
    with pytest.raises(InvalidSpec, match=f"root/b: {problem}"):
        validate(crew(lab, auto, restart=restart))


async def test_dynamic_child_may_not_be_significant(lab: Lab) -> None:
    def template(key: str) -> object:
        return lab.worker(key, significant=True, restart=TEMPORARY)

    async with lab.open(DynamicSpec(id="root", template=template)) as tree:  # type: ignore[arg-type]
        with pytest.raises(InvalidSpec, match="root/x: significant"):
            await tree.start_child("root", "x")
        await trio.sleep(1)
        assert states(tree) == {}
