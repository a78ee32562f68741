"""TigerBeetle keeps the books, and processes die or stand still in the middle of payments.

Nobody lends a hand. Every payment reaches one end, once; TigerBeetle is in charge again; and every
transfer in the journal is in both ledgers or in neither. When exactly something dies is drawn from
a seed: LEDGER_FAULTS_SEED draws the same again, as far as the machine lets it.
"""

import os
import random
import secrets
import signal
from collections.abc import Iterable, Iterator

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from tests.support.house import SERVERS, House, is_alive, restarted
from tests.support.ledger_house import (
    LONG_SECONDS,
    SHORT_SECONDS,
    breaker,
    modes_of,
    open_ledger_house,
    open_ledger_house_beside,
    proven_storm_over,
    status_text,
    until_breaker,
    until_modes,
)
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import TigerBeetleServer

pytestmark = [pytest.mark.embedded, pytest.mark.tigerbeetle, pytest.mark.timeout(180)]

SEED = int(os.environ.get("LEDGER_FAULTS_SEED") or secrets.randbelow(10**6))
MOMENT_SECONDS_MAX = 0.6
PLATFORM = "platform"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_ledger_house() as house:
        yield house


@pytest.fixture(scope="module")
def beside() -> Iterator[tuple[House, TigerBeetleServer]]:
    with open_ledger_house_beside() as house:
        yield house


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> random.Random:
    print(f"LEDGER_FAULTS_SEED={SEED}")  # noqa: T201 - shown with a failure
    return random.Random(f"{SEED} {request.node.name}")


async def a_moment(moment: random.Random) -> None:
    await trio.sleep(moment.uniform(0, MOMENT_SECONDS_MAX))


# One of them dies


@pytest.mark.parametrize("server", ["tigerbeetle", "postgres", "nats"])
async def test_no_money_is_lost_when_a_server_is_killed(
    house: House, asyncio_host: AsyncioHost, moment: random.Random, server: str
) -> None:
    before = await house.nodes()
    async with proven_storm_over(house, asyncio_host, f"kill-{server}"):
        await a_moment(moment)
        await kill(house, server)

    assert restarted(before, await house.nodes()) == {f"{SERVERS}/{server}"}


