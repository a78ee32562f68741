"""Webhooks from sender to sink over real sockets, TLS included."""

import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fluxiq.couriers.sender import WebhookSender
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.domain.records import Delivery, WebhookEndpoint
from fluxiq.http1 import HttpClient, Request, Response, bind, port_of, serve_http, tcp_connector
from fluxiq.settings import load
from tests.support.patience import PATIENCE_SECONDS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SETTINGS = msgspec.structs.replace(
    load({}).webhooks,
    deliver_seconds_max=5.0,
    concurrency=4,
    allow_loopback=True,
    allow_http=True,
)


def endpoint_at(url: str, secret: str = SECRET) -> WebhookEndpoint:
    return WebhookEndpoint(
        id="whk_1",
        merchant_id="mch_1",
        url=url,
        events=(),
        secret=secret,
        created_at=datetime.now(UTC),
    )


def delivery_of(event_id: str = "evt_1") -> Delivery:
    event = {"id": event_id, "type": "pix.charge.paid", "data": {"id": "chg_1", "amount": 1}}
    return Delivery(
        id="dlv_1",
        endpoint_id="whk_1",
        event_id=event_id,
        event_type="pix.charge.paid",
        body=msgspec.json.encode(event),
        attempt=1,
        reference=None,
    )


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def sink(nursery: trio.Nursery) -> Sink:
    started: Sink = await nursery.start(serve_sink)
    started.trust(SECRET)
    return started


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    async with WebhookSender.open(SETTINGS) as opened:
        yield opened


async def server_saying(nursery: trio.Nursery, response: Response | None) -> tuple[str, list[str]]:
    """A URL where everything is answered so, and the targets that were asked for."""
    targets: list[str] = []

    async def answer(request: Request) -> Response | None:
        targets.append(request.target)
        return response

    listeners = await bind("127.0.0.1", 0, name="a merchant")
    nursery.start_soon(serve_http, answer, listeners)
    return f"http://127.0.0.1:{port_of(listeners)}", targets


async def test_a_signed_event_is_believed_and_counted(sender: WebhookSender, sink: Sink) -> None:
    result = await sender.deliver(endpoint_at(sink.url), delivery_of(), now())

    assert result.delivered
    assert (result.status, result.error) == (204, "")
    told = sink.told["evt_1"]
    assert (told.type, told.resource_id, told.count) == ("pix.charge.paid", "chg_1", 1)


async def test_the_same_event_again_is_counted_not_listed_twice(
    sender: WebhookSender, sink: Sink
) -> None:
    for _ in range(3):
        await sender.deliver(endpoint_at(sink.url), delivery_of(), now())

    statistics = sink.statistics()
    assert (statistics.verified, statistics.events, statistics.repeated) == (3, 1, 1)
    assert statistics.types == {"pix.charge.paid": 1}


async def test_many_events_at_once_all_arrive(sender: WebhookSender, sink: Sink) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(50):
            delivery = delivery_of(f"evt_{number}")
            nursery.start_soon(sender.deliver, endpoint_at(sink.url), delivery, now())
        with trio.fail_after(PATIENCE_SECONDS):
            await sink.wait_for_events(50)

    assert sink.verified == 50


async def test_another_secret_or_an_old_signature_is_not_believed(
    sender: WebhookSender, sink: Sink
) -> None:
    other = await sender.deliver(endpoint_at(sink.url, "whsec_AAAA"), delivery_of(), now())
    old = await sender.deliver(endpoint_at(sink.url), delivery_of(), now() - timedelta(minutes=6))

    assert (other.status, old.status) == (401, 401)
    assert not other.delivered
    assert (sink.refused, sink.verified) == (2, 0)


@pytest.mark.parametrize(("status", "delivered"), [(200, True), (299, True), (301, False)])
async def test_only_two_hundreds_are_delivered(
    status: int, delivered: bool, sender: WebhookSender, nursery: trio.Nursery
) -> None:
    url, _ = await server_saying(nursery, Response(status=status))

    assert (await sender.deliver(endpoint_at(url), delivery_of(), now())).delivered is delivered


async def test_a_redirect_is_not_followed(sender: WebhookSender, nursery: trio.Nursery) -> None:
    elsewhere, asked_elsewhere = await server_saying(nursery, Response(status=200))
    moved = Response(status=307, headers={"location": elsewhere})
    url, asked = await server_saying(nursery, moved)

    result = await sender.deliver(endpoint_at(url), delivery_of(), now())

    assert (result.status, result.error) == (307, "answered 307")
    assert (asked, asked_elsewhere) == (["/"], [])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("999999999999999999999999", 86_400.0),
        ("Sun, 22 Nov 2026 21:01:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 20:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1_000", None),
    ],
)
async def test_retry_after_is_understood_in_seconds_and_as_a_date(
    header: str, seconds: float | None, sender: WebhookSender, nursery: trio.Nursery
) -> None:
    url, _ = await server_saying(nursery, Response(status=503, headers={"retry-after": header}))
    at = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)

    assert (await sender.deliver(endpoint_at(url), delivery_of(), at)).retry_after == seconds


