"""What became of a storm: the provider's journal against the institution's books and records.

The journal of the simulator is the truth about money: which payments reached us, which of our
orders were settled. All that is on our side, read with the institution's own credentials, agrees.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from actors.embedded import DataDirectory, postgres_endpoint
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.demo_data import Login
from fluxiq.domain.money import centavos_of
from fluxiq.ports import Books
from fluxiq.ports.sealing import Place, Sealer
from fluxiq.providers.simulator.journal import Accepted as Ordered
from fluxiq.providers.simulator.journal import Answered, Ended, Line, Owed
from fluxiq.stores.pool import Connection, Postgres, open_postgres
from fluxiq.stores.proof import prove_books
from fluxiq.stores.provision import role_of
from tests.support.seals import keyring_of
from tests.support.storm import Storm

TERMINAL = {"pix.payout.confirmed", "pix.payout.failed", "pix.charge.paid"}

_OPEN = {
    "payouts without an end": (
        "SELECT id || ' ' || stage || ' ' || end_to_end_id FROM payouts"
        " WHERE stage NOT IN ('confirmed', 'failed')"
    ),
    "notices nobody has read": "SELECT id FROM inbox WHERE done_at IS NULL",
    "batches that the mirror does not have": (
        "SELECT 'batch ' || seq FROM ledger_journal WHERE NOT mirrored"
    ),
    "batches that nobody was told of": (
        "SELECT 'batch ' || seq FROM ledger_journal WHERE NOT published"
    ),
    "messages owed to the bus": "SELECT subject || ' ' || reference FROM outbox",
    "events owed to merchants": (
        "SELECT event_id || ' ' || attempts || ' ' || last_error FROM deliveries"
        " WHERE delivered_at IS NULL"
    ),
}


@dataclass(slots=True)
class Provider:
    """The simulator's journal, read beside it."""

    receipts: dict[str, tuple[str, int, str | None]] = field(default_factory=dict)
    orders: dict[str, Ordered] = field(default_factory=dict)
    ends: dict[str, Ended] = field(default_factory=dict)
    owed: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, data_dir: Path) -> "Provider":
        """`receipts` are (ISPB, centavos, txid) by end-to-end id, `orders` and `ends` too."""
        book = cls()
        whole = (data_dir / "simulator.journal").read_bytes().rpartition(b"\n")[0]
        for raw in whole.splitlines():
            match _decode(raw):
                case Ordered() as order:
                    assert order.end_to_end_id not in book.orders, f"{order} was accepted twice"
                    book.orders[order.end_to_end_id] = order
                case Ended() as end:
                    assert end.end_to_end_id not in book.ends, f"{end} ended twice"
                    book.ends[end.end_to_end_id] = end
                case Owed(receipt=receipt) as owed:
                    book.owed.add(owed.number)
                    if receipt is not None:
                        amount = centavos_of(receipt.valor)
                        book.receipts[receipt.endToEndId] = (owed.ispb, amount, receipt.txid)
                case Answered(numbers=numbers):
                    book.owed.difference_update(numbers)
        return book

    def balance(self, ispb: str) -> int:
        """Centavos that the customers of `ispb` have, as far as the provider knows."""
        came = sum(amount for whose, amount, _ in self.receipts.values() if whose == ispb)
        went = sum(
            order.amount
            for order in self.orders.values()
            if order.ispb == ispb and self.is_settled(order.end_to_end_id)
        )
        return came - went

    def is_settled(self, end_to_end_id: str) -> bool:
        end = self.ends.get(end_to_end_id)
        return end is not None and end.reason_code is None


@asynccontextmanager
async def open_books(host: AsyncioHost, data_dir: Path, ispb: str) -> AsyncIterator[Postgres]:
    """The institution's database as the institution sees it, in a running platform's directory."""
    directory = DataDirectory(data_dir, lock=-1)  # the platform has the lock, and we only read
    where = {
        "dsn": postgres_endpoint(directory).url,
        "user": role_of(ispb),
        "password": directory.secret(f"postgres/{role_of(ispb)}"),
    }
    async with open_postgres(
        host, where, size=1, application_name="verdict", statement_timeout=10
    ) as postgres:
        yield postgres


async def unfinished(postgres: Postgres, provider: Provider) -> list[str]:
    """What is still under way: with time, and without anybody's help, it must become nothing."""
    waiting = [f"{len(provider.owed)} notices owed by the provider"] if provider.owed else []
    waiting += [f"no end at the provider: {one}" for one in provider.orders.keys() - provider.ends]
    for what, query in _OPEN.items():
        rows = await postgres.run(_column, query)
        if rows:
            waiting.append(f"{len(rows)} {what}: {', '.join(rows[:5])}")
    return waiting


