"""An institution's writer at work in a process of its own, to be stopped and killed.

    python -m tests.support.ledger_load POSTGRES TIGERBEETLE BOOK SECONDS

Its callers write down what they ask before they ask it, and what they were told; who is told
nothing definite asks the same again, as does the next process for those of a dead one. After
SECONDS they ask for nothing new. It ends with status 0 once TigerBeetle is in charge, all is
written down and everything was proven; with FOUND when the proof found something, which it prints;
with FENCED when another process has taken over.
"""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import trio

from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.domain.ledger_records import AccountFlags, LedgerAccount, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.breaker import BreakerLimits, BreakerState
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.tigerbeetle import Cluster, TigerBeetleLedger, open_sessions
from fluxiq.ledgers.verify import verify_ledger
from fluxiq.ledgers.verify_tigerbeetle import verify_tigerbeetle
from fluxiq.ledgers.writer import Policy, Writer, WriterLimits
from fluxiq.ledgers.writer.keeper import BreakerKeeper
from tests.support.ledger_books import Books, open_pool
from tests.support.ledger_histories import LEDGER

FOUND: Final = 3
FENCED: Final = 4

CALLERS: Final = 24
PAUSE_SECONDS: Final = 0.05
BATCH_MAX: Final = 253  # of a server in --development mode
DEADLINE_SECONDS: Final = 0.5
LIMITS: Final = WriterLimits(sessions=3, batch_max=BATCH_MAX, patience_seconds=2.0)
BREAKER_LIMITS: Final = BreakerLimits(
    suspect_seconds_max=1.5, open_seconds=0.5, open_seconds_max=1.0, probes=2, probe_seconds=0.1
)

SETTLEMENT: Final = 1
CUSTOMERS: Final = range(2, 10)
ACCOUNTS: Final = [
    LedgerAccount(id=SETTLEMENT, ledger=LEDGER, code=1),
    *(
        LedgerAccount(
            id=one, ledger=LEDGER, code=2, flags=AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
        )
        for one in CUSTOMERS
    ),
]
TOO_MUCH: Final = 10**15  # centavos that nobody has
THERE: Final = frozenset({TransferStatus.CREATED, TransferStatus.EXISTS})


class Asked(msgspec.Struct, frozen=True, tag=True):
    """Transfers that were about to be asked for, in one call: one, or a chain."""

    number: str
    transfers: list[dict[str, int]]


class Told(msgspec.Struct, frozen=True, tag=True):
    """The definite answer: names of `TransferStatus`."""

    number: str
    statuses: list[str]

    @property
    def is_created(self) -> bool:
        """Of a chain asked for again TigerBeetle says `exists` once, and fails the others."""
        return any(TransferStatus[name] in THERE for name in self.statuses)


_decode = msgspec.json.Decoder(Asked | Told).decode


