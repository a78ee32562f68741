"""The hub: publish never waits, and a slow client loses events, not its connection."""

import pytest
import trio
import trio.testing

from fluxiq.api.hub import REFETCH, Hub
from fluxiq.errors import Refused
from fluxiq.telemetry.metrics import Metrics


def new_hub(**sizes: int) -> Hub:
    return Hub(Metrics(process=False).connections, **sizes)


async def test_a_message_waits_for_its_client() -> None:
    hub = new_hub()
    with hub.subscribe("12345678", "mch_1") as client:
        assert hub.publish("12345678", "mch_1", b"{}") == 1
        assert await client.receive() == b'{"type":"event","event":{}}'


async def test_a_client_waits_for_its_message() -> None:
    hub = new_hub()
    received: list[bytes | None] = []

    async def look() -> None:
        with hub.subscribe("12345678", "mch_1") as client:
            received.append(await client.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await trio.testing.wait_all_tasks_blocked()
        hub.publish("12345678", "mch_1", b"1")
    assert received == [b'{"type":"event","event":1}']


async def test_a_full_queue_becomes_one_refetch() -> None:
    hub = new_hub(queue_size=3)
    with hub.subscribe("12345678", "mch_1") as client:
        for _ in range(4):
            hub.publish("12345678", "mch_1", b"1")
        hub.publish("12345678", "mch_1", b"2")
        assert await client.receive() == REFETCH
        assert await client.receive() == b'{"type":"event","event":2}'
    assert hub.statistics().refetches == 1


async def test_one_slow_client_does_not_take_from_another() -> None:
    hub = new_hub(queue_size=1)
    with hub.subscribe("12345678", "mch_1"), hub.subscribe("12345678", "mch_1") as quick:
        for number in range(3):
            assert hub.publish("12345678", "mch_1", b"%d" % number) == 2
            assert await quick.receive() == b'{"type":"event","event":%d}' % number


def test_nobody_is_forgotten_when_everybody_has_left() -> None:
    hub = new_hub()
    client = hub.subscribe("12345678", "mch_1")
    with client:
        assert hub.statistics().clients == 1
    hub.remove(client)
    assert hub.statistics().clients == 0
    assert hub.publish("12345678", "mch_1", b"1") == 0
    assert not hub._clients


def test_a_merchant_has_a_number_of_clients() -> None:
    hub = new_hub(clients_max=1)
    with hub.subscribe("12345678", "mch_1"):
        with pytest.raises(Refused, match="at most 1 connections"):
            hub.subscribe("12345678", "mch_1")
        with hub.subscribe("12345678", "mch_2"):
            assert hub.statistics().clients == 2


async def test_closing_ends_every_wait() -> None:
    hub = new_hub()

    async def look() -> None:
        with hub.subscribe("12345678", "mch_1") as client:
            assert await client.receive() is None

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.testing.wait_all_tasks_blocked()
            hub.close()


async def test_a_hub_that_sent_everybody_away_takes_new_clients() -> None:
    """The server may be restarted beside it."""
    hub = new_hub()
    hub.close()
    with hub.subscribe("12345678", "mch_1") as client:
        hub.publish("12345678", "mch_1", b"1")
        assert await client.receive() == b'{"type":"event","event":1}'
