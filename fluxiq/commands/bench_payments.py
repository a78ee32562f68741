"""Payments per second, beside a bare echo on the same server software, in the same run.

The platform, the echo and this load generator are three processes; the embedded servers and the
simulator share the machine with them, as they do on a laptop.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

from actors.start import Addresses, read_addresses
from fluxiq.commands.demo_data import Login, read_logins
from fluxiq.commands.figures import Figure, latencies
from fluxiq.commands.merchant import Json, Merchant
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.errors import StartRefused
from fluxiq.http1 import HttpClient, tcp_connector
from fluxiq.providers.simulator import PayBrCode, SimulatorControl

START_SECONDS_MAX = 60.0
CALL_SECONDS_MAX = 30.0
SETTLE_SECONDS_MAX = 300.0
SHARE_AIMED = 0.5
AMOUNT = 1_00
KEY = "confirmed@simulator.example"


async def measure_payments(payments: int, callers: int) -> list[Figure]:
    """`payments` of each kind, `callers` requests in flight."""
    echo = await _echo_rate(payments, callers)
    async with _platform() as (addresses, login):
        return await _payments(addresses, login, payments, callers, echo)


async def _payments(
    addresses: Addresses, login: Login, payments: int, callers: int, echo: float
) -> list[Figure]:
    async with (
        Merchant.open(addresses.api, login) as merchant,
        merchant.watch() as events,
        _sink(merchant) as sink,
        _client(addresses.api) as http,
        SimulatorControl.open(addresses.simulator or "") as simulator,
    ):
        load = _Load(http, login, events)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load.listen)
            charges = await _charges(load, simulator, payments, callers, echo)
            await _fund(load, simulator, payments)
            payouts = await _payouts(load, payments, callers, echo)
            nursery.cancel_scope.cancel()
        told = Figure(
            name="signed webhooks verified by the merchant", value=sink.verified, unit="events"
        )
    base = Figure(name="bare echo", value=echo, unit="requests/s")
    return [base, *charges, *payouts, told]


async def _charges(
    load: "_Load", simulator: SimulatorControl, payments: int, callers: int, echo: float
) -> list[Figure]:
    """Charges accepted; then all of them paid at once by the simulator."""
    charges: list[Json] = []

    async def open_one(_: int) -> None:
        charges.append(await load.post("/pix/charges", {"amount": AMOUNT, "description": "bench"}))

    seconds = await _closed_loop(payments, callers, open_one)
    wanted = [PayBrCode(ispb=load.login.ispb, br_code=one["qr_code"]) for one in charges]
    started = trio.current_time()
    await simulator.pay_many(wanted)
    ended = await load.wait_for({one["id"] for one in charges}, "pix.charge.paid")
    return [
        *_rates("charges accepted", payments / seconds, echo),
        Figure(
            name="charges paid, all at once",
            value=payments / (max(ended.values()) - started),
            unit="payments/s",
        ),
    ]


async def _fund(load: "_Load", simulator: SimulatorControl, payments: int) -> None:
    """Money for twice as many payouts."""
    charge = await load.post("/pix/charges", {"amount": 3 * payments * AMOUNT})
    await simulator.pay(ispb=load.login.ispb, br_code=charge["qr_code"])
    await load.wait_for({charge["id"]}, "pix.charge.paid")


async def _payouts(load: "_Load", payments: int, callers: int, echo: float) -> list[Figure]:
    """Payouts at full load, then offered at half of what was accepted."""
    run = f"{trio.current_time():.6f}"
    sent: dict[str, float] = {}
    accepted: list[float] = []

    async def open_one(number: int) -> None:
        started = trio.current_time()
        made = await load.post(
            "/pix/payouts",
            {
                "amount": AMOUNT,
                "recipient": {"pix_key": KEY},
                "idempotency_key": f"bench-{run}-{number}",
            },
        )
        accepted.append(trio.current_time() - started)
        sent[made["id"]] = started

    started = trio.current_time()
    seconds = await _closed_loop(payments, callers, open_one)
    ended = await load.wait_for(set(sent), "pix.payout.confirmed")
    figures = [
        *_rates("payouts accepted", payments / seconds, echo),
        Figure(
            name="payouts confirmed at full load",
            value=payments / (max(ended.values()) - started),
            unit="payments/s",
        ),
        *latencies("payout accepted, full load", accepted),
        *latencies("payout to its end, full load", [ended[one] - sent[one] for one in sent]),
    ]

    sent.clear()
    offered = payments / seconds / 2
    await _open_loop(range(payments, 2 * payments), offered, open_one)
    ended = await load.wait_for(set(sent), "pix.payout.confirmed")
    half = [ended[one] - sent[one] for one in sent]
    return [*figures, *latencies(f"payout to its end, {offered:.0f}/s offered", half)]


def _rates(name: str, rate: float, echo: float) -> list[Figure]:
    share = rate / echo
    return [
        Figure(name=name, value=rate, unit="requests/s"),
        Figure(
            name=f"{name}, share of the echo",
            value=share,
            unit="",
            aim=f"at least {SHARE_AIMED}",
            holds=share >= SHARE_AIMED,
        ),
    ]


class _Load:
    """One merchant's requests, and when its payments ended by the websocket's word."""

    def __init__(
        self, http: HttpClient, login: Login, events: trio.MemoryReceiveChannel[Json]
    ) -> None:
        self.login = login
        self._http = http
        self._events = events
        self._headers = {
            "authorization": f"Bearer {login.api_key}",
            "content-type": "application/json",
        }
        self._ended: dict[tuple[str, str], float] = {}
        self._news = trio.Event()

    async def post(self, path: str, body: Json) -> Json:
        response = await self._http.request(
            "POST",
            f"/api/v1{path}",
            headers=self._headers,
            body=msgspec.json.encode(body),
            seconds_max=CALL_SECONDS_MAX,
        )
        if response.status not in {201, 202}:
            raise StartRefused(f"{path} answered {response.status}: {response.body.decode()}")
        made: Json = msgspec.json.decode(response.body)["data"]
        return made

    async def listen(self) -> None:
        async for event in self._events:
            self._ended[event["type"], event["data"]["id"]] = trio.current_time()
            self._news.set()
            self._news = trio.Event()

    async def wait_for(self, ids: set[str], kind: str) -> dict[str, float]:
        """When each of `ids` had its event of `kind`. Raises StartRefused when some never do."""
        with trio.move_on_after(SETTLE_SECONDS_MAX):
            while not all((kind, one) in self._ended for one in ids):
                await self._news.wait()
        missing = [one for one in ids if (kind, one) not in self._ended]
        if missing:
            raise StartRefused(f"{len(missing)} payments had no {kind}, {missing[0]} among them")
        return {one: self._ended[kind, one] for one in ids}


async def _closed_loop(count: int, callers: int, one: Callable[[int], Awaitable[None]]) -> float:
    """`callers` at once, each starting anew as soon as it is answered; returns the seconds."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await one(number)

    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)
    return trio.current_time() - started


