"""The sessions of a process: opened and closed with it, whoever answers at the other end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import structlog
import trio

from actors.ledger_sessions import SharedTigerBeetle, ledger_sessions, look_up
from actors.platform import Platform
from actors.slot import Slot
from fluxiq.errors import StartRefused, Unavailable
from fluxiq.ledgers.tigerbeetle import Cluster, Sessions
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.settings import Settings, load
from supervisors import StartFailed, Strategy, SupervisorSpec, Tree, open_tree
from tests.support.servers import free_port

SECONDS = 0.2


class PlatformWithSessions:
    """What the sessions need of a platform."""

    def __init__(self) -> None:
        self.settings: Settings = load(
            {
                "FLUXIQ_LEDGER__DEADLINE_SECONDS": str(SECONDS),
                "FLUXIQ_LEDGER__SESSIONS": "1",
            }
        )
        self.sessions: Slot[Sessions] = Slot("TigerBeetle sessions")


@asynccontextmanager
async def running(addresses: str) -> AsyncIterator[tuple[Platform, Tree]]:
    platform = cast("Platform", PlatformWithSessions())
    child = ledger_sessions(platform, Cluster(7, addresses))
    root = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[child])
    async with open_tree(root) as tree:
        yield platform, tree


async def test_a_tigerbeetle_that_is_away_at_the_start_is_weather_and_named_in_full() -> None:
    address = f"127.0.0.1:{free_port()}"
    with structlog.testing.capture_logs() as logs:
        async with running(address) as (platform, tree):
            await trio.sleep(2 * SECONDS)  # until its only session has given up the first question
            with pytest.raises(Unavailable, match=f"cluster 7 at {address} did not answer"):
                await look_up(platform)
            node = tree.snapshot().find("root/sessions")
            assert node is not None
            assert (node.state, node.incarnation) == ("running", 1)
            assert node.facts == {"cluster": 7, "addresses": address, "at_start": "no answer"}

    [said] = [one for one in logs if one["event"] == "tigerbeetle_does_not_answer"]
    assert said["log_level"] == "error"
    assert f"cluster 7 at {address}" in said["error"]
    assert "not its cluster id" in said["error"]


async def test_what_can_be_no_address_is_refused_with_the_name_of_the_setting() -> None:
    with pytest.RaisesGroup(StartFailed) as caught:
        async with trio.open_nursery(), running("tigerbeetle.example:3000"):
            raise AssertionError("it must not start")

    [failed] = caught.value.exceptions
    assert isinstance(failed, StartFailed)
    refused = failed.cause
    assert isinstance(refused, StartRefused)
    assert "setting 'tigerbeetle.addresses'" in str(refused)
    assert "tigerbeetle.example:3000" in str(refused)


async def test_without_sessions_nothing_is_sent_and_the_caller_is_told_so() -> None:
    settings = PlatformWithSessions().settings.ledger
    tigerbeetle = SharedTigerBeetle(Slot("TigerBeetle sessions"), 1, settings)
    with pytest.raises(Unavailable):
        await tigerbeetle.submit(pack_transfers([]))
    with pytest.raises(Unavailable):
        await tigerbeetle.balances([1])
