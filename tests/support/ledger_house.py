"""A platform whose books are kept in a real TigerBeetle, to be hurt and then proven.

Its patience is short, so that an outage of seconds is a long one. What an operator would type is
typed here too: `breaker status` and `ledger verify --deep`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from fluxiq.admin.client import ask
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.errors import Unavailable
from tests.support.aftermath import storm_over
from tests.support.commands import fluxiq
from tests.support.house import House, open_house
from tests.support.servers import TigerBeetleServer, run_tigerbeetle, tigerbeetle_binary

ENABLE: Final = (
    "no TigerBeetle: put `tigerbeetle` (0.17.9) on the PATH, or name it in FLUXIQ_TIGERBEETLE_BIN"
)
SETTLED_SECONDS_MAX: Final = 40.0
LOG_LINES_SHOWN: Final = 100

# From the first missed deadline it takes between 1.5 and 2.5 s until TigerBeetle is left.
SHORT_SECONDS: Final = 1.2
LONG_SECONDS: Final = 5.0
ENVIRON: Final = {
    "FLUXIQ_LEDGER__DEADLINE_SECONDS": "0.8",
    "FLUXIQ_LEDGER__SUSPECT_SECONDS_MAX": "2.5",
    "FLUXIQ_LEDGER__OPEN_SECONDS": "1",
    "FLUXIQ_LEDGER__OPEN_SECONDS_MAX": "2",
    "FLUXIQ_LEDGER__PROBE_SECONDS": "0.1",
    "FLUXIQ_POSTGRES__STATEMENT_SECONDS_MAX": "3",
    # Clients who insist during an outage ask more often than a merchant may.
    "FLUXIQ_LIMITS__WRITES_PER_MINUTE": "1000000",
}
DEVELOPMENT_BATCH_MAX: Final = "253"

Json = dict[str, Any]


@contextmanager
def open_ledger_house() -> Iterator[House]:
    """TigerBeetle is one of the platform's servers: what dies is started again by the platform."""
    with open_house({**ENVIRON, "FLUXIQ_TIGERBEETLE_BIN": _binary()}) as house:
        yield house


@contextmanager
def open_ledger_house_beside() -> Iterator[tuple[House, TigerBeetleServer]]:
    """TigerBeetle is somebody else's: it lives on when the platform dies."""
    with run_tigerbeetle(_binary()) as server:
        environ = {
            **ENVIRON,
            "FLUXIQ_TIGERBEETLE__ADDRESSES": server.address,
            "FLUXIQ_LEDGER__BATCH_MAX": DEVELOPMENT_BATCH_MAX,
        }
        with open_house(environ) as house:
            yield house, server


@asynccontextmanager
async def proven_storm_over(house: House, host: AsyncioHost, name: str) -> AsyncIterator[None]:
    """`storm_over`; afterwards TigerBeetle is in charge by itself, and both ledgers are proven."""
    try:
        await until_settled(house)
        async with storm_over(house, host, name):
            yield
        await until_settled(house)
        await prove(house)
    except BaseException:
        _show(house)
        raise


def _show(house: House) -> None:
    """With a failure: what an operator would read."""
    done = fluxiq("breaker", "status", data_dir=house.platform.data_dir)
    log = house.platform.log.read_text().splitlines()[-LOG_LINES_SHOWN:]
    print(done.stdout, done.stderr, *log, sep="\n")  # noqa: T201 - pytest shows it


async def breaker(house: House) -> Json:
    """What `breaker status --json` says. Raises Unavailable while there is no platform."""
    answer: Json = await ask(Path(house.platform.addresses.admin_socket), "breaker")
    return answer


async def until_breaker(house: House, *states: str, seconds: float = 15.0) -> Json:
    """Look often, because some states are short."""
    said: Json = {}
    with trio.move_on_after(seconds):
        while said.get("state") not in states:
            said = await breaker(house)
            await trio.sleep(0.01)
        return said
    raise AssertionError(f"not {' or '.join(states)} within {seconds:g} s: {said}")


async def until_modes(house: House, mode: str, seconds: float = 15.0) -> Json:
    """Until every institution is there."""
    said: Json = {"institutions": []}
    with trio.move_on_after(seconds):
        while modes_of(said) != {mode}:
            said = await breaker(house)
            await trio.sleep(0.02)
        return said
    raise AssertionError(f"not all in {mode} within {seconds:g} s: {said}")


async def until_settled(house: House, seconds: float = SETTLED_SECONDS_MAX) -> Json:
    """TigerBeetle is in charge everywhere, and nothing is unknown any more."""
    said: Json = {}
    with trio.move_on_after(seconds):
        while True:
            try:
                said = await breaker(house)
            except Unavailable as error:
                said = {"state": str(error)}
            if _is_settled(said):
                return said
            await trio.sleep(0.05)
    raise AssertionError(f"not settled within {seconds:g} s: {said}")


def modes_of(said: Json) -> set[str]:
    return {one["mode"] for one in said["institutions"]}


def _is_settled(said: Json) -> bool:
    return (
        said["state"] == "closed"
        and modes_of(said) == {"tigerbeetle"}
        and not any(one["unknown"] or one["refused"] for one in said["institutions"])
    )


async def prove(house: House) -> str:
    """I1 to I8 of both institutions, every transfer looked up in TigerBeetle."""
    done = await trio.to_thread.run_sync(
        lambda: fluxiq("ledger", "verify", "--deep", data_dir=house.platform.data_dir)
    )
    said = done.stdout + done.stderr
    assert done.status == 0, said
    assert said.count("in order") == 2, said
    assert said.count("accounts compared") == 2, said
    assert said.count(" 0 without an answer, 0 on their way") == 2, said
    return said


async def status_text(house: House) -> str:
    """What an operator reads."""
    done = await trio.to_thread.run_sync(
        lambda: fluxiq("breaker", "status", data_dir=house.platform.data_dir)
    )
    assert done.status == 0, done.stderr
    return done.stdout


def _binary() -> str:
    binary = tigerbeetle_binary()
    if binary is None:
        pytest.skip(ENABLE)
    return binary