async def test_no_money_is_lost_when_the_platform_is_killed(
    house: House, asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    async with proven_storm_over(house, asyncio_host, "kill-platform"):
        await a_moment(moment)
        await kill_and_start_platform(house)

    assert restarted({}, await house.nodes()) == set()


# One of them stands still


async def test_nobody_leaves_tigerbeetle_when_it_stands_still_for_a_moment(
    house: House, asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    async with proven_storm_over(house, asyncio_host, "stop-short"):
        before = await breaker(house)
        await a_moment(moment)
        await stand_still(await house.family(f"{SERVERS}/tigerbeetle"), SHORT_SECONDS)
        after = await breaker(house)

    assert after["state"] in {"suspect", "closed"}
    assert _counts(after, "fallbacks") == _counts(before, "fallbacks")


async def test_the_stand_in_answers_when_tigerbeetle_stands_still_for_long(
    house: House, asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    async with proven_storm_over(house, asyncio_host, "stop-long"):
        before = await breaker(house)
        await a_moment(moment)
        family = await house.family(f"{SERVERS}/tigerbeetle")
        send(family, signal.SIGSTOP)
        await until_breaker(house, "open")
        await until_modes(house, "standin")
        told = await status_text(house)
        await trio.sleep(1.0)
        assert modes_of(await breaker(house)) == {"standin"}
        send(family, signal.SIGCONT)

    assert told.split()[0] in {"open", "half_open"}
    assert "because: " in told
    assert told.count(" standin, epoch") == 2
    assert _counts(await breaker(house), "fallbacks") == [
        count + 1 for count in _counts(before, "fallbacks")
    ]
    assert "suspect -> open" in await status_text(house)


@pytest.mark.parametrize(
    ("who", "seconds"),
    [
        ("postgres", SHORT_SECONDS),
        ("postgres", LONG_SECONDS),
        ("nats", LONG_SECONDS),
        (PLATFORM, SHORT_SECONDS),
        (PLATFORM, LONG_SECONDS),
    ],
)
async def test_no_money_is_lost_when_a_process_stands_still(
    house: House, asyncio_host: AsyncioHost, moment: random.Random, who: str, seconds: float
) -> None:
    before = await house.nodes()
    async with proven_storm_over(house, asyncio_host, f"stop-{who}-{seconds}"):
        await a_moment(moment)
        pids = [house.platform.pid] if who == PLATFORM else await house.family(f"{SERVERS}/{who}")
        await stand_still(pids, seconds)

    assert restarted(before, await house.nodes()) == set()


# Two of them


async def test_no_money_is_lost_when_both_ledgers_are_killed(
    house: House, asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    before = await house.nodes()
    async with proven_storm_over(house, asyncio_host, "kill-both-ledgers"):
        await a_moment(moment)
        first, second = moment.sample(["tigerbeetle", "postgres"], 2)
        await kill(house, first)
        await a_moment(moment)
        await kill(house, second)

    assert restarted(before, await house.nodes()) == {
        f"{SERVERS}/tigerbeetle",
        f"{SERVERS}/postgres",
    }


@pytest.mark.parametrize("server", ["tigerbeetle", "postgres"])
async def test_no_money_is_lost_when_the_platform_dies_just_after_a_ledger(
    house: House, asyncio_host: AsyncioHost, moment: random.Random, server: str
) -> None:
    async with proven_storm_over(house, asyncio_host, f"kill-platform-and-{server}"):
        await a_moment(moment)
        await kill(house, server)
        await a_moment(moment)
        await kill_and_start_platform(house)

    assert restarted({}, await house.nodes()) == set()


# While the stand-in is in charge, and on the way back


@pytest.mark.parametrize("who", ["postgres", "nats", PLATFORM])
async def test_no_money_is_lost_when_a_process_dies_while_the_stand_in_answers(
    house: House, asyncio_host: AsyncioHost, moment: random.Random, who: str
) -> None:
    async with proven_storm_over(house, asyncio_host, f"standin-kill-{who}"):
        family = await house.family(f"{SERVERS}/tigerbeetle")
        send(family, signal.SIGSTOP)
        await until_modes(house, "standin")
        await a_moment(moment)
        if who == PLATFORM:
            await kill_and_start_platform(house)  # TigerBeetle, its child, dies with it
        else:
            await kill(house, who)
            await a_moment(moment)
            send(family, signal.SIGCONT)


@pytest.mark.parametrize("who", ["tigerbeetle", "postgres", PLATFORM])
async def test_no_money_is_lost_when_a_process_dies_on_the_way_back(
    house: House, asyncio_host: AsyncioHost, moment: random.Random, who: str
) -> None:
    async with proven_storm_over(house, asyncio_host, f"recovering-kill-{who}"):
        family = await house.family(f"{SERVERS}/tigerbeetle")
        send(family, signal.SIGSTOP)
        await until_modes(house, "standin")
        await trio.sleep(0.5)
        send(family, signal.SIGCONT)
        await until_breaker(house, "recovering")
        await trio.sleep(moment.uniform(0, 0.2))
        if who == PLATFORM:
            await kill_and_start_platform(house)
        else:
            await kill(house, who)


# TigerBeetle is somebody else's


async def test_the_platform_starts_on_the_stand_in_while_tigerbeetle_stands_still(
    beside: tuple[House, TigerBeetleServer], asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    house, server = beside
    assert server.process is not None
    async with proven_storm_over(house, asyncio_host, "beside-stopped"):
        await a_moment(moment)
        server.process.send_signal(signal.SIGSTOP)
        await a_moment(moment)
        await kill_and_start_platform(house)
        await until_modes(house, "standin")
        await trio.sleep(1.0)
        server.process.send_signal(signal.SIGCONT)


async def test_no_money_is_lost_when_tigerbeetle_and_the_platform_die_and_one_is_back_late(
    beside: tuple[House, TigerBeetleServer], asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    house, server = beside
    async with proven_storm_over(house, asyncio_host, "beside-killed"):
        await a_moment(moment)
        server.stop()
        await a_moment(moment)
        await kill_and_start_platform(house)
        await until_modes(house, "standin")
        server.start()  # not in a thread: with that it would be killed


async def test_no_money_is_lost_when_the_platform_dies_over_a_living_tigerbeetle(
    beside: tuple[House, TigerBeetleServer], asyncio_host: AsyncioHost, moment: random.Random
) -> None:
    house, _ = beside
    async with proven_storm_over(house, asyncio_host, "beside-platform"):
        for _ in range(2):
            await a_moment(moment)
            await kill_and_start_platform(house)


# What is done to them


async def kill(house: House, server: str) -> None:
    os.kill(await house.pid(f"{SERVERS}/{server}"), signal.SIGKILL)


async def kill_and_start_platform(house: House) -> None:
    """Its servers die with it; then somebody starts it again, as a service manager would."""
    servers = await house.server_pids()
    house.platform.kill()
    with trio.fail_after(PATIENCE_SECONDS):
        while any(map(is_alive, servers.values())):  # noqa: ASYNC110  they are not our children
            await trio.sleep(0.02)
    await trio.to_thread.run_sync(house.platform.start)


async def stand_still(pids: Iterable[int], seconds: float) -> None:
    pids = list(pids)
    send(pids, signal.SIGSTOP)
    try:
        await trio.sleep(seconds)
    finally:
        send(pids, signal.SIGCONT)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _counts(said: dict[str, object], name: str) -> list[int]:
    institutions = said["institutions"]
    assert isinstance(institutions, list)
    return [one[name] for one in institutions]
