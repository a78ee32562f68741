"""Rates, provider status and feature flags over HTTP: who reads, who writes, and without Redis."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import trio
from structlog.testing import capture_logs

from fluxiq.domain.live_data import ProviderStatus
from fluxiq.services.live_data import flag_is_on
from tests.support.api_twin import World, bearer

RATES, FLAGS, PROVIDERS = "/api/v1/rates", "/api/v1/flags", "/api/v1/providers/status"
OPERATOR = ("*", "live_data:write")
DOLLAR = {"rate": "5.4321", "source": "BCB PTAX"}


async def ask(
    world: World, method: str, path: str, body: Any = None, *, permissions: Any = OPERATOR
) -> tuple[int, Any]:
    client, headers = world.app().test_client(), bearer(world.key(*permissions))
    answer = await client.open(path, method=method, json=body, headers=headers)
    return answer.status_code, await answer.get_json()


async def data_of(world: World, path: str) -> Any:
    status, body = await ask(world, "GET", path)
    assert status == 200, body
    return body["data"]


async def test_a_rate_is_put_and_read_as_the_same_text() -> None:
    world = World()
    status, body = await ask(world, "PUT", f"{RATES}/USD-BRL", DOLLAR)
    assert status == 200
    put = {"pair": "USD-BRL", **DOLLAR, "updated_at": "2026-11-22T12:00:00Z"}
    assert body["data"] == put
    known = {"as_of": "2026-11-22T12:00:00Z", "stale": False}
    assert await data_of(world, f"{RATES}/USD-BRL") == {**put, **known}
    assert await data_of(world, RATES) == {"rates": [put], **known}


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("/USD-BRL", {**DOLLAR, "rate": 5.4321}, "validation_failed", "rate"),
        ("/USD-BRL", {**DOLLAR, "rate": "1e3"}, "invalid_rate", "rate"),
        ("/USD-USD", DOLLAR, "invalid_currency_pair", "pair"),
        ("/USD-BRL", {"rate": "5"}, "validation_failed", "source"),
        ("/USD-BRL", {**DOLLAR, "sauce": "x"}, "validation_failed", "sauce"),
    ],
)
async def test_a_rate_that_is_none_is_refused_by_name(
    path: str, body: Any, code: str, field: str
) -> None:
    status, answer = await ask(World(), "PUT", RATES + path, body)
    assert (status, answer["error"]["code"]) == (422, code)
    assert answer["error"]["details"]["field"] == field


async def test_a_pair_that_nobody_put_is_not_found() -> None:
    status, answer = await ask(World(), "GET", f"{RATES}/USD-BRL")
    assert (status, answer["error"]["code"]) == (404, "rate_not_found")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"enabled": True}, ("boolean", True, 100)),
        ({"enabled": False}, ("boolean", False, 0)),
        ({"percentage": 25}, ("percentage", True, 25)),
        ({"percentage": 0}, ("percentage", False, 0)),
    ],
)
async def test_a_flag_is_for_everybody_nobody_or_a_share(said: Any, wanted: Any) -> None:
    world = World()
    status, body = await ask(world, "PUT", f"{FLAGS}/pix.scheduled", said)
    assert status == 200
    flag = body["data"]
    assert (flag["kind"], flag["enabled"], flag["percentage"]) == wanted
    assert (await data_of(world, FLAGS))["flags"] == [flag]
    subjects = [f"acc_{number}" for number in range(400)]
    on = [await flag_is_on(world.tenant, "pix.scheduled", one) for one in subjects]
    assert abs(sum(on) - 4 * flag["percentage"]) < 40


@pytest.mark.parametrize(
    "said", [{}, {"enabled": True, "percentage": 5}, {"percentage": 101}, {"percentage": 2.5}]
)
async def test_a_flag_that_says_nothing_or_too_much_is_refused(said: Any) -> None:
    status, answer = await ask(World(), "PUT", f"{FLAGS}/pix.scheduled", said)
    assert (status, answer["error"]["code"]) == (422, "validation_failed")


async def test_a_flag_that_nobody_put_is_off() -> None:
    assert not await flag_is_on(World().tenant, "pix.scheduled", "acc_1")


@pytest.mark.parametrize("permissions", [("*",), ("live_data:read",), ("pix:*",)])
@pytest.mark.parametrize(("path", "body"), [("/USD-BRL", DOLLAR), ("/x", {"enabled": True})])
async def test_an_owner_of_one_merchant_does_not_write_for_all_of_them(
    permissions: tuple[str, ...], path: str, body: Any
) -> None:
    world = World()
    resource = RATES if body is DOLLAR else FLAGS
    status, answer = await ask(world, "PUT", resource + path, body, permissions=permissions)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert answer["error"]["details"] == {"permission": "live_data:write"}
    assert not world.tables.tables


@pytest.mark.parametrize("granted", ["live_data:write", "live_data:*"])
async def test_nor_gives_itself_a_key_that_may(granted: str) -> None:
    world = World()
    path = f"/api/v1/merchants/{world.merchant_id}/api-keys"
    asked = {"name": "sneaky", "permissions": [granted]}
    status, answer = await ask(world, "POST", path, asked, permissions=("*",))
    assert (status, answer["error"]["code"]) == (403, "forbidden")


async def test_every_change_is_on_the_audit_trail_and_told() -> None:
    world = World()
    await ask(world, "PUT", f"{RATES}/USD-BRL", DOLLAR)
    await ask(world, "PUT", f"{FLAGS}/pix.scheduled", {"enabled": True})
    assert [(action, subject) for _, action, subject in world.audit.lines] == [
        ("live_data.rate_put", "USD-BRL"),
        ("live_data.flag_put", "pix.scheduled"),
    ]
    assert all(actor.startswith("key_") for actor, _, _ in world.audit.lines)
    told = [(kind, msgspec.json.decode(value)) for kind, value in world.notices.told]
    assert [kind for kind, _ in told] == ["rate", "flag"]
    assert told[0][1]["rate"] == "5.4321"


async def test_a_change_whose_notice_is_lost_is_a_change_all_the_same() -> None:
    world = World()
    world.notices.away = True
    assert (await ask(world, "PUT", f"{RATES}/USD-BRL", DOLLAR))[0] == 200
    assert len((await data_of(world, RATES))["rates"]) == 1


async def test_reads_come_from_a_copy_that_is_at_most_a_second_old(autojump_clock: object) -> None:
    del autojump_clock
    world = World()
    for _ in range(5):
        await data_of(world, FLAGS)
    assert world.tables.reads == 1
    await trio.sleep(1)
    await data_of(world, FLAGS)
    assert world.tables.reads == 2


async def test_without_redis_the_last_known_is_told_with_its_age(autojump_clock: object) -> None:
    del autojump_clock
    world = World()
    await ask(world, "PUT", f"{RATES}/USD-BRL", DOLLAR)
    before = await data_of(world, RATES)
    await trio.sleep(2)
    world.tables.away = True
    with capture_logs() as logs:
        for _ in range(3):
            assert await data_of(world, RATES) == {**before, "stale": True}
    assert [one["event"] for one in logs if "live" in one["event"]] == ["live_data_stale"]
    world.tables.away = False
    await trio.sleep(1)
    assert not (await data_of(world, RATES))["stale"]


async def test_without_redis_and_without_anything_known_it_is_unavailable() -> None:
    world = World()
    world.tables.away = True
    for path in (RATES, FLAGS, PROVIDERS):
        status, answer = await ask(world, "GET", path)
        assert (status, answer["error"]["code"]) == (503, "unavailable")
    status, _ = await ask(world, "PUT", f"{RATES}/USD-BRL", DOLLAR)
    assert status == 503
    assert not world.audit.lines


async def test_a_value_that_somebody_spoilt_hides_no_other() -> None:
    world = World()
    await ask(world, "PUT", f"{RATES}/USD-BRL", DOLLAR)
    world.tables.tables["live:rates"]["EUR-BRL"] = b'{"pair": 5}'
    with capture_logs() as logs:
        assert [one["pair"] for one in (await data_of(world, RATES))["rates"]] == ["USD-BRL"]
    assert "live_data_unreadable" in [one["event"] for one in logs]


async def test_provider_links_are_told_with_their_breakers() -> None:
    world = World()
    now = datetime(2026, 11, 22, 11, 59, tzinfo=UTC)
    status = ProviderStatus(
        name="simulator",
        breaker="open",
        failures=5,
        last_answer_at=now,
        last_failure_at=None,
        seen_at=now,
    )
    await world.tenant.live_data.put_provider(status, tell=True)
    [shown] = (await data_of(world, PROVIDERS))["providers"]
    assert shown == {
        "name": "simulator",
        "breaker": "open",
        "failures": 5,
        "last_answer_at": "2026-11-22T11:59:00Z",
        "last_failure_at": None,
        "seen_at": "2026-11-22T11:59:00Z",
    }
    assert [kind for kind, _ in world.notices.told] == ["provider"]


async def test_providers_say_whether_money_is_real() -> None:
    world = World()
    assert (await data_of(world, PROVIDERS))["test_mode"] is True
    links = world.tenant.institution.providers
    one_real = (*links, msgspec.structs.replace(links[0], name="bank", kind="bacen_psp"))
    institution = msgspec.structs.replace(world.tenant.institution, providers=one_real)
    world.tenant = replace(world.tenant, institution=institution)
    world.tenants.known[world.tenant.ispb] = world.tenant
    assert (await data_of(world, PROVIDERS))["test_mode"] is False
