"""A platform to be hurt: its processes, its tree, and merchants with money and an endpoint."""

import os
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import trio

from actors.start import Running, open_platform
from fluxiq import settings as config
from fluxiq.admin.client import ask_tree
from fluxiq.admin.protocol import NodeView
from fluxiq.commands.demo_data import Login
from fluxiq.commands.merchant import Merchant
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.providers.simulator import SimulatorControl
from tests.support.folders import short_folder
from tests.support.patience import PATIENCE_SECONDS
from tests.support.platform import PlatformProcess

SERVERS = "root/infrastructure/servers"
SIMULATOR = "root/gateway/simulator"
FUNDS = 100_000_00

# A delivery that was under way comes again when its lease is over; an order in doubt is asked about
# after a silence. Both are short here.
ENVIRON = {
    "FLUXIQ_WEBHOOKS__DELIVER_SECONDS_MAX": "5",
    "FLUXIQ_PIX__ENQUIRE_AFTER_SECONDS": "2",
}


@dataclass(frozen=True, slots=True)
class House:
    """A platform that is used, hurt and used again, and the merchants' common endpoint."""

    platform: PlatformProcess
    sink: Sink

    @property
    def admin_socket(self) -> Path:
        return Path(self.platform.addresses.admin_socket)

    async def nodes(self) -> dict[str, NodeView]:
        tree = await ask_tree(self.admin_socket)
        return {node.path: node for node in tree.nodes}

    async def pid(self, path: str) -> int:
        pid: int = (await self.nodes())[path].facts["pid"]
        return pid

    async def server_pids(self) -> dict[str, int]:
        """Every process that the platform started, by its path in the tree."""
        nodes = await self.nodes()
        return {path: node.facts["pid"] for path, node in nodes.items() if "pid" in node.facts}

    async def family(self, path: str) -> list[int]:
        """The process of a server and its children, which are in its session."""
        leader = await self.pid(path)
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  no disk
        return [pid for pid in pids if _session_of(pid) == leader]


@contextmanager
def open_house(environ: Mapping[str, str] | None = None, *, merchants: int = 2) -> Iterator[House]:
    """A platform in a process of its own. Every merchant has an endpoint, and money to spend."""
    with short_folder("own") as folder:
        platform = PlatformProcess(
            folder / "data", {**ENVIRON, **(environ or {})}, merchants=merchants
        )
        try:
            platform.start()
            with merchants_endpoint() as sink:
                for login in platform.logins.values():
                    _furnish(platform, sink, login)
                yield House(platform, sink)
        finally:
            platform.close()


@contextmanager
def merchants_endpoint() -> Iterator[Sink]:
    """In a thread of its own, so that it is there before, between and after the tests."""
    begun: queue.Queue[tuple[Sink, trio.CancelScope, trio.lowlevel.TrioToken]] = queue.Queue()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            sink: Sink = await nursery.start(_serve_sink)
            begun.put((sink, nursery.cancel_scope, trio.lowlevel.current_trio_token()))

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    sink, scope, token = begun.get(timeout=10)
    try:
        yield sink
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join()


async def _serve_sink(*, task_status: trio.TaskStatus[Sink]) -> None:
    await serve_sink(task_status=task_status)


def _furnish(platform: PlatformProcess, sink: Sink, login: Login) -> None:
    paid = httpx.post(
        f"{platform.addresses.simulator}/pay-key",
        json={"ispb": login.ispb, "pix_key": login.pix_key, "amount": FUNDS},
        trust_env=False,
    )
    assert paid.status_code == 200, paid.text

    with httpx.Client(
        base_url=f"{platform.addresses.api}/api/v1",
        headers={"Authorization": f"Bearer {login.api_key}"},
        trust_env=False,
    ) as http:
        hook = {"url": sink.url, "events": ["pix.*"]}
        sink.trust(http.post("/webhooks", json=hook).json()["data"]["secret"])

        path = f"/accounts/{login.account_id}/balance"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while http.get(path).json()["data"]["available"] < FUNDS:
            assert time.monotonic() < deadline, "the money did not arrive"
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie is dead, though nobody may have reaped it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


@asynccontextmanager
async def platform_here() -> AsyncIterator[Running]:
    """A platform in this process, whose tree can be touched."""
    with short_folder("own") as folder:
        settings = config.load(
            {
                "FLUXIQ_DATA_DIR": str(folder / "data"),
                "FLUXIQ_HTTP__PORT": "0",
                "FLUXIQ_SIMULATOR__PORT": "0",
                "FLUXIQ_WEB__ENABLED": "false",
            }
        )
        async with open_platform(settings) as running:
            yield running


def pid_of(running: Running, server: str) -> int:
    nodes = {node.path: node for node in running.tree.snapshot().nodes}
    pid = nodes[f"{SERVERS}/{server}"].facts["pid"]
    assert isinstance(pid, int)
    return pid


def restarted(before: dict[str, NodeView], after: dict[str, NodeView]) -> set[str]:
    """Who was started again since `before` (without it: since the platform's start). All run."""
    asleep = {path: node.state for path, node in after.items() if node.state != "running"}
    assert asleep == {}
    assert before.keys() <= after.keys()
    return {
        path
        for path, node in after.items()
        if node.incarnation > (before[path].incarnation if path in before else 1)
    }


async def show_a_payment(merchant: Merchant, simulator: str) -> None:
    """The windows are open again: a payment made now is pushed to the merchant's websocket."""
    async with merchant.watch() as events, SimulatorControl.open(simulator) as control:
        charge = await merchant.api.charges.create(amount=5_00)
        await control.pay(ispb=merchant.login.ispb, br_code=charge.qr_code)
        with trio.fail_after(PATIENCE_SECONDS):
            async for event in events:
                if event["type"] == "pix.charge.paid" and event["data"]["id"] == charge.id:
                    return
            raise AssertionError("the websocket was closed before it told")
