"""Gateway connections as the tree opens them."""

import re

import pytest
import trio

from fluxiq.errors import StartRefused
from fluxiq.http1 import Request, Response, bind, port_of, serve_http
from fluxiq.providers import ProviderAddress, open_provider
from fluxiq.settings.providers import ProviderLink
from tests.support.provider_links import Watch


def address_of(url: str) -> ProviderAddress:
    link = ProviderLink(name="simulator", kind="simulator")
    return ProviderAddress(link=link, ispb="12345678", url=url, secret="secret of both")


async def test_a_gateway_connection_signs_for_its_institution(nursery: trio.Nursery) -> None:
    seen: list[Request] = []

    async def answer(request: Request) -> Response:
        seen.append(request)
        return Response(status=200, body=b'{"state":"settled"}')

    listeners = await bind("127.0.0.1", 0, name="a provider")
    nursery.start_soon(serve_http, answer, listeners)
    address = address_of(f"http://127.0.0.1:{port_of(listeners)}")
    async with open_provider(address, seconds_max=5.0, watcher=Watch()) as link:
        assert (await link.provider.enquire("E1")).state == "settled"

    (request,) = seen
    assert request.headers["x-institution"] == "12345678"
    assert re.fullmatch("[0-9a-f]{64}", request.headers["x-signature"])
    assert request.headers["host"] == f"127.0.0.1:{port_of(listeners)}"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "http://", "http://x/a/path"])
async def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(StartRefused, match=r"is not http\(s\)"):
        async with open_provider(address_of(url), seconds_max=5.0, watcher=Watch()):
            pass


def test_an_address_in_a_log_does_not_show_its_secret() -> None:
    assert "secret of both" not in repr(address_of("http://127.0.0.1:1"))
