"""The hub: publishing never waits, and everybody hears of their own and of what they want."""

import json

import pytest
import trio
import trio.testing

from fluxiq.api import hub as hub_module
from fluxiq.api.hub import Hub, Topic
from fluxiq.api.live_client import LiveClient, Refetch
from fluxiq.errors import Refused
from fluxiq.telemetry.metrics import Metrics

ISPB, OTHER_ISPB = "12345678", "87654321"
NOTE = Refetch(topics=["balances"])


def new_hub(**sizes: int) -> Hub:
    return Hub(Metrics(process=False).connections, **sizes)


def listening(hub: Hub, merchant_id: str = "mch_1", *topics: Topic) -> LiveClient:
    client = hub.subscribe(ISPB, merchant_id, topics or (Topic.PAYMENTS,))
    client.begin(0)
    return client


def taken(client: LiveClient) -> list[object]:
    frames = []
    while (text := client.take()) is not None:
        frames.append(json.loads(text))
    return frames


async def test_an_event_goes_to_the_clients_of_its_merchant_with_its_number() -> None:
    hub = new_hub()
    one, two, other = listening(hub), listening(hub), listening(hub, "mch_2")
    assert await hub.publish(ISPB, "mch_1", 1, b'{"id":"evt_1"}') == 2
    wanted = {"type": "event", "topic": "payments", "sequence": 1, "event": {"id": "evt_1"}}
    assert (taken(one), taken(two), taken(other)) == ([wanted], [wanted], [])
    assert await hub.publish(OTHER_ISPB, "mch_1", 2, b"{}") == 0


async def test_a_client_hears_of_the_topics_it_wants_and_of_no_others() -> None:
    hub = new_hub()
    client = listening(hub, "mch_1", Topic.BALANCES)
    assert await hub.publish(ISPB, "mch_1", 1, b"{}") == 0
    assert hub.tell(ISPB, "mch_1", Topic.DELIVERIES, NOTE) == 0
    assert hub.tell(ISPB, "mch_1", Topic.BALANCES, NOTE) == 1
    assert taken(client) == [{"type": "refetch", "topics": ["balances"]}]

    hub.want(client, [Topic.DELIVERIES])
    assert hub.tell(ISPB, "mch_1", Topic.BALANCES, NOTE) == 0
    assert hub.tell(ISPB, "mch_1", Topic.DELIVERIES, NOTE) == 1


async def test_what_is_the_institutions_goes_to_everybody_in_it() -> None:
    hub = new_hub()
    with (
        hub.subscribe(ISPB, "mch_1", [Topic.LIVE_DATA]),
        hub.subscribe(ISPB, "mch_2", [Topic.LIVE_DATA]),
        hub.subscribe(ISPB, "mch_3"),
        hub.subscribe(OTHER_ISPB, "mch_4", [Topic.LIVE_DATA]),
    ):
        assert await hub.tell_everybody(ISPB, Topic.LIVE_DATA, NOTE) == 2


def test_the_hub_knows_whose_clients_listen_to_what() -> None:
    hub = new_hub()
    with hub.subscribe(ISPB, "mch_1", [Topic.BALANCES]):
        with hub.subscribe(ISPB, "mch_1", [Topic.BALANCES, Topic.PAYMENTS]):
            assert hub.merchants(ISPB, Topic.BALANCES) == ["mch_1"]
            assert hub.merchants(ISPB, Topic.PAYMENTS) == ["mch_1"]
        assert hub.merchants(ISPB, Topic.PAYMENTS) == []
    assert hub.merchants(ISPB, Topic.BALANCES) == []


def test_a_client_that_is_behind_what_is_on_paper_owes_nothing_but_is_owed() -> None:
    hub = new_hub()
    client = listening(hub)
    hub.heard(ISPB, {"mch_1": 3, "mch_unknown": 9})
    span = client.owed()
    assert span is not None
    assert (span.after, span.until) == (0, 3)


async def test_one_slow_client_does_not_take_from_another() -> None:
    hub = new_hub(queue_size=1)
    listening(hub)
    quick = listening(hub)
    for number in range(1, 4):
        assert await hub.publish(ISPB, "mch_1", number, b"{}") == 2
        [frame] = taken(quick)
        assert isinstance(frame, dict)
        assert frame["sequence"] == number
    assert hub.statistics().refetches == 2


async def test_nobody_is_forgotten_when_everybody_has_left() -> None:
    hub = new_hub()
    client = hub.subscribe(ISPB, "mch_1")
    with client:
        assert hub.statistics().clients == 1
    hub.remove(client)
    assert hub.statistics().clients == 0
    assert await hub.publish(ISPB, "mch_1", 1, b"1") == 0
    assert not hub._clients
    assert not any(hub._wanted.values())


def test_a_merchant_has_a_number_of_clients() -> None:
    hub = new_hub(clients_max=1)
    with hub.subscribe(ISPB, "mch_1"):
        with pytest.raises(Refused, match="at most 1 connections"):
            hub.subscribe(ISPB, "mch_1")
        with hub.subscribe(ISPB, "mch_2"):
            assert hub.statistics().clients == 2


async def test_closing_ends_every_wait() -> None:
    hub = new_hub()

    async def look() -> None:
        with hub.subscribe(ISPB, "mch_1") as client:
            await client.wait()
            assert client.closed

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.testing.wait_all_tasks_blocked()
            hub.close()


async def test_a_hub_that_sent_everybody_away_takes_new_clients() -> None:
    """The server may be restarted beside it."""
    hub = new_hub()
    hub.close()
    client = listening(hub)
    await hub.publish(ISPB, "mch_1", 1, b"{}")
    assert len(taken(client)) == 1


async def test_many_clients_are_woken_a_few_at_a_time() -> None:
    """All of them in one turn would hold up the loop for seconds."""
    hub = new_hub(clients_max=1000)
    clients = [listening(hub) for _ in range(3 * hub_module.WOKEN_AT_ONCE)]
    seen: list[int] = []

    async def look() -> None:
        while True:
            seen.append(sum(client.take() is not None for client in clients))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        assert await hub.publish(ISPB, "mch_1", 1, b"{}") == len(clients)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert sum(seen) == len(clients)
    assert max(seen) <= 2 * hub_module.WOKEN_AT_ONCE


async def test_what_is_being_published_is_not_read_by_everybody_as_well() -> None:
    """A look at the numbers, while ten thousand were told one by one, sent nine thousand of them to
    the database.
    """
    hub = new_hub(clients_max=1000)
    clients = [listening(hub) for _ in range(3 * hub_module.WOKEN_AT_ONCE)]

    async def look() -> None:
        hub.heard(ISPB, {"mch_1": 1})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await hub.publish(ISPB, "mch_1", 1, b"{}")
    assert [client.owed() for client in clients] == [None] * len(clients)
    assert all(len(taken(client)) == 1 for client in clients)
    hub.heard(ISPB, {"mch_1": 2})  # that one was lost
    assert all(client.owed() is not None for client in clients)