async def judge(
    postgres: Postgres, data_dir: Path, provider: Provider, storm: Storm, login: Login
) -> list[str]:
    """Everything that is wrong in one institution after the storm, in words."""
    ispb = login.ispb
    found = await postgres.transaction(prove_books, ispb)
    sealer = await keyring_of(postgres, ispb, data_dir)
    return [
        *_judge_books(found),
        *await postgres.run(_judge_payouts, provider, storm, ispb),
        *await postgres.run(_judge_receipts, provider, storm, ispb),
        *await postgres.run(_judge_events, sealer, storm, ispb),
    ]


def _judge_books(books: Books) -> list[str]:
    wrong = list(books.mismatches)
    if books.debits_posted != books.credits_posted:
        wrong.append(f"debits {books.debits_posted} are not credits {books.credits_posted}")
    if books.debits_pending or books.credits_pending:
        wrong.append(f"{books.debits_pending} and {books.credits_pending} are still held")
    return wrong


async def _judge_payouts(
    connection: Connection, provider: Provider, storm: Storm, ispb: str
) -> list[str]:
    """One payout for each key, the one that was answered for, and it ended as at the provider."""
    rows = await connection.fetch("SELECT * FROM payouts")
    ours = {row["end_to_end_id"]: row for row in rows}
    theirs = {one.end_to_end_id for one in provider.orders.values() if one.ispb == ispb}
    wrong = [f"the provider has {one}, we have not" for one in theirs - ours.keys()]
    keys = Counter(row["idempotency_key"] for row in rows)

    for row in rows:
        settled = provider.is_settled(row["end_to_end_id"])
        if settled != (row["stage"] == "confirmed"):
            wrong.append(f"{row['id']} is {row['stage']}, at the provider settled: {settled}")
    for one in (one for one in storm.accepted if one.ispb == ispb):
        row = ours.get(one.end_to_end_id)
        if row is None or (row["id"], row["amount"]) != (one.id, one.amount):
            wrong.append(f"{one} was accepted and is {row}")
        if keys[one.key] != 1:
            wrong.append(f"{keys[one.key]} payouts under the key {one.key}")
    return wrong


async def _judge_receipts(
    connection: Connection, provider: Provider, storm: Storm, ispb: str
) -> list[str]:
    """Each payment that the provider made is credited once; each charge is paid by one of them."""
    rows = await connection.fetch("SELECT * FROM receipts")
    ours = {row["end_to_end_id"]: row["amount"] for row in rows}
    theirs = {e2e: amount for e2e, (at, amount, _) in provider.receipts.items() if at == ispb}
    wrong = [f"receipts differ: {ours.items() ^ theirs.items()}"] if ours != theirs else []

    paying = Counter(row["charge_id"] for row in rows if row["reason"] == "pays_charge")
    status = dict(await connection.fetch("SELECT id, status FROM charges"))
    wrong += [
        f"{charge_id} is {status.get(charge_id)} by {paying[charge_id]} receipts"
        for charge_id, at in storm.charges.items()
        if at == ispb and (status.get(charge_id), paying[charge_id]) != ("paid", 1)
    ]
    return wrong


def _about(sealer: Sealer, event_id: str, sealed: bytes) -> str:
    body = sealer.open(sealed, Place("events", "body", event_id))
    about: str = msgspec.json.decode(body)["data"]["id"]
    return about


async def _judge_events(
    connection: Connection, sealer: Sealer, storm: Storm, ispb: str
) -> list[str]:
    """Each payment's end is one event, and the merchant was told of it under that id."""
    rows = await connection.fetch(
        "SELECT id, body FROM events WHERE type = ANY ($1::text[])", list(TERMINAL)
    )
    ids = _grouped((_about(sealer, row["id"], row["body"]), row["id"]) for row in rows)
    told = _grouped(
        (one.resource_id, event_id)
        for event_id, one in list(storm.sink.told.items())
        if one.type in TERMINAL
    )
    ended = [one.id for one in storm.accepted if one.ispb == ispb]
    ended += [one for one, at in storm.charges.items() if at == ispb]
    return [
        f"{one}: its end is the events {ids.get(one)}, and the merchant was told {told.get(one)}"
        for one in ended
        if len(ids.get(one, ())) != 1 or told.get(one) != ids[one]
    ]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return groups


async def _column(connection: Connection, query: str) -> list[str]:
    return [row[0] for row in await connection.fetch(query)]


_decode = msgspec.json.Decoder(Line).decode
