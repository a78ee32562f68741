"""Live updates, replays and limits on a whole platform, as a merchant meets them."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from tests.support.merchants import Caller, open_caller
from tests.support.platform import PlatformProcess

ISPB = "12345678"
RECIPIENT = {"pix_key": "confirmed@simulator.example"}
SECONDS_MAX = 30.0


@asynccontextmanager
async def funded(platform: PlatformProcess) -> AsyncIterator[Caller]:
    """A merchant with at least R$ 100.00."""
    api, login = platform.addresses.api, platform.logins[ISPB]
    async with open_caller(api, login) as caller, window(platform, "") as socket:
        charge = await caller.made("/pix/charges", {"amount": 100_00})
        await caller.http.post(
            f"{platform.addresses.simulator}/pay",
            json={"ispb": ISPB, "br_code": charge["qr_code"]},
        )
        await heard(socket, "event", lambda said: said["event"]["type"] == "pix.charge.paid")
        yield caller


@asynccontextmanager
async def window(platform: PlatformProcess, query: str) -> AsyncIterator[WebSocketConnection]:
    url = f"{platform.addresses.api.replace('http', 'ws', 1)}/api/v1/ws{query}"
    key = f"Bearer {platform.logins[ISPB].api_key}".encode()
    async with open_websocket_url(url, extra_headers=[(b"Authorization", key)]) as socket:
        yield socket


async def heard(socket: WebSocketConnection, kind: str, wanted: Any = lambda _: True) -> Any:
    """The next message of this kind that is wanted."""
    with trio.fail_after(SECONDS_MAX):
        while True:
            said = json.loads(await socket.get_message())
            if said["type"] == kind and wanted(said):
                return said


async def test_fifty_equal_requests_at_once_make_one_payment(
    running_platform: PlatformProcess,
) -> None:
    answers: list[httpx.Response] = []
    body = {"amount": 1_00, "recipient": RECIPIENT, "idempotency_key": "live-fifty"}
    async with funded(running_platform) as caller:
        before = sum(await caller.balance())

        async def ask() -> None:
            answers.append(await caller.post("/pix/payouts", body))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)

        accepted = [one for one in answers if one.status_code == 202]
        fresh = [one for one in accepted if "Idempotency-Replayed" not in one.headers]
        assert len(fresh) == 1
        assert {one.content for one in accepted} == {fresh[0].content}
        refused = Counter(
            (one.status_code, one.json()["error"]["code"])
            for one in answers
            if one.status_code != 202
        )
        assert set(refused) <= {(409, "idempotency_in_progress")}

        # Now it is answered, and every further one is the same bytes; another body is refused.
        again = await caller.post("/pix/payouts", body)
        assert (again.status_code, again.content) == (202, fresh[0].content)
        assert again.headers["Idempotency-Replayed"] == "true"
        other = await caller.post("/pix/payouts", {**body, "amount": 2_00})
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")

        with trio.fail_after(SECONDS_MAX):
            while sum(await caller.balance()) != before - 1_00:  # noqa: ASYNC110  over HTTP
                await trio.sleep(0.1)


async def test_a_client_that_was_away_gets_exactly_what_it_missed(
    running_platform: PlatformProcess,
) -> None:
    async with funded(running_platform) as caller:
        async with window(running_platform, "") as socket:
            last = (await heard(socket, "ready"))["sequence"]
        missed = [(await caller.made("/pix/charges", {"amount": 1_00}))["id"] for _ in range(5)]

        def about(said: Any) -> bool:
            return said["event"]["data"]["id"] in {*missed, live}

        live = ""
        async with window(running_platform, f"?since={last}") as socket:
            told = [await heard(socket, "event", about) for _ in missed]
            live = (await caller.made("/pix/charges", {"amount": 1_00}))["id"]
            told.append(await heard(socket, "event", about))
    assert [one["event"]["data"]["id"] for one in told] == [*missed, live]
    assert told[0]["sequence"] > last
    numbers = [one["sequence"] for one in told]
    assert numbers == sorted(set(numbers))


async def test_a_balance_is_pushed_as_it_is_once_money_has_moved(
    running_platform: PlatformProcess,
) -> None:
    async with (
        funded(running_platform) as caller,
        window(running_platform, "?topics=balances") as socket,
    ):
        await heard(socket, "ready")
        before, _ = await caller.balance()
        order = {"amount": 3_00, "recipient": RECIPIENT, "idempotency_key": "live-balance"}
        assert (await caller.post("/pix/payouts", order)).status_code == 202
        # The funding's own push may still be under way: it has nothing pending either.
        await heard(socket, "balance", lambda said: whole(said) == (before - 3_00, 0))
        assert await caller.balance() == (before - 3_00, 0)


def whole(said: dict[str, Any]) -> tuple[int, int]:
    return said["balance"]["available"], said["balance"]["pending"]


async def test_the_state_of_the_provider_link_can_be_asked_for(
    running_platform: PlatformProcess,
) -> None:
    async with funded(running_platform) as caller:
        answer = await caller.http.get("/providers/status")
    [link] = answer.json()["data"]["providers"]
    assert (link["name"], link["breaker"]) == ("simulator", "closed")
