"""What orchestrators and Prometheus see."""

import trio
from prometheus_client.parser import text_string_to_metric_families

from fluxiq.errors import Unavailable
from tests.support.api_twin import World, bearer


async def alive() -> None:
    await trio.lowlevel.checkpoint()


async def dead() -> None:
    raise Unavailable("nats", "no route to secret-host")


async def test_a_process_that_answers_is_alive() -> None:
    response = await World().app().test_client().get("/livez")
    assert (response.status_code, await response.get_json()) == (200, {"status": "alive"})


async def test_ready_is_when_every_service_answers() -> None:
    world = World()
    world.pings = {"redis": alive, "postgres": alive}
    response = await world.app().test_client().get("/readyz")
    body = await response.get_json()
    assert (response.status_code, body["status"]) == (200, "ready")
    assert {name: one["status"] for name, one in body["services"].items()} == {
        "postgres": "up",
        "redis": "up",
    }


async def test_one_service_down_is_unready_and_named() -> None:
    world = World()
    world.pings = {"nats": dead, "postgres": alive}
    response = await world.app().test_client().get("/readyz")
    body = await response.get_json()
    assert (response.status_code, body["status"]) == (503, "unready")
    assert body["services"]["nats"]["status"] == "down"
    assert body["services"]["postgres"]["status"] == "up"
    assert "secret-host" not in str(body)


async def test_services_are_asked_at_once_and_given_one_second(autojump_clock: object) -> None:
    del autojump_clock
    world = World()
    world.pings = dict.fromkeys(("nats", "postgres", "redis"), trio.sleep_forever)
    started = trio.current_time()
    response = await world.app().test_client().get("/readyz")
    assert response.status_code == 503
    assert trio.current_time() - started == 1.0


async def test_requests_are_counted_by_the_template_of_their_path() -> None:
    world = World()
    client = world.app().test_client()
    headers = bearer(world.key("*"))
    for _ in range(2):
        await client.get("/api/v1/accounts/acc_1", headers=headers)
    await client.get("/nothing/here")
    await client.open("/livez", method="BREW")

    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families((await response.get_data()).decode())
    counted = {
        (sample.labels["method"], sample.labels["path"], sample.labels["status"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "fluxiq_http_requests_total"
    }
    assert counted["GET", "/api/v1/accounts/{account_id}", "404"] == 2
    assert counted["GET", "unmatched", "404"] == 1
    assert counted["unmatched", "unmatched", "405"] == 1
