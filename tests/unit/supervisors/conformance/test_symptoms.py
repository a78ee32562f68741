"""Bugs of the runtime that somebody met once, each by its symptom, and that broke no promise."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from supervisors import Actor, DynamicSpec, EventKind
from supervisors.waiters import Waiter
from tests.unit.supervisors.supervision_kit import Lab, settle, states

CHILDREN = 300


async def test_kill_that_came_after_the_end_ended_an_actor_twice(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Actor.spec(id="a", shutdown=0.0))) as tree:
        slot = tree.runtime.root.slots["a"]
        slot.ask_to_stop("as the supervisor asks")
        slot.kill("before it has heard of the end")
        await settle()
    assert [event.kind for event in lab.events].count(EventKind.EXITED) == 1


async def test_starting_many_children_at_once_looked_at_every_waiter_each_time(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look: Callable[..., bool] = Waiter.look

    def counting(*args: Any, **kwargs: Any) -> bool:
        nonlocal looks
        looks += 1
        return look(*args, **kwargs)

    monkeypatch.setattr(Waiter, "look", counting)
    pool = DynamicSpec(id="root", template=lambda key: Actor.spec(id=key), max_children=CHILDREN)
    async with lab.open(pool) as tree:
        async with trio.open_nursery() as nursery:
            for number in range(CHILDREN):
                nursery.start_soon(tree.start_child, "root", f"k{number}")
        assert list(states(tree).values()) == ["running"] * CHILDREN
    assert CHILDREN <= looks <= 3 * CHILDREN, "each waiter is looked at when its own child moves"
