"""A day in the life of a platform: many payments over several institutions, and all that happens.

Everything is drawn from one seed: who pays whom, how each payment fares at the provider, and which
fault strikes in the middle of which payments. Faults strike by progress and not by the clock, so
that a slow machine sees the same day.
"""

import os
import random
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from fluxiq.commands.demo_data import Login
from tests.support.house import SERVERS, SIMULATOR, House
from tests.support.platform import ROOT
from tests.support.storm import WORDS, Insistent, Storm

ISPBS = ("12345678", "87654321", "10000001", "10000002", "10000003")
CLIENTS = 6  # of each institution, one payment at a time each
PAYOUTS_SHARE = 0.7
COPIES_MAX = 3
SLOW_MERCHANT_SECONDS = 1.0
FAILING_DELIVERIES = 4  # too few for the breaker, whose pauses would be the whole day
DAY_SECONDS_MAX = 240.0  # with all its faults, and then for each payment
RATE_MIN = 10.0  # payments a second: a slow machine's
LULL_SECONDS = 3.0  # a slow merchant's, before he is quick again


@dataclass(slots=True)
class Day:
    """One day. `struck` tells which faults struck, after how many payments."""

    house: House
    payments: int
    seed: int
    storm: Storm = field(init=False)
    struck: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storm = Storm(self.house.platform, self.house.sink, f"day-{self.seed}")

    @property
    def done(self) -> int:
        return len(self.storm.accepted) + len(self.storm.charges)

    async def live(self) -> None:
        """Until every client has its answers and every fault has struck."""
        faults = faults_of(random.Random(self.seed), self.payments)
        with trio.fail_after(DAY_SECONDS_MAX + self.payments / RATE_MIN):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._strike, faults)
                for login in self.house.platform.logins.values():
                    numbers = iter(range(self.payments // len(ISPBS)))
                    for _ in range(CLIENTS):
                        nursery.start_soon(self._be_busy, login, numbers)

    async def _be_busy(self, login: Login, numbers: Iterator[int]) -> None:
        client = Insistent(self.house.platform, self.storm.unclear)
        for number in numbers:
            drawn = random.Random(f"{self.seed} {login.ispb} {number}")
            if drawn.random() < PAYOUTS_SHARE:
                await self.storm.pay_out(client, login, number, drawn.choice(WORDS))
            else:
                copies = drawn.randint(1, COPIES_MAX)
                charge = await self.storm.charge(client, login, number)
                await self.storm.be_paid(client, login, charge, copies=copies)

    async def _strike(self, faults: Sequence[tuple[int, str]]) -> None:
        for after, name in faults:
            while self.done < after:  # noqa: ASYNC110  lists that others grow
                await trio.sleep(0.02)
            await FAULTS[name](self.house)
            self.struck.append((self.done, name))


def faults_of(chance: random.Random, payments: int) -> list[tuple[int, str]]:
    """Each fault once in every 1,000 payments or part of them, in a drawn order, evenly spread."""
    names = [name for _ in range(-(-payments // 1000)) for name in chance.sample(ORDER, len(ORDER))]
    return [(payments * (place + 1) // (len(names) + 1), one) for place, one in enumerate(names)]


def five_institutions(folder: Path) -> Path:
    """A folder of settings with the two that ship and three more."""
    shutil.copytree(ROOT / "config", folder)
    for number, ispb in enumerate(ISPBS[2:], start=3):
        (folder / "institutions" / f"{ispb}.toml").write_text(
            f'ispb = "{ispb}"\nname = "Banco {number}"\nledger = {number}\n'
            'providers = [{ name = "simulator", kind = "simulator" }]\n'
        )
    return folder


def _killer(path: str) -> Callable[[House], Awaitable[None]]:
    async def kill(house: House) -> None:
        os.kill(await house.pid(path), signal.SIGKILL)

    return kill


async def _kill_platform(house: House) -> None:
    house.platform.kill()
    await trio.to_thread.run_sync(house.platform.start)


async def _slow_merchants(house: House) -> None:
    house.sink.slow_seconds = SLOW_MERCHANT_SECONDS
    await trio.sleep(LULL_SECONDS)
    house.sink.slow_seconds = 0.0


async def _failing_merchants(house: House) -> None:
    house.sink.fail(FAILING_DELIVERIES, 503)
    await trio.lowlevel.checkpoint()


FAULTS: dict[str, Callable[[House], Awaitable[None]]] = {
    "platform": _kill_platform,
    "provider": _killer(SIMULATOR),
    "postgres": _killer(f"{SERVERS}/postgres"),
    "nats": _killer(f"{SERVERS}/nats"),
    "redis": _killer(f"{SERVERS}/redis"),
    "slow merchants": _slow_merchants,
    "failing merchants": _failing_merchants,
}
ORDER = tuple(FAULTS)