async def test_a_long_answer_is_cut_and_its_status_counts(
    sender: WebhookSender, nursery: trio.Nursery
) -> None:
    url, _ = await server_saying(nursery, Response(status=200, body=b"a" * 1_000_000))

    assert (await sender.deliver(endpoint_at(url), delivery_of(), now())).delivered


async def test_a_lost_answer_a_closed_port_and_a_slow_merchant_are_results(
    sender: WebhookSender, nursery: trio.Nursery
) -> None:
    lost, _ = await server_saying(nursery, None)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    silent = f"http://127.0.0.1:{port_of(listeners)}"
    hasty = msgspec.structs.replace(SETTINGS, deliver_seconds_max=0.05)

    results = [await sender.deliver(endpoint_at(lost), delivery_of(), now())]
    async with WebhookSender.open(hasty) as impatient:
        results.append(await impatient.deliver(endpoint_at(silent), delivery_of(), now()))
    for one in listeners:
        await one.aclose()
    results.append(await sender.deliver(endpoint_at(silent), delivery_of(), now()))

    assert [one.status for one in results] == [None, None, None]
    assert results[1].error == "nothing within 0.05 s"
    assert all(one.error and not one.delivered for one in results)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "http:///nowhere",
        "http://user:password@example.com/",
        "http://example.com:99999/",
        "http://[::1/",
        f"http://{'a' * 64}.example/",
    ],
)
async def test_a_url_that_cannot_be_posted_to_is_a_result(url: str, sender: WebhookSender) -> None:
    result = await sender.deliver(endpoint_at(url), delivery_of(), now())

    assert (result.status, result.delivered) == (None, False)
    assert "url" in result.error


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_this_machine_is_not_a_merchant_unless_settings_say_so(host: str, sink: Sink) -> None:
    strict = msgspec.structs.replace(SETTINGS, allow_loopback=False)
    url = sink.url.replace("127.0.0.1", host)

    async with WebhookSender.open(strict) as sender:
        result = await sender.deliver(endpoint_at(url), delivery_of(), now())

    assert "not a public address" in result.error
    assert sink.statistics().verified == 0


