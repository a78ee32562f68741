"""What the SDK does about an answer, or about none: repeat, give up, and what it then says."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import msgspec
import pytest

from fluxiq.sdk import errors
from fluxiq.sdk.answers import Answer
from fluxiq.sdk.exchange import Again, Done, Exchange, Retries
from fluxiq.sdk.request import Request, data, delete, get, patch, post


class Thing(msgspec.Struct):
    id: str


READ = get("/things/1", data(Thing))
WRITE = post("/things", data(Thing), {"amount": 1}, "order-1")
CHANGE = patch("/things/1", data(Thing), {"name": "x"})
DELETE = delete("/things/1")
FOUND = Answer(200, httpx.Headers(), b'{"data": {"id": "thing_1", "grown": true}}')
LOST = httpx.ReadTimeout("nothing came")
NEVER_SENT = httpx.ConnectError("refused")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def exchange(request: Request[Any], clock: Clock | None = None, **retries: Any) -> Exchange[Any]:
    return Exchange(request, Retries(**retries), now=clock or Clock(), draw=lambda: 0.0)


def refusal(
    status: int, code: str, headers: dict[str, str] | None = None, **details: Any
) -> Answer:
    body = {
        "error": {"code": code, "message": f"about {code}", "details": details},
        "meta": {"request_id": "req_1"},
    }
    return Answer(status, httpx.Headers(headers), json.dumps(body).encode())


def seconds(step: Done[Any] | Again) -> float:
    assert isinstance(step, Again)
    return step.seconds


def test_a_success_is_read_and_what_the_api_grew_is_passed_over() -> None:
    assert exchange(READ).answered(FOUND) == Done(Thing(id="thing_1"))


def test_an_answer_without_a_body_is_none() -> None:
    assert exchange(DELETE).answered(Answer(204, httpx.Headers(), b"")) == Done(None)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "malformed_json", errors.Refused),
        (401, "unauthorized", errors.Unauthorized),
        (403, "forbidden", errors.Forbidden),
        (404, "charge_not_found", errors.NotFound),
        (409, "charge_not_pending", errors.Conflict),
        (422, "insufficient_funds", errors.Refused),
    ],
)
def test_a_refusal_is_final_and_says_all_that_the_api_said(
    status: int, code: str, kind: type[errors.Refused]
) -> None:
    with pytest.raises(errors.Refused) as raised:
        exchange(WRITE).answered(refusal(status, code, field="amount"))

    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, code, f"about {code}")
    assert (error.field, error.request_id) == ("amount", "req_1")
    assert (error.attempts, error.idempotency_key) == (1, "order-1")
    assert str(error) == f"{code} (amount): about {code} [req_1]"


def test_pauses_double_up_to_a_limit() -> None:
    call = exchange(READ, attempts_max=6, pause_seconds_max=1.0)

    assert [seconds(call.failed(LOST)) for _ in range(5)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    with pytest.raises(errors.Unavailable) as raised:
        call.failed(LOST)
    assert raised.value.attempts == 6


def test_jitter_takes_up_to_half_of_a_pause_and_adds_up_to_a_tenth_to_retry_after() -> None:
    retries = Retries(pause_seconds=1.0)

    assert [retries.pause(1, jitter, None) for jitter in (0.0, 1.0)] == [1.0, 0.5]
    assert [retries.pause(1, jitter, 20.0) for jitter in (0.0, 1.0)] == [20.0, 22.0]


@pytest.mark.parametrize(("said", "wait"), [("7", 7.0), ("-7", 0.0), ("nan", 0.25), ("soon", 0.25)])
def test_retry_after_is_respected_where_it_makes_sense(said: str, wait: float) -> None:
    limited = refusal(429, "rate_limited", {"retry-after": said})

    assert seconds(exchange(READ).answered(limited)) == wait


def test_retry_after_may_be_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    limited = refusal(429, "rate_limited", {"Retry-After": at})

    assert 25 < seconds(exchange(READ).answered(limited)) <= 30


def test_a_pause_that_would_end_after_the_patience_is_not_begun() -> None:
    clock = Clock()
    call = exchange(READ, clock, patience_seconds=10.0)
    limited = refusal(429, "rate_limited", {"Retry-After": "6"})

    assert seconds(call.answered(limited)) == 6.0
    clock.now += 6.0
    with pytest.raises(errors.RateLimited) as raised:
        call.answered(limited)
    assert (raised.value.retry_after, raised.value.attempts) == (6.0, 2)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_that_a_proxy_could_not_bring_is_repeated(status: int) -> None:
    page = Answer(status, httpx.Headers({"X-Request-Id": "req_2"}), b"<html>sorry</html>")
    call = exchange(READ, attempts_max=2)

    assert seconds(call.answered(page)) == 0.25
    with pytest.raises(errors.Unavailable) as raised:
        call.answered(page)
    assert (raised.value.code, raised.value.request_id) == (f"http_{status}", "req_2")


def test_what_broke_on_their_side_is_not_repeated() -> None:
    with pytest.raises(errors.Unavailable):
        exchange(READ).answered(refusal(500, "internal_error"))


def test_a_write_of_which_the_platform_says_nothing_was_done_is_unavailable() -> None:
    call = exchange(WRITE, attempts_max=2)

    seconds(call.answered(refusal(503, "unavailable")))
    with pytest.raises(errors.Unavailable):
        call.answered(refusal(503, "unavailable"))


def test_a_write_that_never_left_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable) as raised:
        exchange(WRITE, attempts_max=1).failed(NEVER_SENT)
    assert raised.value.code == "connection_failed"
    assert raised.value.__cause__ is NEVER_SENT


@pytest.mark.parametrize("request_", [WRITE, CHANGE, DELETE], ids=lambda one: one.method)
def test_a_write_without_an_answer_is_unknown_and_a_read_is_not(request_: Request[Any]) -> None:
    with pytest.raises(errors.Unknown) as raised:
        exchange(request_, attempts_max=1).failed(LOST)
    assert raised.value.code == "timed_out"
    assert raised.value.idempotency_key == request_.idempotency_key

    with pytest.raises(errors.Unavailable):
        exchange(READ, attempts_max=1).failed(LOST)


@pytest.mark.parametrize(
    "last",
    [
        refusal(401, "unauthorized"),
        refusal(403, "forbidden"),
        refusal(429, "rate_limited"),
        refusal(503, "unavailable"),
        refusal(500, "internal_error"),
        refusal(409, "idempotency_in_progress"),
        Answer(404, httpx.Headers(), b"<html>no such page</html>"),
        NEVER_SENT,
    ],
    ids=repr,
)
def test_a_doubt_is_not_ended_by_an_answer_that_is_not_about_the_request(
    last: Answer | httpx.RequestError,
) -> None:
    call = exchange(WRITE, attempts_max=2)
    call.failed(LOST)

    with pytest.raises(errors.Unknown) as raised:
        call.answered(last) if isinstance(last, Answer) else call.failed(last)
    assert raised.value.idempotency_key == "order-1"
    assert raised.value.attempts == 2


def test_a_doubt_is_ended_by_the_replay_and_by_a_refusal_of_the_request_itself() -> None:
    call = exchange(WRITE)
    call.failed(LOST)
    assert call.answered(FOUND) == Done(Thing(id="thing_1"))

    call = exchange(WRITE)
    call.failed(LOST)
    with pytest.raises(errors.Refused):
        call.answered(refusal(422, "insufficient_funds"))


@pytest.mark.parametrize(
    "first", [refusal(503, "outcome_unknown"), refusal(409, "idempotency_in_progress")]
)
def test_an_unknown_outcome_and_a_first_attempt_still_at_work_are_asked_again_under_the_same_key(
    first: Answer,
) -> None:
    call = exchange(WRITE)

    assert seconds(call.answered(first)) == 0.25
    assert call.answered(FOUND) == Done(Thing(id="thing_1"))


def test_what_a_lost_attempt_deleted_is_deleted() -> None:
    call = exchange(DELETE)
    call.failed(LOST)
    assert call.answered(refusal(404, "webhook_not_found")) == Done(None)

    with pytest.raises(errors.NotFound):
        exchange(DELETE).answered(refusal(404, "webhook_not_found"))


def test_a_success_that_cannot_be_read_is_unknown_for_a_write_and_unavailable_for_a_read() -> None:
    portal = Answer(200, httpx.Headers(), b"<html>log in first</html>")

    with pytest.raises(errors.Unknown) as raised:
        exchange(WRITE).answered(portal)
    assert raised.value.code == "answer_unreadable"
    with pytest.raises(errors.Unavailable):
        exchange(READ).answered(portal)


def test_every_post_has_a_key_and_one_that_is_none_is_refused_before_it_is_sent() -> None:
    made = [post("/things", data(Thing)).idempotency_key for _ in range(2)]

    assert None not in made
    assert made[0] != made[1]
    for wrong in ("", "olá", "a b", "x" * 256):
        with pytest.raises(ValueError, match="1 to 255 visible ASCII"):
            post("/things", data(Thing), key=wrong)


def test_one_attempt_is_the_least() -> None:
    with pytest.raises(ValueError, match="first attempt"):
        Retries(attempts_max=0)
