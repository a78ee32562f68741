"""Our own end of TLS: who comes in by a certificate, as whom, and what everybody else is told."""

import dataclasses
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec.structs import replace
from structlog.testing import capture_logs

from fluxiq.api.server_tls import Refusals, ServerTls
from fluxiq.api.v1.notices import notices_path
from fluxiq.errors import StartRefused
from fluxiq.ports import Callback
from fluxiq.providers.callbacks import verification
from fluxiq.settings.providers import MtlsOnly
from fluxiq.settings.tls import Tls
from tests.support.api_twin import ISPB, TwinProvider, World, serving
from tests.support.certificates import HOST, Authority, Issued
from tests.support.servers import free_port

BODY = json.dumps({"notices": []}).encode()
OTHER_ISPB = "87654321"
# Two institutions with two providers each.
LINKS = [(ispb, name) for ispb in (ISPB, OTHER_ISPB) for name in ("alfa", "beta")]
REFUSED = "nothing proves that the provider said this"


class ByCertificate(TwinProvider):
    """A link whose settings pin one certificate."""

    def __init__(self, issued: Issued, **changed: Any) -> None:
        pins = {"certificate_sha256": (issued.certificate.fingerprint(SHA256()).hex(),)}
        self._verify = verification(MtlsOnly(**{**pins, **changed}))

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        self._verify(callback, now)


class House:
    """A World behind TLS, and the authority whose clients it believes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public, self.clients = Authority("Public"), Authority("Clients")
        certificate, key = self.public.issue(HOST, host=HOST).write(folder, "server")
        self.tls = Tls(
            port=free_port(),
            certificate_file=certificate,
            key_file=key,
            client_ca_file=self.clients.write(folder, "clients"),
        )
        self.issued = {link: self.clients.issue(f"{link[1]} of {link[0]}") for link in LINKS}
        self.url = f"https://{HOST}:{self.tls.port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        world = World(http={"tls": self.tls})
        world.clock.at = datetime.now(world.clock.at.tzinfo)
        for ispb in (ISPB, OTHER_ISPB):
            links = {name: ByCertificate(self.issued[ispb, name]) for name in ("alfa", "beta")}
            institution = replace(world.tenant.institution, ispb=ispb)
            world.tenants.known[ispb] = dataclasses.replace(
                world.tenant, institution=institution, providers=links
            )
        async with serving(world):
            yield world

    def context(self, issued: Issued | None = None) -> ssl.SSLContext:
        """A client's, who knows our authority and shows `issued`."""
        context = ssl.create_default_context(cadata=self.public.pem.decode())
        if issued is not None:
            context.load_cert_chain(*issued.write(self.folder, "shown"))
        return context

    async def call(
        self, link: tuple[str, str], issued: Issued | None, **headers: str
    ) -> httpx.Response:
        async with httpx.AsyncClient(verify=self.context(issued), trust_env=False) as client:
            return await client.post(
                self.url + notices_path(*link), content=BODY, headers=headers, timeout=10
            )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_each_certificate_opens_the_door_of_its_provider_and_institution_alone(
    house: House,
) -> None:
    async with house.open():
        statuses = {
            (shown, door): (await house.call(door, house.issued[shown])).status_code
            for shown in LINKS
            for door in LINKS
        }

    assert {pair for pair, status in statuses.items() if status == 200} == {
        (link, link) for link in LINKS
    }
    assert set(statuses.values()) == {200, 401}


async def test_a_stranger_is_told_nothing_and_our_log_says_why(house: House) -> None:
    alfa, beta = LINKS[0], LINKS[1]
    pem = house.issued[alfa].chain.decode().replace("\n", "%0A")
    async with house.open():
        with capture_logs() as logs:
            answers = [
                await house.call(alfa, None),
                await house.call(alfa, None, **{"client-cert": pem}),
                await house.call(alfa, house.issued[beta]),
                await house.call(alfa, house.issued[beta], **{"client-cert": pem}),
                await house.call(alfa, house.clients.issue("alfa of 12345678")),
            ]

    for answer in answers:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (401, "signature_invalid")
        assert error["message"] == REFUSED
    reasons = [one["reason"] for one in logs if one["event"] == "provider_callback_refused"]
    by_proxy = "a client certificate is believed from a trusted proxy only"
    not_pinned = "the client certificate is not one of those pinned"
    assert reasons == [by_proxy, by_proxy, not_pinned, not_pinned, not_pinned]