class Book:
    """Lines that survive the process: each is one write to the end of a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, line: Asked | Told) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")


def read_book(path: Path) -> Iterator[Asked | Told]:
    return map(_decode, path.read_bytes().splitlines())


def transfer_of(fields: dict[str, int]) -> Transfer:
    return Transfer(**{**fields, "flags": TransferFlags(fields["flags"])})  # type: ignore[arg-type]


class Callers:
    """Who ask the writer. `until` is when they stop, on trio's clock."""

    def __init__(self, writer: Writer, path: Path, until: float) -> None:
        self._writer = writer
        self._random = random.Random(os.urandom(8))
        self._until = until
        lines = list(read_book(path)) if path.exists() else []
        told = {line.number for line in lines if isinstance(line, Told)}
        self._open = [one for one in lines if isinstance(one, Asked) and one.number not in told]
        self._book = Book(path)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for asked in self._open:
                nursery.start_soon(self._insist, asked)
            for _ in range(CALLERS):
                nursery.start_soon(self._call)

    async def _call(self) -> None:
        operations = [self._move, self._move, self._hold, self._chain, self._overdraw]
        while trio.current_time() < self._until:
            await self._random.choice(operations)()

    async def _move(self) -> None:
        await self._ask(self._drawn())

    async def _overdraw(self) -> None:
        told = await self._ask(self._drawn(debit=self._customer(), amount=TOO_MUCH))
        assert not told.is_created, "nobody has that much"

    async def _hold(self) -> None:
        """Hold, then post a part or void; or both, of which one must be too late."""
        hold = self._drawn(debit=self._customer(), flags=TransferFlags.PENDING)
        if not (await self._ask(hold)).is_created:
            return
        post = Transfer(
            id=self._id(),
            ledger=LEDGER,
            code=1,
            amount=self._random.randint(1, hold.amount),
            pending_id=hold.id,
            flags=TransferFlags.POST_PENDING_TRANSFER,
        )
        void = Transfer(
            id=self._id(),
            ledger=LEDGER,
            code=1,
            pending_id=hold.id,
            flags=TransferFlags.VOID_PENDING_TRANSFER,
        )
        created = [
            (await self._ask(one)).is_created
            for one in self._random.choice([[post], [void], [post, void], [void, post]])
        ]
        assert created.count(True) == 1, f"a hold was resolved {created}"

    async def _chain(self) -> None:
        count = self._random.randint(2, 4)
        chain = [self._drawn(flags=TransferFlags.LINKED) for _ in range(count - 1)]
        if self._random.random() < 0.3:
            chain.append(self._drawn(debit=self._customer(), amount=TOO_MUCH))
        else:
            chain.append(self._drawn())
        await self._ask(*chain)

    async def _ask(self, *transfers: Transfer) -> Told:
        fields = [
            {name: int(value) for name, value in msgspec.structs.asdict(one).items() if value}
            for one in transfers
        ]
        asked = Asked(f"{transfers[0].id:x}", [{"flags": 0, **one} for one in fields])
        self._book.write(asked)
        return await self._insist(asked)

    async def _insist(self, asked: Asked) -> Told:
        transfers = [transfer_of(fields) for fields in asked.transfers]
        while True:
            try:
                statuses = await self._writer.create_transfers(transfers)
            except (Unavailable, Unknown):
                await trio.sleep(PAUSE_SECONDS)
            else:
                told = Told(asked.number, [status.name for status in statuses])
                self._book.write(told)
                return told

    def _drawn(
        self,
        *,
        debit: int | None = None,
        amount: int | None = None,
        flags: TransferFlags = TransferFlags.NONE,
    ) -> Transfer:
        debit = debit or self._random.choice([SETTLEMENT, self._customer()])
        return Transfer(
            id=self._id(),
            ledger=LEDGER,
            code=1,
            debit_account_id=debit,
            credit_account_id=self._random.choice([one for one in CUSTOMERS if one != debit]),
            amount=amount or self._random.randint(1, 500),
            flags=flags,
        )

    def _customer(self) -> int:
        return self._random.choice(CUSTOMERS)

    def _id(self) -> int:
        return self._random.getrandbits(60) + 1  # JSON knows no more than 64 bits


async def main(postgres: str, address: str, path: Path, seconds: float) -> int:
    async with (
        open_asyncio_host() as host,
        open_pool(host, postgres) as pg,
        open_sessions(Cluster(0, address), count=LIMITS.sessions) as sessions,
        trio.open_nursery() as nursery,
    ):
        books = Books(pg)
        tigerbeetle = TigerBeetleLedger(
            sessions, LEDGER, deadline_seconds=DEADLINE_SECONDS, events_max=BATCH_MAX
        )
        keeper = BreakerKeeper(tigerbeetle.probe, draw=random.random, limits=BREAKER_LIMITS)
        writer = Writer(
            "12345678",
            LEDGER,
            journal=books.journal,
            mirror=books.mirror,
            standin=books.standin,
            accounts=books.accounts,
            tigerbeetle=tigerbeetle,
            breaker=keeper,
            policy=Policy.STANDIN_FULL,
            limits=LIMITS,
        )
        nursery.start_soon(keeper.run)
        nursery.start_soon(_write, writer)
        await Callers(writer, path, trio.current_time() + seconds).run()
        await _until_at_rest(writer, books)
        findings = (await verify_ledger(pg, LEDGER, deep=True)).findings
        findings += (
            await verify_tigerbeetle(pg, books.accounts, tigerbeetle, page=BATCH_MAX, deep=True)
        ).findings
        print(*findings, writer.statistics(), sep="\n")  # noqa: T201 - to the test
        nursery.cancel_scope.cancel()
    return FOUND if findings else 0


async def _write(writer: Writer) -> None:
    await writer.run()
    assert writer.fenced, "a writer ends when it is told to, or fenced"
    os._exit(FENCED)


async def _until_at_rest(writer: Writer, books: Books) -> None:
    while True:
        try:
            rest = not (await books.journal.unanswered() or await books.mirror.behind())
        except Unavailable:
            rest = False
        if (
            rest
            and writer.authority.mode is Mode.TIGERBEETLE
            and writer.breaker.state is BreakerState.CLOSED
        ):
            return
        await trio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    _postgres, _address, _path, _seconds = sys.argv[1:]
    sys.exit(trio.run(main, _postgres, _address, Path(_path), float(_seconds)))
