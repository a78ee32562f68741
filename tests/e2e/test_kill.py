"""`kill -9` in the middle of payments: of each server, of the provider, of the platform itself.

Whatever dies, nobody lends a hand afterwards. Every payment reaches one end, once; the books
balance and agree with the provider's; the tree is whole; and nobody but the dead was restarted.
"""

import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from fluxiq.admin.client import ask_tree
from fluxiq.admin.protocol import NodeView
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.merchant import Merchant
from fluxiq.couriers.sink import HOOK, Sink, serve_sink
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.stores.pool import Postgres
from tests.support.embedded import temporary_folder
from tests.support.platform import PlatformProcess
from tests.support.storm import Storm
from tests.support.verdict import Provider, judge, open_books, unfinished

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]

CALM_SECONDS_MAX = 60.0
PAUSED_SECONDS = 3.0
DEATH_SECONDS_MAX = 10.0
PUSH_SECONDS_MAX = 10.0
FUNDS = 100_000_00
SERVERS = "root/infrastructure/servers"
SIMULATOR = "root/gateway/simulator"


@dataclass(frozen=True, slots=True)
class House:
    """A platform that is used, hurt and used again, and the merchants' common endpoint."""

    platform: PlatformProcess
    sink_port: int
    secrets: tuple[str, ...]

    async def nodes(self) -> dict[str, NodeView]:
        tree = await ask_tree(Path(self.platform.addresses.admin_socket))
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
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if _session_of(pid) == leader]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    # A delivery that was under way comes again when its lease is over; an order in doubt is asked
    # about after a silence. Both are short here.
    environ = {
        "FLUXIQ_WEBHOOKS__DELIVER_SECONDS_MAX": "2",
        "FLUXIQ_PIX__ENQUIRE_AFTER_SECONDS": "2",
    }
    with temporary_folder() as folder:
        platform = PlatformProcess(folder / "data", environ)
        try:
            platform.start()
            yield _furnished(platform)
        finally:
            platform.close()


def _furnished(platform: PlatformProcess) -> House:
    """Every merchant has an endpoint, and money to spend."""
    port, secrets = _free_port(), []
    for login in platform.logins.values():
        with httpx.Client(
            base_url=f"{platform.addresses.api}/api/v1",
            headers={"Authorization": f"Bearer {login.api_key}"},
            trust_env=False,
        ) as http:
            hook = {"url": f"http://127.0.0.1:{port}{HOOK}", "events": ["pix.*"]}
            secrets.append(http.post("/webhooks", json=hook).json()["data"]["secret"])
        paid = httpx.post(
            f"{platform.addresses.simulator}/pay-key",
            json={"ispb": login.ispb, "pix_key": login.pix_key, "amount": FUNDS},
            trust_env=False,
        )
        assert paid.status_code == 200, paid.text
    return House(platform, port, tuple(secrets))


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("server", ["postgres", "nats", "redis"])
async def test_every_payment_ends_once_when_a_server_is_killed(
    house: House, asyncio_host: AsyncioHost, server: str
) -> None:
    before = await house.nodes()
    async with storm_over(house, asyncio_host, f"kill-{server}"):
        os.kill(await house.pid(f"{SERVERS}/{server}"), signal.SIGKILL)

    assert restarted(before, await house.nodes()) == {f"{SERVERS}/{server}"}


async def test_every_payment_ends_once_when_nats_is_killed_and_its_store_is_lost(
    house: House, asyncio_host: AsyncioHost
) -> None:
    before = await house.nodes()
    async with storm_over(house, asyncio_host, "lose-nats"):
        pid = await house.pid(f"{SERVERS}/nats")
        os.kill(pid, signal.SIGSTOP)
        shutil.rmtree(house.platform.data_dir / "nats" / "store")
        os.kill(pid, signal.SIGKILL)

    assert restarted(before, await house.nodes()) == {f"{SERVERS}/nats"}


async def test_every_payment_ends_once_when_the_provider_is_killed(
    house: House, asyncio_host: AsyncioHost
) -> None:
    before = await house.nodes()
    async with storm_over(house, asyncio_host, "kill-provider"):
        os.kill(await house.pid(SIMULATOR), signal.SIGKILL)

    assert restarted(before, await house.nodes()) == {SIMULATOR}


