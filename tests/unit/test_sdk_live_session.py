"""The SDK's live connection without a socket: what bytes mean, and what to do when they stop."""

import msgspec
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from fluxiq.sdk import ApiError, EventUpdate, Forbidden, Refetch, Refused, Retries, Unavailable
from fluxiq.sdk.live_session import MESSAGE_BYTES_MAX, Course, Session
from fluxiq.sdk.updates import Message, Ready, read
from fluxiq.sdk.updates import Ping as Asked

KEY = {"Authorization": "Bearer sk_live_x"}
EVENT = {"id": "evt_1", "type": "pix.charge.paid", "created_at": "2026-01-02T03:04:05Z", "data": {}}


class Server:
    """The other end of the bytes."""

    def __init__(self, *, lets_in: bool = True) -> None:
        self.session = Session("pix.example", "/api/v1/ws?topics=payments", KEY)
        self.ws = WSConnection(ConnectionType.SERVER)
        [self.request] = self.hears()
        if lets_in:
            assert self.says(AcceptConnection()) == []

    def hears(self) -> list[Event]:
        self.ws.receive_data(self.session.take())
        return list(self.ws.events())

    def says(self, *events: Event) -> list[Message]:
        return list(self.session.heard(b"".join(self.ws.send(one) for one in events)))

    def tells(self, **said: object) -> list[Message]:
        return self.says(TextMessage(data=msgspec.json.encode(said).decode()))

    def ends(self, *events: Event) -> ApiError:
        with pytest.raises(ApiError) as ended:
            self.says(*events)
        return ended.value


def test_it_asks_for_its_topics_with_its_key() -> None:
    asked = Server().request
    assert isinstance(asked, Request)
    assert (asked.host, asked.target) == ("pix.example", "/api/v1/ws?topics=payments")
    assert (b"authorization", b"Bearer sk_live_x") in asked.extra_headers


def test_messages_become_what_they_are() -> None:
    server = Server()
    [ready] = server.tells(type="ready", topics=["payments"], sequence=41)
    assert ready == Ready(topics=("payments",), sequence=41)
    [event] = server.tells(type="event", topic="payments", sequence=42, event=EVENT)
    assert isinstance(event, EventUpdate)
    assert (event.sequence, event.event.id) == (42, "evt_1")
    [refetch] = server.tells(type="refetch", topics=["balances"])
    assert refetch == Refetch(topics=("balances",))


def test_a_message_in_pieces_of_bytes_and_of_frames_is_one_message() -> None:
    server = Server()
    text = msgspec.json.encode({"type": "ready", "topics": ["payments"]}).decode()
    frames = [TextMessage(data=text[:9], message_finished=False), TextMessage(data=text[9:])]
    raw = b"".join(server.ws.send(one) for one in frames)
    told = [m for i in range(len(raw)) for m in server.session.heard(raw[i : i + 1])]
    assert told == [Ready(topics=("payments",))]


def test_pings_of_both_kinds_are_answered_and_told_to_nobody() -> None:
    server = Server()
    assert server.tells(type="ping") == []
    assert server.hears() == [TextMessage(data='{"type":"pong"}')]
    assert server.says(Ping(payload=b"x")) == []
    assert server.hears() == [Pong(payload=bytearray(b"x"))]


