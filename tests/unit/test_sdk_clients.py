"""Both clients on a wire: the same requests, the same results, on trio and on asyncio."""

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import anyio
import httpx
import pytest

from fluxiq.sdk import (
    AsyncFluxiQ,
    FluxiQ,
    PayoutOrder,
    RateLimited,
    Retries,
    Unavailable,
    Unknown,
)

KEY = "sk_live_12345678secret"
SWIFT = Retries(pause_seconds=0.001)
MERCHANT = {
    "id": "mch_1",
    "name": "Padaria",
    "document": "00038166000105",
    "city": "Recife",
    "created_at": "2026-11-22T12:00:00Z",
}

Script = Callable[[httpx.Request], httpx.Response]


class Wire:
    """Answers in turn what it was given, an exception by raising it; keeps what was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.sent: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> set[str | None]:
        return {request.headers.get("Idempotency-Key") for request in self.sent}


def merchant() -> httpx.Response:
    return httpx.Response(200, json={"data": MERCHANT})


def page(number: int, of: int, *ids: str) -> httpx.Response:
    meta = {"page": number, "per_page": 2, "total": 2 * of, "total_pages": of}
    return httpx.Response(200, json={"data": [MERCHANT | {"id": one} for one in ids], "meta": meta})


def sync_client(script: Script, retries: Retries = SWIFT) -> FluxiQ:
    transport = httpx.MockTransport(script)
    return FluxiQ(KEY, "https://pix.example/", retries=retries, transport=transport)


def async_client(script: Script, retries: Retries = SWIFT) -> AsyncFluxiQ:
    transport = httpx.MockTransport(script)
    return AsyncFluxiQ(KEY, "https://pix.example/", retries=retries, transport=transport)


def awaited(backend: str, ask: Callable[[AsyncFluxiQ], Any], script: Script) -> Any:
    """What `ask` gives on an event loop of its own, from a thread without one."""

    async def run() -> Any:
        async with async_client(script) as api:
            return await ask(api)

    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(anyio.run(run, backend=backend)))
    thread.start()
    thread.join(20)
    [result] = results
    return result


def test_a_call_carries_the_key_its_body_and_its_own_idempotency_key() -> None:
    wire = Wire(httpx.Response(409, json={"error": {"code": "account_changed", "message": ""}}))
    with sync_client(wire) as api, pytest.raises(Exception, match="account_changed"):
        api.accounts.create(name="Reserve", metadata={"shop": 7}, idempotency_key="order-1")

    [request] = wire.sent
    assert (request.method, str(request.url)) == ("POST", "https://pix.example/api/v1/accounts")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == "order-1"
    assert request.headers["User-Agent"].startswith("fluxiq-python/")
    assert json.loads(request.content) == {"name": "Reserve", "metadata": {"shop": 7}}


def test_words_in_paths_and_queries_are_escaped() -> None:
    wire = Wire(*[httpx.Response(404, json={}) for _ in range(2)])
    with sync_client(wire) as api:
        with pytest.raises(Exception, match="http_404"):
            api.directory.get("+5511/..?#")
        with pytest.raises(Exception, match="http_404"):
            api.charges.list(txid="a&b=c").page()

    assert wire.sent[0].url.raw_path == b"/api/v1/pix/dict/%2B5511%2F..%3F%23"
    assert dict(wire.sent[1].url.params) == {"page": "1", "per_page": "100", "txid": "a&b=c"}


@pytest.mark.parametrize("word", ["", ".", ".."])
def test_a_word_that_would_be_another_path_is_refused_before_it_is_sent(word: str) -> None:
    wire = Wire()
    with sync_client(wire) as api, pytest.raises(ValueError, match="names nothing"):
        api.webhooks.delete(word)
    assert wire.sent == []


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_lost_answer_is_asked_for_under_the_same_key_by_either_client(backend: str) -> None:
    def losing() -> Wire:
        sent = httpx.Response(202, json={"data": {"event_id": "evt_1", "delivery_id": "dlv_1"}})
        return Wire(httpx.ReadTimeout("nothing came"), httpx.Response(503), sent)

    waiting = losing()
    with sync_client(waiting) as api:
        assert api.webhooks.test("whk_1").event_id == "evt_1"

    awaiting = losing()
    result = awaited(backend, lambda api: api.webhooks.test("whk_1"), awaiting)
    assert result.event_id == "evt_1"

    for wire in (waiting, awaiting):
        assert len(wire.sent) == 3
        assert len(wire.keys) == 1
        assert None not in wire.keys
    assert waiting.keys != awaiting.keys


def test_the_lines_of_a_batch_keep_their_keys_when_it_is_sent_again() -> None:
    done = {"data": [], "meta": {"accepted": 0, "refused": 0, "unknown": 0}}
    wire = Wire(httpx.ReadError("cut"), httpx.Response(200, json=done))
    orders = [
        PayoutOrder(amount=1, pix_key="a@example.com", idempotency_key="mine"),
        PayoutOrder(amount=2, pix_key="b@example.com", pix_key_type="EMAIL"),
    ]
    with sync_client(wire) as api:
        api.payouts.create_many(orders, account_id="acc_1")

    first, second = (json.loads(request.content) for request in wire.sent)
    assert first == second
    assert first["account_id"] == "acc_1"
    assert first["payouts"][0] == {
        "amount": 1,
        "recipient": {"pix_key": "a@example.com"},
        "idempotency_key": "mine",
    }
    assert first["payouts"][1]["idempotency_key"].startswith("sdk-")


def test_a_list_is_read_page_after_page_and_what_new_records_pushed_along_comes_once() -> None:
    wire = Wire(page(1, 3, "c", "b"), page(2, 3, "b", "a"), page(3, 3, "z"))
    with sync_client(wire) as api:
        merchants = api.merchants.list()
        assert wire.sent == []
        assert [one.id for one in merchants] == ["c", "b", "a", "z"]
    assert [request.url.params["page"] for request in wire.sent] == ["1", "2", "3"]


def test_nothing_more_is_asked_than_somebody_looks_at() -> None:
    wire = Wire(page(1, 3, "c", "b"))
    with sync_client(wire) as api:
        assert next(iter(api.merchants.list())).id == "c"
    assert len(wire.sent) == 1


def test_an_empty_list_is_one_question() -> None:
    wire = Wire(page(1, 0), page(1, 0))
    with sync_client(wire) as api:
        assert list(api.merchants.list()) == []
        assert api.merchants.list().page().meta.total == 0
    assert len(wire.sent) == 2


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_list_is_awaited_page_after_page(backend: str) -> None:
    wire = Wire(page(1, 2, "c", "b"), page(2, 2, "b", "a"))

    async def ask(api: AsyncFluxiQ) -> list[str]:
        return [one.id async for one in api.merchants.list()]

    assert awaited(backend, ask, wire) == ["c", "b", "a"]


async def test_a_loop_that_is_left_early_leaves_nothing_behind() -> None:
    """Warnings are errors here, and trio warns of an asynchronous generator that was left."""
    wire = Wire(page(1, 3, "c", "b"))
    async with async_client(wire) as api:
        async for one in api.merchants.list():
            assert one.id == "c"
            break
    gc.collect()
    assert len(wire.sent) == 1


def test_a_page_can_be_asked_for_alone() -> None:
    wire = Wire(page(3, 7, "z"))
    with sync_client(wire) as api:
        third = api.merchants.list().page(3)
    assert ([one.id for one in third.data], third.meta.total_pages) == (["z"], 7)
    assert wire.sent[0].url.params["page"] == "3"


def test_an_allowance_that_is_used_up_for_long_is_told_at_once() -> None:
    wire = Wire(httpx.Response(429, headers={"Retry-After": "61"}, json={}))
    began = time.monotonic()
    with sync_client(wire) as api, pytest.raises(RateLimited) as raised:
        api.merchants.get("mch_1")
    assert raised.value.retry_after == 61
    assert time.monotonic() - began < 5


class Dribble(BaseHTTPRequestHandler):
    """Never silent for long, and never done."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                time.sleep(0.02)
        except OSError:
            return  # the client has had enough

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def dribbling() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Dribble)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