async def test_a_subject_that_is_not_the_pinned_one_is_refused(house: House) -> None:
    async with house.open() as world:
        link = ByCertificate(
            house.issued[LINKS[0]], certificate_sha256=(), certificate_subject="CN=psp,C=BR"
        )
        world.tenants.known[ISPB].providers["alfa"] = link  # type: ignore[index]
        with capture_logs() as logs:
            refused = await house.call(LINKS[0], house.clients.issue("psp.example"))
            taken = await house.call(LINKS[0], house.clients.issue("psp"))

    assert (refused.status_code, taken.status_code) == (401, 200)
    assert "the client certificate has another subject" in [one.get("reason") for one in logs]


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("expired", "certificate has expired"),
        ("of tomorrow", "certificate is not yet valid"),
        ("of another authority", "unable to get local issuer certificate"),
        ("self-signed", "self-signed certificate"),
    ],
)
async def test_a_certificate_that_nobody_vouches_for_ends_in_the_handshake(
    house: House, who: str, reason: str
) -> None:
    shown = {
        "expired": lambda: house.clients.issue("alfa", since=-9, until=-1),
        "of tomorrow": lambda: house.clients.issue("alfa", since=1, until=9),
        "of another authority": lambda: Authority("Clients of others").issue("alfa"),
        "self-signed": lambda: Authority("alfa").itself(),
    }[who]()
    async with house.open():
        with capture_logs() as logs:
            assert await _is_hung_up_on(house, house.context(shown))
        others = await house.call(LINKS[0], house.issued[LINKS[0]])

    assert others.status_code == 200
    [said] = [one for one in logs if one["event"] == "client_certificate_refused"]
    assert said["reason"] == reason


async def test_merchants_need_no_certificate_and_the_plain_door_stays_open(house: House) -> None:
    async with house.open(), httpx.AsyncClient(verify=house.context(), trust_env=False) as client:
        answer = await client.get(f"{house.url}/livez")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")],
)
async def test_tls_1_2_and_1_3_are_spoken(
    house: House, version: ssl.TLSVersion, spoken: str
) -> None:
    async with house.open(), await _open(house, _speaking(house, version)) as stream:
        await stream.do_handshake()
        assert stream.version() == spoken


async def test_tls_1_1_is_refused(house: House) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context = _speaking(house, ssl.TLSVersion.TLSv1_1)
    async with house.open():
        assert await _is_hung_up_on(house, context)


def _speaking(house: House, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = house.context()
    context.set_ciphers("ALL:@SECLEVEL=0")  # or our own side would refuse the old version
    context.minimum_version = context.maximum_version = version
    return context


async def _open(house: House, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    return await trio.open_ssl_over_tcp_stream(
        HOST, house.tls.port, ssl_context=context, https_compatible=True
    )


async def _is_hung_up_on(house: House, context: ssl.SSLContext) -> bool:
    """In TLS 1.3 a client hears of its refusal when it listens for the answer to a request."""
    async with await _open(house, context) as stream:
        try:
            with trio.fail_after(10):
                await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                return await stream.receive_some() == b""
        except trio.BrokenResourceError:
            return True


async def test_new_certificates_and_authorities_are_taken_without_a_restart(house: House) -> None:
    link = LINKS[0]
    async with house.open() as world:
        assert (await house.call(link, house.issued[link])).status_code == 200

        new_clients, new_public = Authority("New clients"), Authority("New public")
        new_clients.write(house.folder, "clients")
        new_public.issue(HOST, host=HOST).write(house.folder, "server")
        old, house.public = house.public, new_public
        issued = new_clients.issue("alfa")
        world.tenants.known[ISPB].providers["alfa"] = ByCertificate(issued)  # type: ignore[index]

        assert (await house.call(link, issued)).status_code == 200
        assert await _is_hung_up_on(house, house.context(house.issued[link]))
        house.public = old
        with pytest.raises(httpx.ConnectError):
            await house.call(link, issued)


async def test_half_of_a_new_pair_is_not_taken_and_the_old_one_stays(house: House) -> None:
    async with house.open():
        with capture_logs() as logs:
            certificate = house.public.issue(HOST, host=HOST).chain
            await trio.Path(house.tls.certificate_file).write_bytes(certificate)
            assert (await house.call(LINKS[0], house.issued[LINKS[0]])).status_code == 200

    assert [one["event"] for one in logs if "file" in one["event"]] == ["provider_file_refused"]


async def test_who_never_ends_the_handshake_is_let_go_and_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxiq.api.server.HANDSHAKE_SECONDS", 0.5)
    async with house.open():
        silent = await trio.open_tcp_stream(HOST, house.tls.port)
        async with silent:
            assert (await house.call(LINKS[0], house.issued[LINKS[0]])).status_code == 200
            with trio.fail_after(10):
                assert await silent.receive_some() == b""


def test_a_flood_of_refusals_is_a_line_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("fluxiq.api.server_tls.monotonic", lambda: now)
    refusals = Refusals()
    with capture_logs() as logs:
        for _ in range(1_000):
            refusals.note("certificate has expired")
        refusals.note("self-signed certificate")
        now += 1
        refusals.note("certificate has expired")

    assert [(one["reason"], one["before_it"]) for one in logs] == [
        ("certificate has expired", 0),
        ("self-signed certificate", 0),
        ("certificate has expired", 999),
    ]


def test_a_key_that_others_may_read_is_refused_at_the_start(house: House) -> None:
    Path(house.tls.key_file).chmod(0o640)
    with pytest.raises(StartRefused, match="can be read by others"):
        ServerTls(house.tls)


def test_a_certificate_that_is_none_is_refused_at_the_start(house: House) -> None:
    Path(house.tls.certificate_file).write_text("none")
    with pytest.raises(StartRefused, match=r"\[http\.tls\] cannot be used"):
        ServerTls(house.tls)
