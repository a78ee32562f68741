"""The tree on a websocket: no faster than it is read, and whole again for who asks again."""

import json
from typing import Any

import trio
import trio.testing

from fluxiq.api.hub import Hub, Topic
from fluxiq.api.live_client import LiveClient
from fluxiq.api.tree_told import TreeTeller
from fluxiq.ports.operations import Operator
from fluxiq.telemetry.metrics import Metrics
from tests.support.twin_desk import TwinDesk

ANA = Operator(user_id="usr_ana", ispb="12345678", of_platform=False)
WHOLE: dict[str, Any] = {"revision": 1, "nodes": [], "closed_phases": []}


def patch(before: int) -> dict[str, Any]:
    return {
        "before_revision": before,
        "revision": before + 1,
        "changed": [],
        "removed": ["root/x"],
        "closed_phases": [],
    }


def subscribed() -> LiveClient:
    hub = Hub(Metrics(process=False).connections, queue_size=4)
    return hub.subscribe("12345678", "", (Topic.TREE,), "usr_ana")


def taken(client: LiveClient) -> list[Any]:
    frames = []
    while (text := client.take()) is not None:
        frames.append(json.loads(text))
    return frames


async def test_a_change_is_told_when_the_one_before_it_was_read(
    nursery: trio.Nursery,
) -> None:
    client, desk = subscribed(), TwinDesk()
    desk.changes = [WHOLE, *map(patch, range(1, 20))]
    teller = TreeTeller(client, desk)
    nursery.start_soon(teller.run)
    await trio.testing.wait_all_tasks_blocked()
    assert taken(client) == []

    teller.begin(ANA)
    revisions = []
    for _ in range(20):
        await trio.testing.wait_all_tasks_blocked()
        [told] = taken(client)
        assert told["topic"] == "tree"
        revisions.append((told["type"], told["revision"]))
    assert revisions == [("tree", 1), *(("tree_patch", one) for one in range(2, 21))]


async def test_who_asks_again_is_told_the_tree_again_and_who_stops_nothing(
    nursery: trio.Nursery,
) -> None:
    client, desk = subscribed(), TwinDesk()
    desk.changes = [WHOLE, patch(1)]
    teller = TreeTeller(client, desk)
    nursery.start_soon(teller.run)
    for _ in range(2):
        teller.begin(ANA)
        await trio.testing.wait_all_tasks_blocked()
        assert [one["type"] for one in taken(client)] == ["tree"]
    assert desk.watchers == [ANA, ANA]

    teller.stop()
    await trio.testing.wait_all_tasks_blocked()
    assert taken(client) == []
    teller.stop()  # twice is once
    teller.begin(ANA)
    await trio.testing.wait_all_tasks_blocked()
    assert [one["type"] for one in taken(client)] == ["tree"]


async def test_where_there_is_no_desk_nothing_is_told(nursery: trio.Nursery) -> None:
    client = subscribed()
    teller = TreeTeller(client, None)
    nursery.start_soon(teller.run)
    teller.begin(ANA)
    await trio.testing.wait_all_tasks_blocked()
    assert taken(client) == []
