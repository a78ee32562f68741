"""Payments per second, beside a bare echo on the same server software, in the same run.

The platform, the echo and this load generator are three processes; the embedded servers and the
simulator share the machine with them, as they do on a laptop.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import msgspec
import trio

from actors.addresses import Addresses, read_addresses
from fluxiq.commands.demo_data import Login, read_logins
from fluxiq.commands.figures import Figure, latencies
from fluxiq.commands.merchant import Json, Merchant
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.errors import StartRefused
from fluxiq.http1 import HttpClient, tcp_connector
from fluxiq.providers.simulator import PayBrCode, SimulatorControl

START_SECONDS_MAX = 60.0
CALL_SECONDS_MAX = 30.0
SETTLE_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.1
SHARE_AIMED = 0.5
AMOUNT = 1_00
KEY = "confirmed@simulator.example"
_OPEN = {"pending", "processing"}

Life: TypeAlias = tuple[datetime, datetime]


async def measure_payments(payments: int, callers: int) -> list[Figure]:
    """`payments` of each kind, `callers` requests in flight."""
    async with _platform() as (addresses, login):
        return await _payments(addresses, login, payments, callers)


async def _payments(
    addresses: Addresses, login: Login, payments: int, callers: int
) -> list[Figure]:
    echo = _Echo(payments, callers)
    async with (
        Merchant.open(addresses.api, login) as merchant,
        _sink(merchant) as sink,
        _client(addresses.api) as http,
        SimulatorControl.open(addresses.simulator or "") as simulator,
    ):
        load = _Load(http, login)
        charges = await _charges(load, simulator, sink, echo, payments=payments, callers=callers)
        await _fund(load, simulator, payments)
        payouts = await _payouts(load, payments, callers, echo)
        told = Figure(
            name="signed webhooks verified by the merchant", value=sink.verified, unit="events"
        )
    return [*charges, *payouts, told]


async def _charges(
    load: "_Load",
    simulator: SimulatorControl,
    sink: Sink,
    echo: "_Echo",
    *,
    payments: int,
    callers: int,
) -> list[Figure]:
    """Charges accepted; then all of them paid at once by the simulator."""
    charges: list[Json] = []

    async def open_one(_: int) -> None:
        charges.append(await load.post("/pix/charges", {"amount": AMOUNT, "description": "bench"}))

    before = await echo.rate()
    seconds = await _closed_loop(payments, callers, open_one)
    after = await echo.rate()
    wanted = [PayBrCode(ispb=load.login.ispb, br_code=one["qr_code"]) for one in charges]
    started = trio.current_time()
    await simulator.pay_many(wanted)
    await _told_of(sink, "pix.charge.paid", payments)
    return [
        *_rates("charges accepted", payments / seconds, (before + after) / 2),
        Figure(
            name="charges paid and told by webhook, all at once",
            value=payments / (trio.current_time() - started),
            unit="payments/s",
        ),
    ]


async def _told_of(sink: Sink, kind: str, count: int) -> None:
    """Until the merchant's endpoint has heard of `count` events of this kind."""
    with trio.move_on_after(SETTLE_SECONDS_MAX):
        while sink.statistics().types.get(kind, 0) < count:
            await sink.wait_for_events(len(sink.told) + 1)
        return
    raise StartRefused(f"the merchant did not hear of {count} {kind}")


async def _fund(load: "_Load", simulator: SimulatorControl, payments: int) -> None:
    """Money for twice as many payouts."""
    charge = await load.post("/pix/charges", {"amount": 3 * payments * AMOUNT})
    await simulator.pay(ispb=load.login.ispb, br_code=charge["qr_code"])
    await load.ends("/pix/charges", [charge["id"]])


async def _payouts(load: "_Load", payments: int, callers: int, echo: "_Echo") -> list[Figure]:
    """Payouts at full load, then offered at half of what was accepted."""
    run = f"{trio.current_time():.6f}"
    ids: list[str] = []
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
        ids.append(made["id"])

    before = await echo.rate()
    seconds = await _closed_loop(payments, callers, open_one)
    full = await load.ends("/pix/payouts", ids)
    after = await echo.rate()

    ids.clear()
    offered = payments / seconds / 2
    half_accepted = len(accepted)
    await _open_loop(range(payments, 2 * payments), offered, open_one)
    half = await load.ends("/pix/payouts", ids)
    return [
        *_rates("payouts accepted", payments / seconds, (before + after) / 2),
        Figure(name="payouts confirmed at full load", value=_rate(full), unit="payments/s"),
        *latencies("payout accepted, full load", accepted[:half_accepted]),
        *latencies("payout to its end, full load", _spans(full)),
        *latencies(f"payout accepted, {offered:.0f}/s offered", accepted[half_accepted:]),
        *latencies(f"payout to its end, {offered:.0f}/s offered", _spans(half)),
    ]


def _rates(name: str, rate: float, echo: float) -> list[Figure]:
    """Beside the echo's rate just before and just after: a shared machine changes its speed."""
    share = rate / echo
    return [
        Figure(name=f"bare echo, around {name}", value=echo, unit="requests/s"),
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
    """One merchant's requests, over connections of its own."""

    def __init__(self, http: HttpClient, login: Login) -> None:
        self.login = login
        self._http = http
        self._headers = {
            "authorization": f"Bearer {login.api_key}",
            "content-type": "application/json",
        }

    async def post(self, path: str, body: Json) -> Json:
        return await self._call("POST", path, msgspec.json.encode(body))

    async def ends(self, path: str, ids: Sequence[str]) -> list[Life]:
        """Look at each until it has ended. Raises StartRefused when one never does."""
        lives = []
        for one in ids:
            with trio.move_on_after(SETTLE_SECONDS_MAX):
                record = await self._call("GET", f"{path}/{one}", b"")
                while record["status"] in _OPEN:
                    await trio.sleep(LOOK_SECONDS)
                    record = await self._call("GET", f"{path}/{one}", b"")
                lives.append(_life(record))
                continue
            raise StartRefused(f"{path}/{one} did not end within {SETTLE_SECONDS_MAX:g} s")
        return lives

    async def _call(self, method: str, path: str, body: bytes) -> Json:
        response = await self._http.request(
            method,
            f"/api/v1{path}",
            headers=self._headers,
            body=body,
            seconds_max=CALL_SECONDS_MAX,
        )
        if response.status not in {200, 201, 202}:
            raise StartRefused(f"{path} answered {response.status}: {response.body.decode()}")
        said: Json = msgspec.json.decode(response.body)["data"]
        return said


def _life(record: Json) -> Life:
    """From creation to the end, as the record has it (a charge: to the provider's notice)."""
    ended = record.get("updated_at") or record["paid_at"]
    return datetime.fromisoformat(record["created_at"]), datetime.fromisoformat(ended)


def _spans(lives: Sequence[Life]) -> list[float]:
    return [(ended - created).total_seconds() for created, ended in lives]


def _rate(lives: Sequence[Life]) -> float:
    """Ended per second, from the first creation to the last end."""
    first, last = min(created for created, _ in lives), max(ended for _, ended in lives)
    return len(lives) / (last - first).total_seconds()


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


class _Echo:
    """The bare server, started anew for each look at its rate."""

    def __init__(self, count: int, callers: int) -> None:
        self._count = count
        self._callers = callers

    async def rate(self) -> float:
        """Requests per second, after a warm-up."""
        return await _echo_rate(self._count, self._callers)


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
