"""A suspended institution: its callers are refused, its providers are heard."""

import pytest
from trio_websocket import ConnectionClosed

from fluxiq.api.hub import Topic
from fluxiq.api.live_client import SUSPENDED
from tests.contract.test_sockets import said, window
from tests.support.api_twin import ISPB, World, bearer, serving

ACCOUNTS = "/api/v1/accounts"


async def test_a_key_that_works_is_told_why_and_any_other_only_that_it_does_not() -> None:
    world = World()
    client, key = world.app().test_client(), world.key("*")
    world.tenant.standing.suspended = True

    refused = await client.get(ACCOUNTS, headers=bearer(key))
    assert refused.status_code == 403
    assert (await refused.get_json())["error"]["code"] == "institution_suspended"
    stranger = await client.get(ACCOUNTS, headers=bearer(f"sk_live_{ISPB}{'x' * 32}"))
    assert stranger.status_code == 401

    world.tenant.standing.suspended = False
    assert (await client.get(ACCOUNTS, headers=bearer(key))).status_code == 200


@pytest.mark.parametrize("topic", [one for one in Topic if one is not Topic.TREE])
async def test_an_open_window_is_closed_whatever_it_listens_to(topic: Topic) -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*"), f"?topics={topic}") as socket,
    ):
        assert (await said(socket))["type"] == "ready"
        world.hub.close_institution("87654321")
        assert world.hub.statistics().clients == 1

        world.hub.close_institution(ISPB)
        world.hub.close_institution(ISPB)
        with pytest.raises(ConnectionClosed):
            await said(socket)
        assert socket.closed is not None
        assert socket.closed.code == SUSPENDED.code


async def test_a_key_in_the_first_message_is_told_the_same() -> None:
    world = World()
    key = world.key("*")
    world.tenant.standing.suspended = True
    async with serving(world) as served, window(served) as socket:
        await socket.send_message(f'{{"type":"authenticate","token":"{key}"}}')
        assert (await said(socket))["error"]["code"] == "institution_suspended"
        with pytest.raises(ConnectionClosed):
            await said(socket)
        assert socket.closed is not None
        assert socket.closed.code == SUSPENDED.code
