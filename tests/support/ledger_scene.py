"""A writer under load, its Postgres and its TigerBeetle, each to be hurt at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import tigerbeetle
import trio

from fluxiq.domain.ledger_records import Balance, Transfer, TransferFlags
from tests.support.commands import descendants, is_running
from tests.support.folders import short_folder
from tests.support.ledger_load import ACCOUNTS, FENCED, Asked, Told, read_book, transfer_of
from tests.support.platform import ROOT
from tests.support.real_tigerbeetle import RealCluster
from tests.support.servers import (
    PostgresServer,
    Server,
    TigerBeetleServer,
    run_postgres,
    run_tigerbeetle,
)

END_SECONDS_MAX: Final = 60.0
LOOK_UP_MAX: Final = 253
Hurt = Callable[[], Awaitable[None]]


class Scene:
    """`seconds` is how long the callers go on; who is started later goes on for what is left."""

    def __init__(
        self,
        postgres: PostgresServer,
        tigerbeetle: TigerBeetleServer,
        folder: Path,
        chance: random.Random,
    ) -> None:
        self.postgres = postgres
        self.tigerbeetle = tigerbeetle
        self.book = folder / "book"
        self.told: list[str] = []  # what was done, in order
        self._log = folder / "log"
        self._chance = chance
        self._until = 0.0
        self._writers: list[subprocess.Popen[bytes]] = []

    def begin(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._start_writer()

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def log(self) -> str:
        """What the writers said."""
        return self._log.read_text()

    async def end(self) -> list[int]:
        """Wait for the writer to come to rest, and for one more, which asks again what somebody
        asked who was then fenced; their exit statuses.
        """
        statuses = [await _status_of(self._running, END_SECONDS_MAX)]
        self._start_writer()
        return [*statuses, await _status_of(self._running, END_SECONDS_MAX)]

    def close(self) -> None:
        for writer in self._writers:
            if writer.poll() is None:
                writer.kill()
                writer.wait()

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        return self._writers[-1]

    async def hurt_one_or_two(self) -> None:
        """Draw who, and how; two are hurt at almost the same time."""
        victims: dict[str, list[Hurt]] = {
            "tigerbeetle": [
                partial(self._kill, self.tigerbeetle, 2.5),
                partial(self._stop, self.tigerbeetle),
            ],
            "postgres": [
                partial(self._kill, self.postgres, 1.0),
                partial(self._stop, self.postgres),
            ],
            "writer": [self._kill_writer, self._stop_writer, self._take_over],
        }
        chosen = self._chance.sample(sorted(victims), self._chance.randint(1, 2))
        async with trio.open_nursery() as nursery:
            for name in chosen:
                nursery.start_soon(self._chance.choice(victims[name]))
                await trio.sleep(self._chance.uniform(0, 0.6))
        await trio.sleep(self._chance.uniform(0, 1.5))

    # What is done. Nothing is started in a thread: a server dies with the thread that started it.

    async def _kill(self, server: Server, seconds_max: float) -> None:
        self._note(f"kill {type(server).__name__}")
        assert server.process is not None
        children = descendants(server.process.pid)
        server.process.kill()
        server.process.wait()
        server.process = None
        await trio.sleep(self._chance.uniform(0, seconds_max))
        # Postgres does not start beside the children of its predecessor.
        with trio.fail_after(END_SECONDS_MAX):
            while any(map(is_running, children)):  # noqa: ASYNC110  they are not ours
                await trio.sleep(0.02)
        server.start()

    async def _stop(self, server: Server) -> None:
        assert server.process is not None
        seconds = self._chance.choice([0.3, 0.8, 3.0])
        self._note(f"stop {type(server).__name__} for {seconds} s")
        pids = {server.process.pid, *descendants(server.process.pid)}
        await _stand_still(pids, seconds)

    async def _kill_writer(self) -> None:
        self._note("kill the writer")
        self._running.kill()
        self._running.wait()
        await trio.sleep(self._chance.uniform(0, 0.5))
        self._start_writer()

    async def _stop_writer(self) -> None:
        seconds = self._chance.choice([0.3, 0.8, 3.0])
        self._note(f"stop the writer for {seconds} s")
        await _stand_still({self._running.pid}, seconds)

    async def _take_over(self) -> None:
        """The old one wakes up while a new one writes, and must notice."""
        self._note("another writer takes over")
        old = self._running
        old.send_signal(signal.SIGSTOP)
        try:
            self._start_writer()
            await trio.sleep(self._chance.uniform(1.0, 3.0))
        finally:
            old.send_signal(signal.SIGCONT)
        status = await _status_of(old, END_SECONDS_MAX)
        # It may have come to its end in the same moment.
        assert status in ({0, FENCED} if self.is_over else {FENCED}), f"{status}: {self.log}"

    def _start_writer(self) -> None:
        left = max(0.0, self._until - time.monotonic())
        words = (self.postgres.url(), self.tigerbeetle.address, str(self.book), str(left))
        with self._log.open("ab") as log:
            writer = subprocess.Popen(
                [sys.executable, "-m", "tests.support.ledger_load", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._writers.append(writer)

    def _note(self, what: str) -> None:
        left = self._until - time.monotonic()
        self.told.append(f"{left:.2f} s before the end: {what}")


@contextmanager
def open_scene(binary: str, chance: random.Random) -> Iterator[Scene]:
    with run_postgres() as postgres, run_tigerbeetle(binary) as server, short_folder("own") as at:
        scene = Scene(postgres, server, at, chance)
        try:
            yield scene
        finally:
            scene.close()


def judge_book(book: Path, address: str) -> tuple[int, int, list[str]]:
    """What was told to callers against TigerBeetle, asked through its own client: the numbers of
    transfers created and refused, and everything that is wrong.
    """
    asked: dict[str, list[Transfer]] = {}
    told: dict[str, set[bool]] = defaultdict(set)
    for line in read_book(book):
        match line:
            case Asked(number, transfers):
                asked[number] = [transfer_of(fields) for fields in transfers]
            case Told(number):
                told[number].add(line.is_created)

    wrong = [f"{one} was never answered" for one in asked.keys() - told.keys()]
    wrong += [f"{one} was created and refused" for one, said in told.items() if len(said) > 1]
    created = [one for number in asked if told[number] == {True} for one in asked[number]]
    refused = [one for number in asked if told[number] == {False} for one in asked[number]]
    with tigerbeetle.ClientSync(0, address) as client:
        cluster = RealCluster(client)
        there = _there(cluster, [*created, *refused])
        balances = {
            one.account.id: one.balance
            for one in cluster.lookup_accounts([account.id for account in ACCOUNTS])
        }
    wrong += [f"{one} was acknowledged and is lost" for one in created if one.id not in there]
    wrong += [f"{one} was refused and exists" for one in refused if one.id in there]
    wrong += [
        f"account {one}: {balances.get(one)}, by what callers were told {expected}"
        for one, expected in _balances(created).items()
        if balances.get(one) != expected
    ]
    return len(created), len(refused), wrong


def _there(cluster: RealCluster, transfers: list[Transfer]) -> set[int]:
    ids = [one.id for one in transfers]
    pages = (ids[start : start + LOOK_UP_MAX] for start in range(0, len(ids), LOOK_UP_MAX))
    return {one.id for page in pages for one in cluster.lookup_transfers(page)}


def _balances(created: list[Transfer]) -> Mapping[int, Balance]:
    """The sums of what was created."""
    by_id = {one.id: one for one in created}
    counters = {account.id: defaultdict[str, int](int) for account in ACCOUNTS}
    for one in created:
        of = by_id[one.pending_id] if one.pending_id else one
        posted = 0 if one.flags & (_PENDING | _VOID) else one.amount
        pending = one.amount if one.flags & _PENDING else -of.amount if one.pending_id else 0
        for account, side in ((of.debit_account_id, "debits"), (of.credit_account_id, "credits")):
            counters[account][f"{side}_posted"] += posted
            counters[account][f"{side}_pending"] += pending
    return {one: Balance(account_id=one, **counts) for one, counts in counters.items()}


_PENDING: Final = TransferFlags.PENDING
_VOID: Final = TransferFlags.VOID_PENDING_TRANSFER


async def _stand_still(pids: set[int], seconds: float) -> None:
    _send(pids, signal.SIGSTOP)
    try:
        await trio.sleep(seconds)
    finally:
        _send(pids, signal.SIGCONT)


def _send(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # a child of Postgres that has just ended


async def _status_of(process: subprocess.Popen[bytes], seconds: float) -> int:
    deadline = trio.current_time() + seconds
    while process.poll() is None:
        assert trio.current_time() < deadline, f"{process.pid} goes on after {seconds:g} s"
        await trio.sleep(0.05)
    status: int = process.returncode
    return status
