"""A platform of its own with a merchant on it, gone afterwards."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from actors.addresses import Addresses, read_addresses
from fluxiq.commands.bench_payments.load import AMOUNT, SETTLE_SECONDS_MAX, Load
from fluxiq.commands.bench_payments.processes import Cpu, client_of, process
from fluxiq.commands.demo_data import Login, read_logins
from fluxiq.commands.merchant import Merchant
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.errors import StartRefused
from fluxiq.providers.simulator import SimulatorControl

START_SECONDS_MAX: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where payments are made: over `load`, told to `sink`, with money from the `simulator`."""

    load: Load
    sink: Sink
    simulator: SimulatorControl
    pid: int

    def cpu(self) -> Cpu:
        return Cpu.of(self.pid)

    async def fund(self, payments: int) -> None:
        """Money for so many payments of AMOUNT."""
        charge = await self.load.post("/pix/charges", {"amount": payments * AMOUNT})
        await self.simulator.pay(ispb=self.load.login.ispb, br_code=charge["qr_code"])
        await self.load.ends("/pix/charges", [charge["id"]])

    async def told_of(self, kind: str, count: int) -> None:
        """Until the merchant's endpoint has heard of `count` events of this kind."""
        with trio.move_on_after(SETTLE_SECONDS_MAX):
            while self.sink.statistics().types.get(kind, 0) < count:
                await self.sink.wait_for_events(len(self.sink.told) + 1)
            return
        raise StartRefused(f"the merchant did not hear of {count} {kind}")


@asynccontextmanager
async def open_place() -> AsyncIterator[Place]:
    async with (
        bench_platform() as (addresses, login),
        Merchant.open(addresses.api, login) as merchant,
        _sink(merchant) as sink,
        client_of(addresses.api) as http,
        SimulatorControl.open(addresses.simulator or "") as simulator,
    ):
        load = Load(http, login)
        yield Place(load=load, sink=sink, simulator=simulator, pid=addresses.pid)


@asynccontextmanager
async def bench_platform(**settings: str) -> AsyncIterator[tuple[Addresses, Login]]:
    """A platform of its own in a directory of its own, gone afterwards. `settings` are variables
    such as FLUXIQ_HTTP__SOCKETS_PER_MERCHANT.
    """
    with tempfile.TemporaryDirectory(prefix="fluxiq-bench-") as folder:
        environ = {
            "FLUXIQ_DATA_DIR": folder,
            "FLUXIQ_HTTP__PORT": "0",
            "FLUXIQ_SIMULATOR__PORT": "0",
            "FLUXIQ_WEB__ENABLED": "false",
            "FLUXIQ_LOG__LEVEL": "error",
            **settings,
        }
        async with process(["-m", "fluxiq", "up"], environ):
            with trio.fail_after(START_SECONDS_MAX):
                while not (logins := read_logins(Path(folder))):  # noqa: ASYNC110  another process
                    await trio.sleep(0.1)
            yield read_addresses(folder), logins[0]


@asynccontextmanager
async def _sink(merchant: Merchant) -> AsyncIterator[Sink]:
    async with trio.open_nursery() as nursery:
        sink: Sink = await nursery.start(lambda task_status: serve_sink(task_status=task_status))
        endpoint = await merchant.api.webhooks.create(url=sink.url)
        assert endpoint.secret is not None, "it is shown when the endpoint is made"
        sink.trust(endpoint.secret)
        yield sink
        nursery.cancel_scope.cancel()