def test_words_that_are_new_in_the_protocol_are_passed_over() -> None:
    server = Server()
    assert server.tells(type="weather", said="rain") == []
    assert read('{"type":"ping","more":1}') == Asked()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type":"event"}', '{"type":1}', "\ud7ff{"])
def test_what_is_no_message_ends_the_connection(text: str) -> None:
    assert Server().ends(TextMessage(data=text)).code == "connection_lost"


def test_an_endless_message_ends_the_connection() -> None:
    server = Server()
    piece = TextMessage(data="x" * (MESSAGE_BYTES_MAX // 2 + 1), message_finished=False)
    assert server.says(piece) == []
    assert "over" in server.ends(piece).message


def test_who_is_not_let_in_hears_why_in_the_apis_own_words() -> None:
    server = Server(lets_in=False)
    body = (
        b'{"error":{"code":"forbidden","message":"no","details":{}},"meta":{"request_id":"req_1"}}'
    )
    head = RejectConnection(status_code=403, headers=[(b"x-request-id", b"req_1")], has_body=True)
    error = server.ends(
        head, RejectData(data=body[:20], body_finished=False), RejectData(data=body[20:])
    )
    assert isinstance(error, Forbidden)
    assert (error.code, error.request_id) == ("forbidden", "req_1")


def test_a_busy_server_says_when_to_come_again() -> None:
    head = RejectConnection(status_code=503, headers=[(b"retry-after", b"7")])
    error = Server(lets_in=False).ends(head)
    assert isinstance(error, Unavailable)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("code", "kind"), [("too_many_connections", Unavailable), ("validation_failed", Refused)]
)
def test_a_complaint_before_the_end_says_whether_to_come_again(
    code: str, kind: type[ApiError]
) -> None:
    server = Server()
    said = {"type": "error", "error": {"code": code, "message": "so"}, "meta": {}}
    assert server.tells(**said) == []
    error = server.ends(CloseConnection(code=4401, reason=code))
    assert type(error) is kind
    assert error.code == code


def test_an_end_without_a_word_is_a_lost_connection_and_what_came_before_it_is_told() -> None:
    server = Server()
    raw = server.ws.send(TextMessage(data='{"type":"ready","topics":[]}'))
    raw += server.ws.send(CloseConnection(code=1001, reason="the server stops"))
    heard = server.session.heard(raw)
    assert next(heard) == Ready(topics=())
    with pytest.raises(Unavailable, match="1001: the server stops"):
        next(heard)
    with pytest.raises(Unavailable, match="connection was lost"):
        list(Server().session.heard(b""))


def test_what_is_no_websocket_is_a_lost_connection() -> None:
    session = Session("pix.example", "/", {})
    with pytest.raises(Unavailable):
        list(session.heard(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"))


def test_goodbye_is_said_once_there_is_somebody_to_say_it_to() -> None:
    server = Server()
    server.session.close()
    assert server.hears() == [CloseConnection(code=1000, reason="")]
    nobody = Session("pix.example", "/", {})
    nobody.take()
    nobody.close()
    assert nobody.take() == b""


# Where one is


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def course(clock: Clock, since: int | None = None, *topics: str) -> Course:
    retries = Retries(pause_seconds=1.0, pause_seconds_max=4.0, patience_seconds=60.0)
    return Course(topics, since, retries, now=clock, draw=lambda: 0.0)


def event(sequence: int) -> Message:
    said = {"type": "event", "topic": "payments", "sequence": sequence, "event": EVENT}
    message = read(msgspec.json.encode(said).decode())
    assert message is not None
    return message


def test_it_goes_on_behind_the_last_event_or_where_it_was_let_in() -> None:
    one = course(Clock())
    assert one.query == "?topics=payments"
    assert one.pass_on(Ready(topics=("payments",), sequence=41)) is None
    assert one.query == "?topics=payments&since=41"
    assert one.pass_on(event(42)) is not None
    assert one.query == "?topics=payments&since=42"
    one.pass_on(Ready(topics=("payments",), sequence=57))  # another connection
    assert one.query == "?topics=payments&since=42"
    one.pass_on(Refetch(topics=("payments",), since=42, sequence=5041))
    assert one.query == "?topics=payments&since=5041"


def test_topics_without_numbers_have_no_since() -> None:
    one = course(Clock(), None, "balances", "deliveries")
    one.pass_on(Ready(topics=("balances", "deliveries")))
    one.pass_on(Refetch(topics=("balances",)))
    assert one.query == "?topics=balances,deliveries"


def test_pauses_grow_end_with_a_connection_and_with_patience() -> None:
    clock = Clock()
    one = course(clock)
    gone = Unavailable("connection_lost", "gone")
    assert [one.pause(gone) for _ in range(4)] == [1.0, 2.0, 4.0, 4.0]
    one.pass_on(Ready(topics=("payments",), sequence=1))
    clock.now = 1000.0
    assert one.pause(gone) == 1.0
    assert one.pause(Unavailable("unavailable", "later", retry_after=9.0)) == 9.0
    clock.now = 1058.0
    with pytest.raises(Unavailable) as over:
        one.pause(gone)
    assert over.value.attempts == 3


def test_a_refusal_is_final() -> None:
    with pytest.raises(Refused):
        course(Clock()).pause(Refused("forbidden", "no"))
