"""A PSP over real mutual TLS: who is let in, what rotates, and what a lost answer means."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest
import trio
from msgspec.structs import replace

from fluxiq.domain.reconciliation import Flow, Window
from fluxiq.errors import StartRefused, Unavailable, Unknown
from fluxiq.http1 import Request, Response, port_of
from fluxiq.ports import StatementPage
from fluxiq.providers import GatewayConnection, ProviderAddress, open_provider
from fluxiq.settings.providers import HmacSha256Body, LinkLimits, ProviderLink, Psp, Token
from tests.support.certificates import HOST, Authority, Issued
from tests.support.provider_links import END_TO_END_ID, NOW, Watch, a_payout, private
from tests.support.tls_server import serve_tls

Answer = Callable[[Request], Awaitable[Response | None]]

RECEIVED = "E00000000202611221200abcdefghijk"
WINDOW = Window(NOW, NOW + timedelta(hours=1))
SETTLED = b'{"state":"settled"}'
OWNER = b'{"name":"Somebody","document":"***.456.789-**","ispb":"00000000"}'


class House:
    """A PSP's server and our end of the link, with an authority for each side."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        self.folder, self.nursery = folder, nursery
        self.ours, self.theirs = Authority("Ours"), Authority("Theirs")
        self.seen: list[Request] = []
        self.peers: list[str] = []
        self.answer: Answer = self.settle
        self.port = 0
        self.watch, self.limits = Watch(), LinkLimits()
        certificate, key = self.ours.issue("client 1").write(folder, "client")
        self.psp = Psp(
            certificate_file=certificate, key_file=key, ca_file=self.theirs.write(folder)
        )

    async def settle(self, request: Request) -> Response | None:
        if "@" in request.path:
            return Response(status=200, body=OWNER)
        return Response(status=200, body=SETTLED)

    async def serve(
        self, server: Issued | None = None, *, tune: Callable[[ssl.SSLContext], None] | None = None
    ) -> None:
        server = server or self.theirs.issue(HOST, host=HOST)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server.write(self.folder, "server"))
        context.load_verify_locations(cadata=self.ours.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        if tune is not None:
            tune(context)
        self.port = await self.nursery.start(serve_tls, context, self._handle)

    async def _handle(self, request: Request, peer: str) -> Response | None:
        self.seen.append(request)
        self.peers.append(peer)
        return await self.answer(request)

    def link(
        self, *, seconds_max: float = 5.0, **psp: object
    ) -> AbstractAsyncContextManager[GatewayConnection]:
        link = ProviderLink(
            name="psp",
            kind="bacen_psp",
            url=f"https://{HOST}:{self.port}",
            callback=HmacSha256Body(secret_file=private(self.folder / "secret", b"s")),
            psp=replace(self.psp, **psp),  # type: ignore[arg-type]
            limits=self.limits,
        )
        address = ProviderAddress(link=link, ispb="12345678", url=link.url, secret="")
        return open_provider(address, seconds_max=seconds_max, watcher=self.watch)


@pytest.fixture
async def house(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[House]:
    yield House(tmp_path, nursery)
    nursery.cancel_scope.cancel()


async def refused(house: House, **psp: object) -> str:
    """Why an order that certainly did not leave did not."""
    async with house.link(**psp) as link:
        with pytest.raises(Unavailable) as caught:
            await link.provider.send(a_payout())
    assert not house.seen
    return str(caught.value)


async def test_an_order_an_enquiry_and_a_look_up_go_over_one_connection(house: House) -> None:
    await house.serve()
    async with house.link() as link:
        assert (await link.provider.send(a_payout())).state == "settled"
        assert (await link.provider.enquire("E1")).state == "settled"
        found = await link.provider.look_up("somebody@example.com")

    assert found is not None
    assert found.name == "Somebody"
    assert [request.target for request in house.seen] == [
        "/payments", "/payments/E1", "/dict/somebody%40example.com",
    ]  # fmt: skip
    assert house.seen[0].body.startswith(b'{"end_to_end_id":"E12345678')
    assert len(set(house.peers)) == 1
    assert house.watch.calls["send", "answered"] == 1


async def test_paths_are_the_psps_own(house: House) -> None:
    await house.serve()
    async with house.link(payments_path="/v2/orders", directory_path="/v2/keys") as link:
        await link.provider.send(a_payout())
        await link.provider.look_up("somebody@example.com")

    assert [one.path for one in house.seen] == ["/v2/orders", "/v2/keys/somebody@example.com"]


# Who is let in.


def only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def tune(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version

    return tune


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(house: House, version: ssl.TLSVersion) -> None:
    await house.serve(tune=only(version))
    async with house.link() as link:
        assert (await link.provider.send(a_payout())).state == "settled"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_1_1_is_refused(house: House) -> None:
    def old(context: ssl.SSLContext) -> None:
        only(ssl.TLSVersion.TLSv1_1)(context)
        context.set_ciphers("ALL:@SECLEVEL=0")

    await house.serve(tune=old)

    assert "version" in (await refused(house)).lower()


async def test_a_client_of_another_authority_is_refused_and_nothing_is_unknown(
    house: House,
) -> None:
    certificate, key = Authority("Strangers").issue("client").write(house.folder, "stranger")
    await house.serve()

    said = await refused(house, certificate_file=certificate, key_file=key)

    assert "refused our certificate" in said


async def test_a_client_whose_certificate_has_expired_is_refused(house: House) -> None:
    expired = house.ours.issue("client", since=-20, until=-1)
    certificate, key = expired.write(house.folder, "expired")
    await house.serve()

    said = await refused(house, certificate_file=certificate, key_file=key)

    assert "CERTIFICATE_EXPIRED" in said


async def test_a_client_without_a_certificate_is_refused_by_the_server(house: House) -> None:
    await house.serve()
    context = ssl.create_default_context(cafile=house.psp.ca_file)
    stream = await trio.open_ssl_over_tcp_stream(HOST, house.port, ssl_context=context)

    async with stream:
        await stream.do_handshake()
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
    assert not house.seen


async def test_a_server_of_another_authority_is_refused(house: House) -> None:
    await house.serve(Authority("Impostor").issue(HOST, host=HOST))

    assert "CERTIFICATE_VERIFY_FAILED" in await refused(house)


async def test_the_systems_authorities_do_not_know_ours(house: House) -> None:
    await house.serve()

    assert "CERTIFICATE_VERIFY_FAILED" in await refused(house, ca_file=None)


async def test_a_server_whose_certificate_has_expired_is_refused(house: House) -> None:
    await house.serve(house.theirs.issue(HOST, host=HOST, since=-20, until=-1))

    assert "expired" in await refused(house)


async def test_a_server_with_another_name_is_refused(house: House) -> None:
    await house.serve(house.theirs.issue("psp", host="pix.psp.example"))

    assert "Hostname mismatch" in await refused(house)


async def test_a_server_that_speaks_no_tls_is_refused(house: House) -> None:
    async def mumble(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    house.nursery.start_soon(trio.serve_listeners, mumble, listeners)
    house.port = port_of(listeners)

    await refused(house)


# Rotation.


async def test_a_replaced_certificate_is_shown_without_a_restart(house: House) -> None:
    await house.serve()
    async with house.link() as link:
        await link.provider.send(a_payout())
        house.ours.issue("client 2").write(house.folder, "client")
        link.refresh()
        await link.provider.send(a_payout())
        await link.provider.send(a_payout())

    assert [peer.partition(" over ")[0] for peer in house.peers] == [
        "client 1", "client 2", "client 2",
    ]  # fmt: skip


async def test_an_expired_certificate_is_cured_by_replacing_its_files(house: House) -> None:
    house.ours.issue("client 0", since=-20, until=-1).write(house.folder, "client")
    await house.serve()
    async with house.link() as link:
        with pytest.raises(Unavailable):
            await link.provider.send(a_payout())
        house.ours.issue("client 1").write(house.folder, "client")

        assert (await link.provider.send(a_payout())).state == "settled"


async def test_what_is_left_of_a_certificate_is_told_in_days(house: House) -> None:
    issued = house.ours.issue("client", until=12.5)
    issued.write(house.folder, "client")
    await house.serve()
    async with house.link() as link:
        left = link.certificate_days_left(issued.certificate.not_valid_before_utc)

    assert left == pytest.approx(13.5)


async def test_a_key_that_others_may_read_stops_the_link(house: House) -> None:
    await trio.Path(house.psp.key_file).chmod(0o640)

    with pytest.raises(StartRefused, match="chmod 600"):
        async with house.link():
            pass


# Lost answers.


async def test_no_answer_in_time_is_unknown_since_the_order_left(house: House) -> None:
    async def never(request: Request) -> Response | None:
        await trio.sleep_forever()

    house.answer = never
    await house.serve()
    async with house.link(seconds_max=0.5) as link:
        with pytest.raises(Unknown):
            await link.provider.send(a_payout())
        with pytest.raises(Unavailable):
            await link.provider.enquire("E1")

    assert len(house.seen) == 2
    assert house.watch.calls["send", "unknown"] == 1


async def test_a_connection_that_breaks_after_the_order_is_unknown(house: House) -> None:
    async def hang_up(request: Request) -> Response | None:
        return None

    house.answer = hang_up
    await house.serve()
    async with house.link() as link:
        with pytest.raises(Unknown):
            await link.provider.send(a_payout())


async def test_a_server_that_never_ends_its_handshake_was_sent_nothing(house: House) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    house.nursery.start_soon(trio.serve_listeners, silent, listeners)
    house.port = port_of(listeners)

    async with house.link(seconds_max=0.5) as link:
        with pytest.raises(Unavailable):
            await link.provider.send(a_payout())


# Tokens.


class TokenServer:
    """Gives out numbered tokens, or what `says` has next."""

    def __init__(self, house: House, *, life: float = 300.0) -> None:
        self._house, self._life = house, life
        self.given = 0
        self.away = False
        house.answer = self.answer

    async def answer(self, request: Request) -> Response | None:
        if request.path == "/oauth/token":
            if self.away:
                return Response(status=503)
            self.given += 1
            body = b'{"access_token":"t%d","token_type":"Bearer","expires_in":%d}'
            return Response(status=200, body=body % (self.given, self._life))
        if request.headers.get("authorization") != f"Bearer t{self.given}":
            return Response(status=401, body=b'{"code":"unauthorized","message":"old token"}')
        return await self._house.settle(request)

    def token(self) -> Token:
        return Token(
            token_url=f"https://{HOST}:{self._house.port}/oauth/token",
            client_id="institution:1",
            client_secret_file=private(self._house.folder / "client_secret", b"a&b=c"),
            scope="pix.write",
        )


async def test_a_token_is_asked_for_once_for_many_calls(house: House) -> None:
    server = TokenServer(house)
    await house.serve()
    async with house.link(token=server.token()) as link, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(link.provider.send, a_payout())

    (asked,) = [one for one in house.seen if one.path == "/oauth/token"]
    assert asked.body == b"grant_type=client_credentials&scope=pix.write"
    # RFC 6749, 2.3.1: both words are form-encoded before they are joined.
    assert asked.headers["authorization"] == "Basic aW5zdGl0dXRpb24lM0ExOmElMjZiJTNEYw=="
    assert house.watch.calls["send", "answered"] == 20


async def test_a_token_that_is_not_taken_any_more_is_replaced(house: House) -> None:
    server = TokenServer(house)
    await house.serve()
    async with house.link(token=server.token()) as link:
        await link.provider.send(a_payout())
        server.given += 1  # revoked

        with pytest.raises(Unavailable, match="401"):
            await link.provider.send(a_payout())
        assert (await link.provider.send(a_payout())).state == "settled"


async def test_without_a_token_an_order_does_not_leave(house: House) -> None:
    server = TokenServer(house)
    server.away = True
    await house.serve()
    async with house.link(token=server.token()) as link:
        with pytest.raises(Unavailable, match="token server"):
            await link.provider.send(a_payout())

    assert {one.path for one in house.seen} == {"/oauth/token"}


async def test_a_token_server_that_never_answers_does_not_make_an_order_unknown(
    house: House,
) -> None:
    async def never(request: Request) -> Response | None:
        await trio.sleep_forever()

    server = TokenServer(house)
    house.answer = never
    await house.serve()
    async with house.link(token=server.token(), seconds_max=0.5) as link:
        with pytest.raises(Unavailable):
            await link.provider.send(a_payout())


async def test_many_orders_at_once_share_the_connections_that_the_link_allows(
    house: House,
) -> None:
    await house.serve()
    house.limits = LinkLimits(connections_max=4)
    async with house.link(seconds_max=60) as link, trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(link.provider.send, a_payout())

    assert house.watch.calls["send", "answered"] == 100
    assert len(set(house.peers)) <= 4


# Statements.


def listed(body: dict[str, object], number: int = 0, pages: int = 1) -> Response:
    paging = {
        "paginaAtual": number,
        "itensPorPagina": 500,
        "quantidadeDePaginas": pages,
        "quantidadeTotalDeItens": 1,
    }
    at = "2026-11-22T12:00:00Z"
    said = {"parametros": {"inicio": at, "fim": at, "paginacao": paging}, **body}
    return Response(status=200, body=msgspec.json.encode(said))


async def test_a_statement_is_the_bcbs_list_then_our_contracts_each_page_by_page(
    house: House,
) -> None:
    received = {"endToEndId": RECEIVED, "valor": "1.00", "horario": "2026-11-22T12:00:00Z"}
    sent = {"endToEndId": END_TO_END_ID, "valor": "1.00", "horario": "2026-11-22T12:00:00Z"}

    async def answer(request: Request) -> Response:
        number = int(parse_qs(request.target.partition("?")[2])["paginacao.paginaAtual"][0])
        if request.path == "/v2/pix":
            return listed({"pix": [received]}, number, 2)
        return listed({"payments": [sent], "pix": [{**received, "chave": "k"}]}, number)

    house.answer = answer
    await house.serve()
    flows, cursors, cursor = [], [], ""
    async with house.link(pix_path="/v2/pix", statement_path="/v2/statement") as link:
        assert link.provider.statement_flows == frozenset(Flow)
        while cursor is not None:
            page = await link.provider.statement(WINDOW, cursor)
            flows += [one.flow for one in page.lines]
            cursors.append(cursor := page.next_cursor)

    assert cursors == ["pix:1", "orders:0", None]
    assert flows == [Flow.RECEIVED, Flow.RECEIVED, Flow.SENT]


async def test_a_psp_with_the_bcbs_list_alone_tells_only_what_came(house: House) -> None:
    house.answer = lambda _request: _answered(listed({"pix": []}))
    await house.serve()
    async with house.link() as link:
        assert link.provider.statement_flows == {Flow.RECEIVED}
        assert await link.provider.statement(WINDOW, "") == StatementPage(lines=())
    async with house.link(pix_path="") as link:
        assert link.provider.statement_flows == frozenset()
        assert await link.provider.statement(WINDOW, "") == StatementPage(lines=())
    assert [one.path for one in house.seen] == ["/pix"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Response(status=403, body=b'{"code":"scope","message":"no pix.read"}'), "answered 403"),
        (Response(status=200, body=b'{"pix":['), "cannot be read: body: the notices are not JSON"),
        (Response(status=200, body=b'{"pix":[]}'), "cannot be read: parametros"),
        (Response(status=200, body=b"[" * 2**21), "answered 200"),
    ],
)
async def test_a_statement_that_makes_no_sense_is_unavailable_and_says_why(
    house: House, answer: Response, why: str
) -> None:
    house.answer = lambda _request: _answered(answer)
    await house.serve()
    async with house.link() as link:
        with pytest.raises(Unavailable, match=why):
            await link.provider.statement(WINDOW, "")


async def test_a_statement_that_does_not_come_in_time_is_unavailable(house: House) -> None:
    async def never(_request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    house.answer = never
    await house.serve()
    async with house.link(seconds_max=0.2) as link:
        with pytest.raises(Unavailable):
            await link.provider.statement(WINDOW, "")


async def _answered(response: Response) -> Response:
    await trio.lowlevel.checkpoint()
    return response
