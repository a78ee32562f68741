"""API keys, permissions and rates: who may pass, and what everybody else is told."""

import pytest
import trio
from structlog.testing import capture_logs

from fluxiq.api.app import CONTRACTS
from fluxiq.api.contract import PUBLIC, Rate
from tests.support.api_twin import World, bearer

ACCOUNTS = "/api/v1/accounts"


async def test_every_endpoint_names_its_permission_and_its_rate() -> None:
    contracts = World().app().extensions[CONTRACTS]
    assert len({(one.method, one.path) for one in contracts}) == len(contracts) > 10
    for one in contracts:
        assert one.permission == PUBLIC or one.permission.count(":") == 1, one.path
        assert isinstance(one.rate, Rate), one.path
        assert one.summary, one.path
        if one.permission != PUBLIC:
            assert one.rate is (Rate.READ if one.method == "GET" else Rate.WRITE), one.path


async def test_only_health_and_signed_notices_are_public() -> None:
    contracts = World().app().extensions[CONTRACTS]
    assert {one.name for one in contracts if one.permission == PUBLIC} == {
        "livez",
        "readyz",
        "show_metrics",
        "receive_notices",
    }


async def test_every_route_of_the_application_is_a_contract() -> None:
    app = World().app()
    rules = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert rules == {one.name for one in app.extensions[CONTRACTS]} | {"events_socket"}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer sk_live_1234567800000000000000000000000000000000",
        "Bearer sk_live_9999999900000000000000000000000000000000",
        "Bearer ' OR 1=1 --",
    ],
)
async def test_without_a_known_key_nobody_passes(authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await World().app().test_client().get(ACCOUNTS, headers=headers)
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_revoked_key_is_an_unknown_key() -> None:
    world = World()
    headers = bearer(world.key("*", revoked=True))
    response = await world.app().test_client().get(ACCOUNTS, headers=headers)
    assert response.status_code == 401


async def test_the_scheme_is_read_in_any_case() -> None:
    world = World()
    headers = {"Authorization": f"bearer {world.key('*')}"}
    response = await world.app().test_client().get(ACCOUNTS, headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        (["*"], 200),
        (["accounts:*"], 200),
        (["accounts:read"], 200),
        (["pix:*", "accounts:read"], 200),
        ([], 403),
        (["accounts:write"], 403),
        (["pix:*"], 403),
        (["account:*"], 403),
        (["accounts"], 403),
    ],
)
async def test_a_permission_is_an_action_on_a_resource(permissions: list[str], status: int) -> None:
    world = World()
    headers = bearer(world.key(*permissions))
    response = await world.app().test_client().get(ACCOUNTS, headers=headers)
    assert response.status_code == status


async def test_a_key_that_may_not_is_told_which_permission_it_lacks() -> None:
    world = World()
    response = await world.app().test_client().get(ACCOUNTS, headers=bearer(world.key("pix:*")))
    body = await response.get_json()
    assert body["error"]["code"] == "forbidden"
    assert body["error"]["details"] == {"permission": "accounts:read"}


async def test_an_institution_that_restarts_asks_for_patience() -> None:
    world = World()
    world.tenants.restarting.add("12345678")
    response = await world.app().test_client().get(ACCOUNTS, headers=bearer(world.key("*")))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "7"


async def test_every_answer_says_what_is_left_of_the_allowance() -> None:
    world = World(reads_per_minute=5)
    client, headers = world.app().test_client(), bearer(world.key("*"))
    response = await client.get(ACCOUNTS, headers=headers)
    assert response.headers["X-RateLimit-Limit"] == "5"
    assert response.headers["X-RateLimit-Remaining"] == "4"
    now = int(world.clock.now().timestamp())
    assert response.headers["X-RateLimit-Reset"] == str(now + 60)

    missing = await client.get(f"{ACCOUNTS}/acc_none", headers=headers)
    assert missing.status_code == 404
    assert missing.headers["X-RateLimit-Remaining"] == "3"


async def test_above_the_allowance_a_key_waits() -> None:
    world = World(reads_per_minute=2)
    client, headers = world.app().test_client(), bearer(world.key("*"))
    statuses = [(await client.get(ACCOUNTS, headers=headers)).status_code for _ in range(2)]
    refused = await client.get(ACCOUNTS, headers=headers)
    body = await refused.get_json()
    assert statuses == [200, 200]
    assert (refused.status_code, body["error"]["code"]) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["X-RateLimit-Remaining"] == "0"


async def test_reads_writes_and_keys_are_counted_apart() -> None:
    world = World(reads_per_minute=1, writes_per_minute=1)
    client = world.app().test_client()
    one, other = bearer(world.key("*")), bearer(world.key("*"))
    assert (await client.get(ACCOUNTS, headers=one)).status_code == 200
    wrote = await client.post("/api/v1/pix/charges", json={"amount": 1}, headers=one)
    assert wrote.status_code == 201
    assert (await client.get(ACCOUNTS, headers=other)).status_code == 200
    assert (await client.get(ACCOUNTS, headers=one)).status_code == 429


async def test_a_key_cannot_hammer_on_a_door_it_may_not_open() -> None:
    world = World(reads_per_minute=1)
    client, headers = world.app().test_client(), bearer(world.key("pix:*"))
    statuses = [(await client.get(ACCOUNTS, headers=headers)).status_code for _ in range(2)]
    assert statuses == [403, 429]


async def test_without_redis_everybody_passes_and_the_log_says_so_once() -> None:
    world = World(reads_per_minute=1)
    world.cache.away = True
    client, headers = world.app().test_client(), bearer(world.key("*"))
    with capture_logs() as logs:
        responses = [await client.get(ACCOUNTS, headers=headers) for _ in range(5)]
    assert [response.status_code for response in responses] == [200] * 5
    assert "X-RateLimit-Limit" not in responses[0].headers
    assert [one["event"] for one in logs if "rate_limits" in one["event"]] == ["rate_limits_lifted"]
    # A cache that is away is left alone for a moment, so that it does not slow everybody.
    assert world.cache.asked == 1


async def test_limits_return_with_redis(autojump_clock: object) -> None:

    del autojump_clock
    world = World()
    world.cache.away = True
    client, headers = world.app().test_client(), bearer(world.key("*"))
    with capture_logs() as logs:
        await client.get(ACCOUNTS, headers=headers)
        world.cache.away = False
        await trio.sleep(2)
        response = await client.get(ACCOUNTS, headers=headers)
    assert "X-RateLimit-Limit" in response.headers
    assert [one["event"] for one in logs if "rate_limits" in one["event"]] == [
        "rate_limits_lifted",
        "rate_limits_restored",
    ]


async def test_requests_that_saw_redis_return_together_were_a_500(autojump_clock: object) -> None:
    del autojump_clock
    world = World()
    world.cache.away = True
    client, headers = world.app().test_client(), bearer(world.key("*"))
    await client.get(ACCOUNTS, headers=headers)
    world.cache.away = False
    await trio.sleep(2)
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await client.get(ACCOUNTS, headers=headers)).status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)

    assert statuses == [200] * 5
