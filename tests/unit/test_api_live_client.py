"""What a live client is told and owed: no gap and no duplicate, whatever happens in between."""

import json
import random

import pytest
import trio
import trio.testing

from fluxiq.api.live_client import LiveClient, Span, event_frame


class NoHub:
    def remove(self, client: LiveClient) -> None:
        del client


def new_client(last: int = 10, since: int | None = None, *, queue_size: int = 100) -> LiveClient:
    client = LiveClient(NoHub(), ("12345678", "mch_1"), queue_size)
    client.topics = frozenset({"payments"})
    client.begin(last, since)
    return client


def happen(client: LiveClient, *sequences: int) -> None:
    for sequence in sequences:
        client.offer_event(sequence, event_frame(sequence, b"{}"))


def taken(client: LiveClient) -> list[int]:
    numbers = []
    while (text := client.take()) is not None:
        said = json.loads(text)
        assert said["type"] == "event", said
        numbers.append(said["sequence"])
    return numbers


def test_the_next_event_is_queued_and_one_told_before_is_not() -> None:
    client = new_client()
    happen(client, 10, 11, 12, 12, 11)
    assert taken(client) == [11, 12]
    assert client.owed() is None


def test_before_events_begin_they_are_heard_of_and_then_owed() -> None:
    client = LiveClient(NoHub(), ("12345678", "mch_1"), 100)
    happen(client, 11)
    assert client.owed() is None
    client.begin(10)
    assert client.owed() == Span(10, 11)


def test_a_client_that_comes_back_is_owed_what_it_missed() -> None:
    client = new_client(10, since=4)
    assert client.owed() == Span(4, 10)
    happen(client, 11)  # while it catches up
    assert client.take() is None
    client.repaid(Span(4, 10), 8)
    assert client.owed() == Span(8, 11)
    client.repaid(Span(8, 11), 11)
    assert client.owed() is None
    happen(client, 12)
    assert taken(client) == [12]


def test_an_event_lost_on_the_way_is_owed_when_the_next_one_comes() -> None:
    client = new_client()
    happen(client, 11, 13)
    assert taken(client) == [11]
    assert client.owed() == Span(11, 13)


def test_an_event_lost_at_the_end_is_owed_once_its_number_is_heard_of() -> None:
    client = new_client()
    happen(client, 11)
    client.hear_of(12)
    assert taken(client) == [11]
    assert client.owed() == Span(11, 12)


def test_going_back_tells_what_was_before_the_connection_and_nothing_twice() -> None:
    client = new_client(10)
    happen(client, 11, 12)
    assert taken(client) == [11, 12]
    assert client.begin(12, since=7)
    assert client.owed() == Span(7, 10)
    happen(client, 13)  # live events go on meanwhile
    assert taken(client) == [13]
    client.repaid(Span(7, 10), 9)
    assert client.owed() == Span(9, 10)
    client.repaid(Span(9, 10), 10)
    assert client.owed() is None
    assert client.begin(13, since=8)
    assert client.owed() is None  # that was told by now


def test_who_is_on_the_way_back_cannot_go_back_further() -> None:
    client = new_client(10)
    assert client.begin(10, since=7)
    assert not client.begin(10, since=3)


def test_a_full_queue_becomes_one_refetch_that_says_how_far_the_client_got() -> None:
    client = new_client(queue_size=3)
    happen(client, 11, 12)
    assert taken(client) == [11, 12]
    happen(client, 13, 14, 15)
    assert client.offer_event(16, event_frame(16, b"{}"))
    text = client.take()
    assert text is not None
    assert json.loads(text) == {
        "type": "refetch",
        "topics": ["payments"],
        "since": 12,
        "sequence": 16,
    }
    happen(client, 17)
    assert taken(client) == [17]
    # It may have them after all, if it asks.
    assert client.begin(17, since=12)
    assert client.owed() == Span(12, 16)


def test_a_full_queue_without_events_has_no_numbers_to_tell() -> None:
    client = LiveClient(NoHub(), ("12345678", "mch_1"), 1)
    client.topics = frozenset({"balances"})
    client.offer("1")
    assert client.offer("2")
    assert client.take() == '{"type":"refetch","topics":["balances"]}'


def test_what_is_owed_can_be_forgiven_and_goes_on_behind_it() -> None:
    client = new_client(5000, since=1)
    text = client.forgiven(Span(1, 5000))
    assert json.loads(text) == {
        "type": "refetch",
        "topics": ["payments"],
        "since": 1,
        "sequence": 5000,
    }
    assert client.owed() is None
    happen(client, 5001)
    assert taken(client) == [5001]


def test_a_span_is_not_repaid_beyond_its_end() -> None:
    client = new_client(10, since=4)
    with pytest.raises(AssertionError):
        client.repaid(Span(4, 10), 11)


def test_who_stops_listening_to_events_is_owed_none() -> None:
    client = new_client(10, since=4)
    client.stop()
    happen(client, 11)
    assert client.owed() is None
    assert client.take() is None


async def test_whoever_writes_is_woken_by_a_frame_a_debt_and_the_end() -> None:
    for wake in (
        lambda client: client.offer("x"),
        lambda client: client.hear_of(11),
        lambda client: client.begin(10, since=1),
        lambda client: client.close(),
    ):
        client = new_client()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.wait)
            await trio.testing.wait_all_tasks_blocked()
            assert nursery.child_tasks
            wake(client)


@pytest.mark.parametrize("seed", range(200))
def test_whatever_the_bus_loses_repeats_or_shuffles_every_event_comes_once(seed: int) -> None:
    """A client, a log and a bad bus: numbers 1 to 60, some before the client came."""
    draw = random.Random(seed)
    before = draw.randrange(0, 20)
    since = draw.randrange(0, before + 1)
    client = new_client(before, since=since, queue_size=1000)
    written, told = before, list[int]()
    on_the_bus = list(range(1, before + 1))
    while written < 60 or client.owed() is not None:
        if written < 60:
            written += 1
            on_the_bus.append(written)
        for _ in range(draw.randrange(0, 3)):
            happen(client, draw.choice(on_the_bus))  # late, twice, or never
        if draw.random() < 0.1 or written == 60:
            client.hear_of(written)
        told += taken(client)
        if draw.random() < 0.5 and (span := client.owed()) is not None:
            page = list(range(span.after + 1, min(span.after + 3, span.until) + 1))
            happen(client, draw.choice(on_the_bus))  # while the log is read
            told += page
            client.repaid(span, page[-1])
        told += taken(client)
    assert told == list(range(since + 1, 61))