async def test_the_address_that_was_checked_is_the_one_connected_to(
    sender: WebhookSender, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to a harmless address first and to another one afterwards."""
    asked: list[str] = []
    port = int(sink.url.split(":")[2].split("/")[0])
    real = trio.socket.getaddrinfo

    async def rebinding(host: object, *rest: object, **more: object) -> object:
        if host != "rebinding.test":
            return await real(host, *rest, **more)  # type: ignore[arg-type]
        asked.append("rebinding.test")
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(trio.socket, "getaddrinfo", rebinding)

    result = await sender.deliver(
        endpoint_at(f"http://rebinding.test:{port}/hooks"), delivery_of(), now()
    )

    assert result.delivered
    assert len(asked) == 1


async def test_a_name_that_moves_into_our_network_gets_nothing_from_then_on(
    nursery: trio.Nursery, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection looks up again: what was harmless yesterday proves nothing today."""
    url, targets = await server_saying(nursery, None)  # hangs up: no connection is kept
    port = int(url.rpartition(":")[2])
    real, answers = trio.socket.getaddrinfo, iter(["127.0.0.1", "10.0.0.1"])

    async def moving(host: object, *rest: object, **more: object) -> object:
        if host != "moving.test":
            return await real(host, *rest, **more)  # type: ignore[arg-type]
        return [(2, 1, 6, "", (next(answers), port))]

    monkeypatch.setattr(trio.socket, "getaddrinfo", moving)
    endpoint = endpoint_at(f"http://moving.test:{port}/")

    first = await sender.deliver(endpoint, delivery_of(), now())
    second = await sender.deliver(endpoint, delivery_of(), now())

    assert "10.0.0.1, which is not a public address" in second.error
    assert "public address" not in first.error
    assert targets == ["/"]


async def test_plain_http_is_not_spoken_unless_settings_say_so(sink: Sink) -> None:
    strict = msgspec.structs.replace(SETTINGS, allow_http=False)

    async with WebhookSender.open(strict) as sender:
        result = await sender.deliver(endpoint_at(sink.url), delivery_of(), now())

    assert (result.status, sink.verified) == (None, 0)
    assert "https://" in result.error


async def test_the_beginning_of_an_answer_is_kept_as_text_that_a_database_takes(
    sender: WebhookSender, nursery: trio.Nursery
) -> None:
    body = b"nul \x00, not utf-8 \xff " + b"a" * 5_000
    url, _ = await server_saying(nursery, Response(status=500, body=body))

    result = await sender.deliver(endpoint_at(url), delivery_of(), now())

    assert result.response.startswith("nul \ufffd, not utf-8 \ufffd aaa")
    assert len(result.response) == 1_000
    assert result.error == "answered 500"


async def test_the_milliseconds_of_an_attempt_are_told_also_when_it_fails(
    sender: WebhookSender, nursery: trio.Nursery
) -> None:
    async def slowly(request: Request) -> Response:
        await trio.sleep(0.05)
        return Response(status=200)

    listeners = await bind("127.0.0.1", 0, name="a slow merchant")
    nursery.start_soon(serve_http, slowly, listeners)
    url = f"http://127.0.0.1:{port_of(listeners)}"
    hasty = msgspec.structs.replace(SETTINGS, deliver_seconds_max=0.02)

    patient = await sender.deliver(endpoint_at(url), delivery_of(), now())
    async with WebhookSender.open(hasty) as impatient:
        late = await impatient.deliver(endpoint_at(url), delivery_of(), now())

    assert 50 <= patient.milliseconds < 5_000
    assert (late.status, 20 <= late.milliseconds < 5_000) == (None, True)


async def test_path_and_query_arrive_with_what_needs_it_escaped(
    sender: WebhookSender, nursery: trio.Nursery
) -> None:
    url, targets = await server_saying(nursery, Response(status=200))

    await sender.deliver(endpoint_at(f"{url}/a b/ç?x=1&y=%20"), delivery_of(), now())

    assert targets == ["/a%20b/%C3%A7?x=1&y=%20"]


async def test_a_sink_told_to_fail_fails_so_often_and_then_recovers(
    sender: WebhookSender, sink: Sink
) -> None:
    sink.fail(2, 503, retry_after=7)

    results = [await sender.deliver(endpoint_at(sink.url), delivery_of(), now()) for _ in range(3)]

    assert [(one.status, one.retry_after) for one in results] == [
        (503, 7.0),
        (503, 7.0),
        (204, None),
    ]
    assert sink.failed == 2


async def test_a_sink_in_its_own_process_is_held_by_its_doors() -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "fluxiq.couriers.sink"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    with trio.fail_after(PATIENCE_SECONDS):
        url = msgspec.json.decode(await process.stdout.receive_some())["url"]
        port = int(url.split(":")[2].split("/")[0])
        async with (
            process.stdout,
            HttpClient(tcp_connector("127.0.0.1", port), "sink", connections_max=1) as client,
            WebhookSender.open(SETTINGS) as sender,
        ):
            call = partial(client.request, seconds_max=5)
            trusted = await call("POST", "/trust", body=msgspec.json.encode({"secret": SECRET}))
            failing = await call("POST", "/fail", body=b'{"count": 1, "status": 500}')
            nonsense = await call("POST", "/fail", body=b'{"count": -1}')
            for _ in range(2):
                await sender.deliver(endpoint_at(url), delivery_of(), now())
            statistics = msgspec.json.decode((await call("GET", "/statistics")).body)

        process.terminate()
        assert await process.wait() == 0

    assert (trusted.status, failing.status, nonsense.status) == (204, 204, 422)
    assert (statistics["verified"], statistics["failed"]) == (1, 1)


# TLS.


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a merchant")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path / "merchant.pem"
    file.write_bytes(
        signed.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    return file


async def serve_tls(certificate: Path, nursery: trio.Nursery) -> str:
    """A merchant with a certificate, who answers everything with 200 and keeps the connection."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def answer(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            async for _ in stream:
                await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (trio.BrokenResourceError, ssl.SSLError):
            return

    listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, answer, listeners)
    port: int = listeners[0].transport_listener.socket.getsockname()[1]
    return f"https://127.0.0.1:{port}/"


async def test_https_is_spoken_to_a_merchant_with_a_valid_certificate(
    certificate: Path,
    sender: WebhookSender,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = await serve_tls(certificate, nursery)

    results = [await sender.deliver(endpoint_at(url), delivery_of(), now()) for _ in range(3)]

    assert [one.status for one in results] == [200, 200, 200]


async def test_a_certificate_nobody_vouches_for_gets_nothing(
    certificate: Path, sender: WebhookSender, nursery: trio.Nursery
) -> None:
    url = await serve_tls(certificate, nursery)

    result = await sender.deliver(endpoint_at(url), delivery_of(), now())

    assert result.status is None
    assert "certificate verify failed" in result.error