async def test_every_payment_ends_once_when_postgres_stands_still(
    house: House, asyncio_host: AsyncioHost
) -> None:
    before = await house.nodes()
    async with storm_over(house, asyncio_host, "pause-postgres"):
        group = await house.family(f"{SERVERS}/postgres")
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        await trio.sleep(PAUSED_SECONDS)
        for pid in group:
            os.kill(pid, signal.SIGCONT)

    assert restarted(before, await house.nodes()) == set()


@pytest.mark.parametrize("company", ["alone", "with_postgres"])
async def test_every_payment_ends_once_when_the_platform_is_killed(
    house: House, asyncio_host: AsyncioHost, company: str
) -> None:
    async with storm_over(house, asyncio_host, f"kill-platform-{company}"):
        servers = await house.server_pids()
        if company == "with_postgres":
            os.kill(await house.pid(f"{SERVERS}/postgres"), signal.SIGKILL)
        house.platform.kill()

        with trio.fail_after(DEATH_SECONDS_MAX):
            while alive := [name for name, pid in servers.items() if is_alive(pid)]:
                await trio.sleep(0.02)
        assert not alive
        await trio.to_thread.run_sync(house.platform.start)

    assert restarted({}, await house.nodes()) == set()


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


@asynccontextmanager
async def storm_over(house: House, host: AsyncioHost, name: str) -> AsyncIterator[None]:
    """A storm that blows beside the block, which begins in the middle of payments; then verdict."""
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        storm = Storm(house.platform, await nursery.start(_serve_sink, house), name)
        await _until_funded(house)

        async with trio.open_nursery() as gusts:
            gusts.start_soon(storm.blow)
            assert await storm.until_under_way(), "nothing is under way"
            yield

        books = {
            ispb: await stack.enter_async_context(open_books(host, house.platform.data_dir, ispb))
            for ispb in house.platform.logins
        }
        await _until_calm(house, books)
        await _verdict(house, books, storm)
        nursery.cancel_scope.cancel()


async def _serve_sink(house: House, *, task_status: trio.TaskStatus[Sink]) -> None:
    async with trio.open_nursery() as nursery:
        sink: Sink = await nursery.start(partial(_sink_at, house.sink_port))
        for secret in house.secrets:
            sink.trust(secret)
        task_status.started(sink)


async def _sink_at(port: int, *, task_status: trio.TaskStatus[Sink]) -> None:
    await serve_sink(port=port, task_status=task_status)


async def _until_funded(house: House) -> None:
    for login in house.platform.logins.values():
        async with Merchant.open(house.platform.addresses.api, login) as merchant:
            with trio.fail_after(CALM_SECONDS_MAX):
                while (await _balance(merchant))["available"] < FUNDS // 2:
                    await trio.sleep(0.05)


async def _until_calm(house: House, books: dict[str, Postgres]) -> None:
    deadline = trio.current_time() + CALM_SECONDS_MAX
    while True:
        provider = Provider.read(house.platform.data_dir)
        waiting = {ispb: await unfinished(books[ispb], provider) for ispb in books}
        if not any(waiting.values()):
            return
        assert trio.current_time() < deadline, f"after {CALM_SECONDS_MAX:g} s: {waiting}"
        await trio.sleep(0.1)


async def _verdict(house: House, books: dict[str, Postgres], storm: Storm) -> None:
    provider = Provider.read(house.platform.data_dir)
    for ispb, login in house.platform.logins.items():
        assert await judge(books[ispb], provider, storm, login) == []

        async with Merchant.open(house.platform.addresses.api, login) as merchant:
            balance = await _balance(merchant)
            assert (balance["available"], balance["pending"]) == (provider.balance(ispb), 0)
            await _show_a_payment(house, merchant)


async def _show_a_payment(house: House, merchant: Merchant) -> None:
    """The windows are open again: a payment made now is pushed to the merchant's websocket."""
    simulator = house.platform.addresses.simulator
    assert simulator is not None
    async with merchant.watch() as events, SimulatorControl.open(simulator) as control:
        charge = await merchant.charge(5_00)
        await control.pay(ispb=merchant.login.ispb, br_code=charge["qr_code"])
        with trio.fail_after(PUSH_SECONDS_MAX):
            async for event in events:
                if event["type"] == "pix.charge.paid" and event["data"]["id"] == charge["id"]:
                    return


async def _balance(merchant: Merchant) -> dict[str, int]:
    found: dict[str, int] = await merchant.get(f"/accounts/{merchant.login.account_id}/balance")
    return found
