"""`kill -9` in the middle of payments: of each server, of the provider, of the platform itself.

Whatever dies, nobody lends a hand afterwards. Every payment reaches one end, once; the books
balance and agree with the provider's; the tree is whole; and nobody but the dead was restarted.
"""

import os
import shutil
import signal
from collections.abc import Iterator

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.demo_data import demo_logins
from fluxiq.commands.merchant import Merchant
from supervisors import EventKind
from tests.support.aftermath import CALM_SECONDS_MAX, storm_over
from tests.support.house import (
    SERVERS,
    SIMULATOR,
    House,
    is_alive,
    open_house,
    pid_of,
    platform_here,
    restarted,
    show_a_payment,
)
from tests.support.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]

PAUSED_SECONDS = 3.0


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house() as house:
        yield house


@pytest.mark.parametrize("server", ["postgres", "nats", "redis"])
async def test_every_payment_ends_once_when_a_server_is_killed(
    house: House, asyncio_host: AsyncioHost, server: str
) -> None:
    before = await house.nodes()
    async with storm_over(house, asyncio_host, f"kill-{server}"):
        os.kill(await house.pid(f"{SERVERS}/{server}"), signal.SIGKILL)

    assert restarted(before, await house.nodes()) == {f"{SERVERS}/{server}"}


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

        with trio.fail_after(PATIENCE_SECONDS):
            while any(map(is_alive, servers.values())):  # noqa: ASYNC110  they are not our children
                await trio.sleep(0.02)
        await trio.to_thread.run_sync(house.platform.start)

    assert restarted({}, await house.nodes()) == set()


async def test_an_institution_that_restarts_while_postgres_is_away_waits_for_it() -> None:
    async with platform_here() as running:
        ispb = running.platform.ispbs[0]
        os.kill(pid_of(running, "postgres"), signal.SIGKILL)
        with trio.fail_after(CALM_SECONDS_MAX):
            await running.tree.restart_child(f"root/institutions/{ispb}/desk")

        assert running.platform.tenants.get(ispb)
        failed = {EventKind.CRASHED, EventKind.START_FAILED}
        fallen = [event.path for event in running.tree.events() if event.kind in failed]
        assert fallen == [f"{SERVERS}/postgres"]


async def test_payments_go_on_after_nats_came_back_without_its_store() -> None:
    async with platform_here() as running:
        pid = pid_of(running, "nats")
        os.kill(pid, signal.SIGSTOP)  # it must not write in a folder that is being removed
        shutil.rmtree(running.platform.directory.path / "nats" / "store")
        os.kill(pid, signal.SIGKILL)

        for login in await demo_logins(running.platform):
            async with Merchant.open(running.platform.api_url, login) as merchant:
                await show_a_payment(merchant, running.platform.simulator_url)