async def _open_loop(
    numbers: range, per_second: float, one: Callable[[int], Awaitable[None]]
) -> None:
    """Start one after the other at a steady rate, whatever becomes of them."""
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        for index, number in enumerate(numbers):
            await trio.sleep_until(started + index / per_second)
            nursery.start_soon(one, number)


async def _echo_rate(count: int, callers: int) -> float:
    async with _process(["-m", "fluxiq.commands.echo"], {}) as process:
        assert process.stdout is not None, "its output is a pipe"
        port = msgspec.json.decode(await process.stdout.receive_some())["port"]
        body = msgspec.json.encode({"amount": AMOUNT, "recipient": {"pix_key": KEY}})
        async with _client(f"http://127.0.0.1:{port}") as http:

            async def one(_: int) -> None:
                response = await http.request("POST", "/", body=body, seconds_max=CALL_SECONDS_MAX)
                assert response.status == 200, response.status  # noqa: PLR2004

            await _closed_loop(callers, callers, one)
            return count / await _closed_loop(count, callers, one)


@asynccontextmanager
async def _platform() -> AsyncIterator[tuple[Addresses, Login]]:
    """A platform of its own in a directory of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fluxiq-bench-") as folder:
        environ = {
            "FLUXIQ_DATA_DIR": folder,
            "FLUXIQ_HTTP__PORT": "0",
            "FLUXIQ_SIMULATOR__PORT": "0",
            "FLUXIQ_LOG__LEVEL": "error",
        }
        async with _process(["-m", "fluxiq", "up"], environ):
            with trio.fail_after(START_SECONDS_MAX):
                while not (logins := read_logins(Path(folder))):  # noqa: ASYNC110  another process
                    await trio.sleep(0.1)
            yield read_addresses(folder), logins[0]


@asynccontextmanager
async def _process(words: list[str], environ: dict[str, str]) -> AsyncIterator[trio.Process]:
    process = await trio.lowlevel.open_process(
        [sys.executable, *words], stdout=subprocess.PIPE, env={**os.environ, **environ}
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(START_SECONDS_MAX):
            process.terminate()
            await process.wait()


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[HttpClient]:
    place = url.removeprefix("http://")
    host, _, port = place.partition(":")
    async with HttpClient(tcp_connector(host, int(port)), place, connections_max=1024) as client:
        yield client


@asynccontextmanager
async def _sink(merchant: Merchant) -> AsyncIterator[Sink]:
    async with trio.open_nursery() as nursery:
        sink: Sink = await nursery.start(lambda task_status: serve_sink(task_status=task_status))
        endpoint = await merchant.post("/webhooks", {"url": sink.url})
        sink.trust(endpoint["secret"])
        yield sink
        nursery.cancel_scope.cancel()
