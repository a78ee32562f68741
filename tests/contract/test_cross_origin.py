"""Programs of our own pages may read answers; nobody else's page gets to see one."""

import pytest
from quart.typing import TestClientProtocol as Client

from tests.support.api_twin import World, bearer

OURS, THEIRS = "https://bank.example", "https://evil.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def world() -> World:
    return World(identity={"web_origins": (OURS,)})


def client(world: World) -> Client:
    return world.app().test_client()


async def test_a_preflight_of_our_page_is_answered(world: World) -> None:
    answer = await client(world).options("/api/v1/transfers", headers={"Origin": OURS, **ASKS})

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("origin", [THEIRS, "null", f"{OURS}.evil.example", OURS.upper()])
async def test_a_preflight_of_anybody_else_is_a_no(world: World, origin: str) -> None:
    answer = await client(world).options("/api/v1/transfers", headers={"Origin": origin, **ASKS})

    assert answer.status_code == 405
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/api/v1/accounts", 200), ("/nowhere", 404)])
async def test_our_page_reads_answers_and_refusals_with_their_headers(
    world: World, path: str, status: int
) -> None:
    headers = bearer(world.key("*"), Origin=OURS)
    answer = await client(world).get(path, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


async def test_another_page_is_told_nothing_that_would_let_it_read(world: World) -> None:
    headers = bearer(world.key("*"), Origin=THEIRS)
    answer = await client(world).get("/api/v1/accounts", headers=headers)

    assert [name for name, _ in answer.headers if name.startswith("Access-Control")] == []


async def test_a_cache_keeps_answers_of_two_pages_apart(world: World) -> None:
    answer = await client(world).get("/livez")
    assert "Origin" in answer.headers["Vary"]


async def test_without_origins_no_preflight_is_answered() -> None:
    answer = await World().app().test_client().options("/livez", headers={"Origin": OURS, **ASKS})
    assert answer.status_code == 405
