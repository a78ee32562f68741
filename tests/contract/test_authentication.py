"""API keys, permissions and rates: who may pass, and what everybody else is told."""

import dataclasses

import msgspec
import pytest
import trio
from structlog.testing import capture_logs

from fluxiq import settings as config
from fluxiq.api.app import CONTRACTS
from fluxiq.api.contract import PUBLIC, Rate
from tests.support.api_twin import ISPB, World, bearer

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


async def test_only_logging_in_health_descriptions_and_signed_notices_are_public() -> None:
    contracts = World().app().extensions[CONTRACTS]
    assert {one.name for one in contracts if one.permission == PUBLIC} == {
        "livez",
        "readyz",
        "show_metrics",
        "show_openapi",
        "show_docs",
        "show_docs_style",
        "show_docs_script",
        "receive_notices",
        "log_in",
        "refresh_session",
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


async def test_all_keys_of_an_address_share_its_allowance() -> None:
    world = World(reads_per_minute=5, address_reads_per_minute=6)
    client = world.app().test_client()
    answers = [
        await client.get(ACCOUNTS, headers=headers)
        for headers in (bearer(world.key("*")), bearer(world.key("*")))
        for _ in range(4)
    ]
    assert [one.status_code for one in answers] == [200] * 6 + [429] * 2
    # The headers tell of the one of which less is left.
    assert [one.headers["X-RateLimit-Limit"] for one in answers] == ["5"] * 4 + ["6"] * 4
    assert [one.headers["X-RateLimit-Remaining"] for one in answers[3:6]] == ["1", "1", "0"]


async def test_an_address_has_no_more_keys_to_hide_behind_and_a_key_no_more_addresses() -> None:
    """Behind a proxy of ours the client is whom it names; who is no proxy of ours names nobody."""
    world = World(
        http={"trusted_proxies": ("127.0.0.0/8",)}, reads_per_minute=3, address_reads_per_minute=2
    )
    client = world.app().test_client()

    async def ask(key: str, claimed: str, connected: str = "127.0.0.1") -> int:
        response = await client.get(
            ACCOUNTS,
            headers=bearer(key, **{"X-Forwarded-For": claimed}),
            scope_base={"client": (connected, 4000)},
        )
        return response.status_code

    one, other = world.key("*"), world.key("*")
    assert [await ask(one, "203.0.113.7"), await ask(other, "1.2.3.4, 203.0.113.7")] == [200, 200]
    assert await ask(other, "198.51.100.1, 203.0.113.7") == 429
    assert [await ask(one, "203.0.113.8"), await ask(one, "203.0.113.8")] == [200, 200]
    assert await ask(one, "203.0.113.9") == 429  # the key's own
    assert await ask(other, "203.0.113.10", "192.0.2.1") == 200
    assert await ask(other, "203.0.113.11", "192.0.2.1") == 200
    assert await ask(world.key("*"), "203.0.113.12", "192.0.2.1") == 429


async def test_an_institution_may_have_limits_of_its_own() -> None:
    world = World(reads_per_minute=5)
    world.tenants.known[ISPB] = dataclasses.replace(
        world.tenant,
        institution=msgspec.structs.replace(
            world.tenant.institution, limits=config.OwnLimits(reads_per_minute=1)
        ),
    )
    client, headers = world.app().test_client(), bearer(world.key("*"))
    statuses = [(await client.get(ACCOUNTS, headers=headers)).status_code for _ in range(2)]
    assert statuses == [200, 429]


async def test_without_redis_each_process_counts_says_so_and_logs_it_once() -> None:
    world = World(reads_per_minute=3)
    world.cache.away = True
    client, headers = world.app().test_client(), bearer(world.key("*"))
    with capture_logs() as logs:
        responses = [await client.get(ACCOUNTS, headers=headers) for _ in range(5)]
    assert [response.status_code for response in responses] == [200] * 3 + [429] * 2
    assert [one.headers["X-RateLimit-Remaining"] for one in responses] == ["2", "1", "0", "0", "0"]
    assert {one.headers["X-RateLimit-Policy"] for one in responses} == {"local"}
    assert int(responses[-1].headers["Retry-After"]) > 0
    assert [one["event"] for one in logs if "rate_limits" in one["event"]] == ["rate_limits_local"]
    # A cache that is away is left alone for a moment, so that it does not slow everybody.
    assert world.cache.asked == 1
    assert local_gauge(world) == 1


async def test_limits_are_shared_again_when_redis_is_back(autojump_clock: object) -> None:
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
    assert "X-RateLimit-Policy" not in response.headers
    assert [one["event"] for one in logs if "rate_limits" in one["event"]] == [
        "rate_limits_local",
        "rate_limits_shared",
    ]
    assert local_gauge(world) == 0


def local_gauge(world: World) -> float | None:
    return world.metrics.registry.get_sample_value(
        "fluxiq_rate_limits_local", {"institution": ISPB}
    )


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
