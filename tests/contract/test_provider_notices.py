"""The Door for providers: signature over the raw bytes first, and only then anything is stored."""

import json
from datetime import datetime

import pytest
from werkzeug.datastructures import Headers

from fluxiq.api.v1.notices import notices_path
from fluxiq.ports import Callback
from tests.support.api_twin import ISPB, PROVIDER, TwinProvider, World, sign

PATH = notices_path(ISPB, PROVIDER)


def notice(event_id: str = "e1") -> bytes:
    one = {
        "event_id": event_id,
        "end_to_end_id": "E0000000020261122120000000000001",
        "amount": 100,
    }
    return json.dumps({"notices": [one]}).encode()


def test_the_path_names_institution_and_provider() -> None:
    assert PATH == "/api/v1/institutions/12345678/providers/simulator/notices"


async def test_a_signed_notice_is_on_paper_before_the_200() -> None:
    world = World()
    raw = notice()
    response = (
        await world.app()
        .test_client()
        .post(
            PATH, data=raw, headers={"X-Signature": sign(raw), "Content-Type": "application/json"}
        )
    )
    assert response.status_code == 200
    assert await response.get_json() == {"data": {"received": 1}}
    assert list(world.store.notices) == ["e1"]
    assert world.relay.rung


async def test_a_notice_said_twice_is_taken_once() -> None:
    world = World()
    client, raw = world.app().test_client(), notice()
    headers = {"X-Signature": sign(raw)}
    replies = [await client.post(PATH, data=raw, headers=headers) for _ in range(2)]
    assert [(await reply.get_json())["data"]["received"] for reply in replies] == [1, 0]
    assert [reply.status_code for reply in replies] == [200, 200]


async def test_a_wrong_signature_is_401_and_nothing_is_stored() -> None:
    world = World()
    response = (
        await world.app()
        .test_client()
        .post(PATH, data=notice(), headers={"X-Signature": sign(b"another body")})
    )
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (401, "signature_invalid")
    assert not world.store.notices
    assert not world.relay.rung


async def test_the_signature_is_judged_before_the_body_is_read() -> None:
    world = World()
    response = await world.app().test_client().post(PATH, data=b"{ not json")
    assert response.status_code == 401


async def test_an_institution_or_provider_that_is_not_here_is_not_found() -> None:
    client, raw = World().app().test_client(), notice()
    codes = []
    for path in (notices_path("87654321", PROVIDER), notices_path(ISPB, "nobody")):
        response = await client.post(path, data=raw, headers={"X-Signature": sign(raw)})
        assert response.status_code == 404
        codes.append((await response.get_json())["error"]["code"])
    assert codes == ["institution_not_found", "provider_not_found"]


async def test_a_stranger_uses_up_his_own_allowance() -> None:
    world = World(callbacks_per_minute=1)
    client = world.app().test_client()
    assert (await client.post(PATH, data=b"x")).status_code == 401
    assert (await client.post(PATH, data=b"x")).status_code == 429
    [bucket] = world.cache.used
    assert bucket.startswith(f"callback:{PROVIDER}:")


async def test_a_provider_judges_the_call_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Callback] = []

    def remember(self: TwinProvider, callback: Callback, now: datetime) -> None:
        seen.append(callback)

    monkeypatch.setattr(TwinProvider, "verify_callback", remember)
    headers = Headers([("X-Token", "one"), ("x-token", "two")])
    client, query = World().app().test_client(), "data.id=A%2F1&type=order"
    await client.post(f"{PATH}?{query}", data=notice(), headers=headers)

    [callback] = seen
    assert callback.body == notice()
    assert callback.query == query
    assert callback.remote
    # Of a header that is there twice no value is preferred: neither would pass alone.
    assert callback.headers["x-token"] == "one, two"