async def test_an_answer_that_dribbles_is_given_up_in_time_by_both(dribbling: str) -> None:
    once = Retries(attempts_max=1)
    began = time.monotonic()
    with (
        FluxiQ(
            KEY,
            dribbling,
            timeout_seconds=0.3,
            retries=once,
            transport=httpx.HTTPTransport(),
        ) as api,
        pytest.raises(Unavailable) as late,
    ):
        api.merchants.get("mch_1")
    assert late.value.code == "timed_out"

    async with AsyncFluxiQ(
        KEY,
        dribbling,
        timeout_seconds=0.3,
        retries=once,
        transport=httpx.AsyncHTTPTransport(),
    ) as patient:
        with pytest.raises(Unknown):
            await patient.webhooks.test("whk_1")
    assert time.monotonic() - began < 10


def test_nobody_there_is_unavailable_after_every_attempt() -> None:
    api = FluxiQ(KEY, "http://127.0.0.1:9", retries=SWIFT, transport=httpx.HTTPTransport())
    with api, pytest.raises(Unavailable) as raised:
        api.webhooks.test("whk_1")
    assert (raised.value.code, raised.value.attempts) == ("connection_failed", 5)


@pytest.mark.parametrize("wrong", ["", "sk_live_1\n", "sk_live_\N{NO-BREAK SPACE}"])
def test_a_key_with_a_line_break_is_refused_at_once_and_not_repeated(wrong: str) -> None:
    with pytest.raises(ValueError, match="line break") as raised:
        FluxiQ(wrong)
    assert "sk_live" not in str(raised.value)


@pytest.mark.parametrize("wrong", ["", "pix.example", "ftp://pix.example", "https://"])
def test_a_url_that_is_none_is_refused_at_once(wrong: str) -> None:
    with pytest.raises(ValueError, match="not the URL of an API"):
        AsyncFluxiQ(KEY, wrong)


def test_a_client_does_not_show_its_key() -> None:
    with sync_client(Wire()) as api:
        assert repr(api) == "FluxiQ('https://pix.example')"


def test_the_sdk_brings_nothing_of_the_product_along() -> None:
    """Nor trio: asyncio's people do not need it."""
    script = "import sys, fluxiq.sdk; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    ours = {name for name in loaded if name.split(".")[0] in {"fluxiq", "actors", "supervisors"}}
    assert {name for name in ours if not name.startswith("fluxiq.sdk")} == {"fluxiq"}
    assert {"trio", "quart", "structlog", "asyncpg"} & set(loaded) == set()
