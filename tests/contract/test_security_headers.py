"""Every answer, whoever makes it, tells browsers and caches what they may not do with it."""

import pytest
import trio
from trio_websocket import open_websocket_url

from fluxiq.api.contract import Endpoint
from fluxiq.api.security_headers import ALWAYS, HSTS, STRICT_TRANSPORT_SECURITY
from tests.support.api_document import served
from tests.support.api_twin import World, bearer, serving
from tests.support.patience import PATIENCE_SECONDS

HTTPS = "https://pix.example"
OWN_WORDS = {"/docs", "/docs/docs.css", "/docs/docs.js", "/openapi.json"}


@pytest.mark.parametrize("endpoint", served(), ids=lambda one: f"{one.method} {one.path}")
async def test_every_endpoint_says_them_to_a_stranger(endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{ispb}", "12345678").replace("{", "").replace("}", "")
    answer = await World().app().test_client().open(path, method=endpoint.method, data=b"")

    said = {name: answer.headers.getlist(name) for name in ALWAYS}
    if endpoint.path in OWN_WORDS:
        assert said.pop("Cache-Control") == ["no-cache"]
        said.pop("Content-Security-Policy")  # test_docs_page.py
    assert said == {name: [ALWAYS[name]] for name in said}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/accounts", 200),
        ("/api/v1/accounts/acc_x", 404),
        ("/nowhere", 404),
        ("/livez", 200),
    ],
)
async def test_data_refusals_and_strays_are_kept_by_nobody(path: str, status: int) -> None:
    world = World()
    answer = await world.app().test_client().get(path, headers=bearer(world.key("*")))

    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_a_failure_of_ours_says_them_too() -> None:
    world = World()
    world.store.breaks = ValueError("a bug")
    answer = await world.app().test_client().get("/api/v1/accounts", headers=bearer(world.key("*")))

    assert answer.status_code == 500
    assert {name: answer.headers[name] for name in ALWAYS} == dict(ALWAYS)


@pytest.mark.parametrize(("public_url", "said"), [(HTTPS, [HSTS]), ("", []), ("http://x", [])])
async def test_https_is_promised_only_where_the_world_reaches_us_by_it(
    public_url: str, said: list[str]
) -> None:
    client = World(http={"public_url": public_url}).app().test_client()

    for path in ("/livez", "/nowhere", "/docs", "/api/v1/accounts"):
        answer = await client.get(path)
        assert answer.headers.getlist(STRICT_TRANSPORT_SECURITY) == said


async def test_a_websocket_is_greeted_with_them() -> None:
    world = World()
    headers = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]
    authorization = (b"authorization", f"Bearer {world.key('pix:read')}".encode())
    async with serving(world) as served_world:
        url = served_world.url.replace("http", "ws", 1) + "/api/v1/ws"
        with trio.fail_after(PATIENCE_SECONDS):
            async with open_websocket_url(url, extra_headers=[authorization]) as socket:
                greeting = list(socket.handshake_headers)

    assert all(greeting.count(one) == 1 for one in headers)
