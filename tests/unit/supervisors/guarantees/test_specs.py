"""Guarantees about specs: plain data, refused early and by name."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import trio

from supervisors import (
    INFINITY,
    Actor,
    AutoShutdown,
    Backoff,
    ChildSpec,
    Context,
    Ignore,
    InvalidSpec,
    Restart,
    open_tree,
    validate,
)
from tests.unit.supervisors.supervision_kit import Lab, never, states


def test_child_spec_is_frozen_data_with_otps_fields_and_safe_defaults() -> None:
    spec = ChildSpec(id="a", start=never)
    assert (spec.restart, spec.shutdown, spec.significant) == (Restart.PERMANENT, 5.0, False)
    assert (spec.start_timeout, spec.kind, spec.backoff) == (30.0, "worker", Backoff())
    assert Actor.spec(id="b").kind == "actor"
    with pytest.raises(FrozenInstanceError):
        spec.shutdown = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(("shutdown", "down_after"), [(0, 0.0), (2.5, 2.5), (INFINITY, 60.0)])
async def test_shutdown_is_seconds_or_infinity(
    lab: Lab, shutdown: float, down_after: float
) -> None:
    ended = []

    async def start(context: Context) -> None:
        context.ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(60) as cleanup:
                await context.killed.wait()
                cleanup.cancel()
            ended.append(lab.now())

    async with lab.open(lab.supervisor(ChildSpec(id="a", start=start, shutdown=shutdown))):
        pass
    assert ended == [down_after]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"significant": True}, "root/b: significant needs restart TRANSIENT or TEMPORARY"),
        (
            {"significant": True, "restart": Restart.TRANSIENT},
            "root/b: significant needs auto_shutdown",
        ),
        ({"backoff": Backoff(initial=2, cap=1)}, "root/b: backoff.cap 1 is below backoff.initial"),
        ({"name": "a"}, "root/b: name 'a' is also the name of root/a"),
        ({"id": "a"}, "root: children has two children with id 'a'"),
    ],
)
async def test_invalid_combination_is_refused_before_anything_starts(
    lab: Lab, fields: dict[str, Any], message: str
) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker(**{"id": "b", **fields}))
    with pytest.raises(InvalidSpec) as refused:
        async with open_tree(spec):
            pytest.fail("the tree must not open")
    assert str(refused.value).startswith(message)
    assert lab.log == []


def test_refused_spec_says_which_child_which_field_and_what_is_wrong(lab: Lab) -> None:
    below = lab.supervisor(lab.worker("a", shutdown=-1), id="sub")
    with pytest.raises(InvalidSpec) as refused:
        validate(lab.supervisor(below, auto_shutdown=AutoShutdown.ANY))
    error = refused.value
    assert (error.path, error.field) == ("root/sub/a", "shutdown")
    assert error.problem == "-1 must be seconds >= 0 or INFINITY"


async def test_ignored_start_keeps_the_spec_without_a_task(lab: Lab) -> None:
    wanted = False

    async def start(context: Context) -> None:
        if not wanted:
            raise Ignore
        context.ready("now I do")
        await trio.sleep_forever()

    spec = lab.supervisor(ChildSpec(id="shy", start=start), lab.worker("b"))
    async with lab.open(spec) as tree:
        assert states(tree) == {"shy": "done", "b": "running"}
        wanted = True
        assert await tree.restart_child("root/shy") == "now I do"
