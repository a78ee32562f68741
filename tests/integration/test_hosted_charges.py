"""Charges that a provider hosts: the BCB's cob over HTTP, and payers who find it."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from fluxiq.domain import brcode
from fluxiq.domain.records import Person
from fluxiq.errors import Refused, Unavailable
from fluxiq.http1 import HttpClient, Request, Response, bind, port_of, serve_http, tcp_connector
from fluxiq.ports.locations import LocationWanted
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator import Customer, SimulatorConfig, SimulatorControl, serve
from fluxiq.providers.simulator_client import SimulatorProvider, parse_notices
from tests.support.patience import PATIENCE_SECONDS

ISPB, SECRET = "12345678", "secret of both"
KEY = "padaria@example.com"
WANTED = LocationWanted(
    txid="01KAP3Y8QCJZ0F0M3T2V9D8XKE",
    amount=150_00,
    pix_key=KEY,
    lasts_seconds=600,
    payer=Person(document="52998224725", name="Maria"),
    description="two coffees",
)
SAID = {
    "calendario": {"criacao": "2026-11-22T12:00:00Z", "expiracao": 600},
    "txid": WANTED.txid,
    "revisao": 0,
    "loc": {"id": 7, "location": "pix.example.com/qr/v2/7", "tipoCob": "cob"},
    "location": "pix.example.com/qr/v2/7",
    "status": "ATIVA",
    "valor": {"original": "150.00"},
    "chave": KEY,
}


class Host:
    """A provider that hosts charges, its customer, and somebody who pays."""

    def __init__(self, provider: SimulatorProvider, control: SimulatorControl) -> None:
        self.provider, self.control = provider, control
        self.txids: list[str | None] = []

    async def code(self, wanted: LocationWanted = WANTED) -> str:
        location = await self.provider.open_location(wanted)
        return brcode.build(url=location, merchant_name="Padaria", merchant_city="Curitiba")

    async def told(self) -> list[str | None]:
        with trio.fail_after(PATIENCE_SECONDS):
            while not self.txids:  # noqa: ASYNC110 - behind a socket, rings no bell
                await trio.sleep(0.01)
        return self.txids

    async def why_not(self, code: str, **said: Any) -> str:
        with pytest.raises(Refused) as caught:
            await self.control.pay(ispb=ISPB, br_code=code, **said)
        return caught.value.code


def provider_of(client: HttpClient) -> SimulatorProvider:
    return SimulatorProvider(
        client, ispb=ISPB, signature=HmacSignature(SECRET), seconds_max=5.0, dynamic_codes=True
    )


def link_to(port: int) -> HttpClient:
    return HttpClient(tcp_connector("127.0.0.1", port), "psp.test", connections_max=4)


@pytest.fixture
async def host(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Host]:
    made: Host

    async def take(request: Request) -> Response:
        made.txids += [one.txid for one in parse_notices(request.body)]
        return Response(status=200)

    listeners = await bind("127.0.0.1", 0, name="the institution")
    nursery.start_soon(serve_http, take, listeners)
    notices = f"http://127.0.0.1:{port_of(listeners)}/notices"
    customer = Customer(ispb=ISPB, secret=SECRET, notices_url=notices)
    config = SimulatorConfig(journal=str(tmp_path / "journal"), port=0, customers=(customer,))
    port: int = await nursery.start(serve, config)
    async with (
        SimulatorControl.open(f"http://127.0.0.1:{port}") as control,
        link_to(port) as client,
    ):
        made = Host(provider_of(client), control)
        yield made


async def test_a_payer_finds_the_charge_and_its_txid_comes_back(host: Host) -> None:
    paid = await host.control.pay(ispb=ISPB, br_code=await host.code())
    assert (paid.amount, paid.txid) == (WANTED.amount, WANTED.txid)
    assert await host.told() == [WANTED.txid]


async def test_it_is_paid_once_and_for_its_own_amount(host: Host) -> None:
    code = await host.code()
    assert await host.why_not(code, amount=1) == "amount_fixed"
    await host.control.pay(ispb=ISPB, br_code=code)
    assert await host.why_not(code) == "charge_paid"


async def test_removed_it_cannot_be_paid_and_twice_is_once(host: Host) -> None:
    code = await host.code()
    for _ in range(2):
        await host.provider.close_location(WANTED.txid)
    assert await host.why_not(code) == "charge_removed"
    await host.provider.close_location("01KAP3Y8QCJZ0F0M3T2V9D8XKF")


async def test_expired_it_cannot_be_paid(host: Host) -> None:
    code = await host.code(replace(WANTED, lasts_seconds=1))
    await trio.sleep(1.01)
    assert await host.why_not(code) == "charge_expired"


async def test_the_same_charge_again_is_the_same_and_another_is_refused(host: Host) -> None:
    assert await host.code() == await host.code()
    with pytest.raises(Unavailable):
        await host.code(replace(WANTED, amount=1))


async def test_nothing_is_found_at_a_location_that_is_nobody_s(host: Host) -> None:
    code = brcode.build(
        url="pix.simulator.example/qr/v2/0", merchant_name="Padaria", merchant_city="Curitiba"
    )
    assert await host.why_not(code) == "location_not_found"


async def test_a_killed_provider_remembers_what_it_hosts_and_what_is_over(tmp_path: Path) -> None:
    customer = Customer(ispb=ISPB, secret=SECRET, notices_url="http://127.0.0.1:1/notices")
    config = SimulatorConfig(journal=str(tmp_path / "journal"), port=0, customers=(customer,))
    other = replace(WANTED, txid=WANTED.txid[:-1] + "F")
    async with trio.open_nursery() as first:
        port: int = await first.start(serve, config)
        async with link_to(port) as client:
            located = await provider_of(client).open_location(WANTED)
            await provider_of(client).open_location(other)
            await provider_of(client).close_location(other.txid)
        first.cancel_scope.cancel()

    async with trio.open_nursery() as second:
        port = await second.start(serve, config)
        async with link_to(port) as client:
            assert await provider_of(client).open_location(WANTED) == located
            with pytest.raises(Unavailable, match="made another charge"):
                await provider_of(client).open_location(other)
        second.cancel_scope.cancel()


async def told_by(nursery: trio.Nursery, answer: Callable[[Request], Response]) -> HttpClient:
    async def handle(request: Request) -> Response:
        return answer(request)

    listeners = await bind("127.0.0.1", 0, name="a PSP")
    nursery.start_soon(serve_http, handle, listeners)
    return link_to(port_of(listeners))


async def test_what_is_put_is_the_bcb_s_charge(nursery: trio.Nursery) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(status=200, body=json.dumps(SAID).encode())

    async with await told_by(nursery, answer) as client:
        assert await provider_of(client).open_location(WANTED) == "pix.example.com/qr/v2/7"
        await provider_of(client).close_location(WANTED.txid)

    put, patch = seen
    assert (put.method, put.path) == ("PUT", f"/cob/{WANTED.txid}")
    assert json.loads(put.body) == {
        "calendario": {"expiracao": 600},
        "valor": {"original": "150.00"},
        "chave": KEY,
        "devedor": {"nome": "Maria", "cpf": "52998224725"},
        "solicitacaoPagador": "two coffees",
    }
    assert (patch.method, patch.path) == ("PATCH", f"/cob/{WANTED.txid}")
    assert json.loads(patch.body) == {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}


@pytest.mark.parametrize(
    "changed",
    [
        {"valor": {"original": "150.01"}},
        {"chave": "other@example.com"},
        {"txid": "01KAP3Y8QCJZ0F0M3T2V9D8XKF"},
        {"status": "CONCLUIDA"},
        {"calendario": {"expiracao": 3600}},
        {"location": ""},
        {"location": None},
    ],
)
async def test_an_answer_about_another_charge_is_none(
    nursery: trio.Nursery, changed: dict[str, Any]
) -> None:
    body = json.dumps({**SAID, **changed}).encode()
    async with await told_by(nursery, lambda _: Response(status=201, body=body)) as client:
        with pytest.raises(Unavailable):
            await provider_of(client).open_location(WANTED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 503])
async def test_whatever_refuses_a_charge_hosts_none(nursery: trio.Nursery, status: int) -> None:
    async with await told_by(nursery, lambda _: Response(status=status, body=b"{}")) as client:
        with pytest.raises(Unavailable):
            await provider_of(client).open_location(WANTED)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_removal_that_was_not_heard_is_said_again(
    nursery: trio.Nursery, status: int
) -> None:
    async with await told_by(nursery, lambda _: Response(status=status)) as client:
        with pytest.raises(Unavailable):
            await provider_of(client).close_location(WANTED.txid)
