"""What TigerBeetle has to say of the ledger's invariants, beside Postgres (docs/ledger.md).

Always: I5, the balances are the mirror's, account by account. `deep` looks up every transfer on the
books, which must be there as it is here (I3, I6), and every id that was refused for good, which
must not (I4). Both change nothing, and may run beside a platform at work: TigerBeetle is read
between two readings of the mirror, the later one as far as the journal was by then. What has been
posted only grows, so between them is where it must be; an account at rest must be equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import trio
from msgspec import Struct

from fluxiq.domain.ledger_records import Balance, Transfer
from fluxiq.errors import Unavailable
from fluxiq.ledgers.parts import Accounts, TigerBeetle
from fluxiq.ledgers.postgres_pool import Connection, Pool, outages, uuid_of
from fluxiq.ledgers.verify import FINDINGS_MAX, Finding

CATCH_UP_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.05


class Compared(Struct, frozen=True, kw_only=True):
    """`moving`: of `accounts`, those that changed meanwhile and were found within their bounds.
    `transfers` and `refused` were looked up: 0 unless deep.
    """

    findings: tuple[Finding, ...]
    accounts: int
    moving: int
    transfers: int
    refused: int


async def verify_tigerbeetle(
    pool: Pool, accounts: Accounts, tigerbeetle: TigerBeetle, *, page: int, deep: bool = False
) -> Compared:
    """Only while TigerBeetle is in charge: else it is behind, and rightly. `page` is what one of
    its requests holds. Raises Unavailable.
    """
    comparison = _Comparison(pool, accounts, tigerbeetle, page)
    await comparison.compare_balances()
    if deep:
        await comparison.compare_transfers()
        await comparison.look_for_refused()
    return comparison.result()


class _Comparison:
    def __init__(self, pool: Pool, accounts: Accounts, tigerbeetle: TigerBeetle, page: int) -> None:
        self._pool = pool
        self._accounts = accounts
        self._tigerbeetle = tigerbeetle
        self._page = page
        self._findings: list[Finding] = []
        self._compared = self._moving = self._transfers = self._refused = 0

    def result(self) -> Compared:
        return Compared(
            findings=tuple(self._findings),
            accounts=self._compared,
            moving=self._moving,
            transfers=self._transfers,
            refused=self._refused,
        )

    async def compare_balances(self) -> None:
        after = 0
        while ids := await self._accounts.page(after, self._page):
            before = await self._accounts.balances(ids)
            theirs = await self._tigerbeetle.balances(ids)
            await self._catch_up()
            ours = await self._accounts.balances(ids)
            for one in ids:
                self._compare_balance(one, before[one], theirs.get(one), ours[one])
            self._compared += len(ids)
            after = ids[-1]

    def _compare_balance(
        self, account: int, before: Balance, theirs: Balance | None, ours: Balance
    ) -> None:
        if before == ours:
            if theirs != ours:
                self._found("I5", f"account {account:x}: {ours} here, {theirs} in TigerBeetle")
            return

        self._moving += 1
        within = theirs is not None and (
            before.debits_posted <= theirs.debits_posted <= ours.debits_posted
            and before.credits_posted <= theirs.credits_posted <= ours.credits_posted
        )
        if not within:
            said = f"{before} to {ours} here, {theirs} in TigerBeetle"
            self._found("I5", f"account {account:x}: {said}")

    async def _catch_up(self) -> None:
        """Until the mirror has every batch that TigerBeetle can have had by now."""
        with outages():
            seq = await self._pool.run(_last_seq)
        with trio.move_on_after(CATCH_UP_SECONDS_MAX):
            while True:
                with outages():
                    if not await self._pool.run(_is_behind, seq):
                        return
                await trio.sleep(LOOK_SECONDS)
        raise Unavailable(
            "ledger",
            f"the mirror did not reach batch {seq} within {CATCH_UP_SECONDS_MAX:g} s:"
            " is the writer of this institution at work?",
        )

    async def compare_transfers(self) -> None:
        async for rows in self._pages(_TRANSFERS):
            found = await self._look_up(rows)
            for row in rows:
                ours, theirs = row["id"].int, found.get(row["id"].int)
                if theirs is None:
                    what = f"transfer {ours:x} is on the books and not in TigerBeetle"
                    self._found("I3", what)
                elif _described(row) != _fields(theirs):
                    what = f"{_described(row)} here, {_fields(theirs)} in TigerBeetle"
                    self._found("I3", f"transfer {ours:x}: {what}")
            self._transfers += len(rows)

    async def look_for_refused(self) -> None:
        async for rows in self._pages(_REFUSED):
            for one in await self._look_up(rows):
                self._found("I4", f"transfer {one:x} was refused for good and is in TigerBeetle")
            self._refused += len(rows)

    async def _pages(self, query: str) -> Any:
        after = uuid_of(0)
        while True:
            with outages():
                rows = await self._pool.run(_fetch, query, after, self._page)
            if not rows:
                return
            yield rows
            after = rows[-1]["id"]

    async def _look_up(self, rows: Sequence[Mapping[str, Any]]) -> dict[int, Transfer]:
        found = await self._tigerbeetle.look_up_transfers([row["id"].int for row in rows])
        return {one.id: one for one in found}

    def _found(self, invariant: str, what: str) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(Finding(invariant, what))


def _described(row: Mapping[str, Any]) -> dict[str, int]:
    """A transfer as the mirror has it, in the fields that money depends on."""
    pending = row["pending_id"]
    return {
        "debit_account_id": row["debit_account_id"].int,
        "credit_account_id": row["credit_account_id"].int,
        "amount": row["amount"],
        "pending_id": 0 if pending is None else pending.int,
        "ledger": row["ledger"],
        "code": row["code"],
        "flags": row["flags"],
    }


def _fields(transfer: Transfer) -> dict[str, int]:
    return {
        "debit_account_id": transfer.debit_account_id,
        "credit_account_id": transfer.credit_account_id,
        "amount": transfer.amount,
        "pending_id": transfer.pending_id,
        "ledger": transfer.ledger,
        "code": transfer.code,
        "flags": int(transfer.flags),
    }


_TRANSFERS: Final = """
SELECT id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags
FROM ledger_transfers WHERE id > $1 ORDER BY id LIMIT $2
"""

_REFUSED: Final = "SELECT id FROM ledger_burnt_ids WHERE id > $1 ORDER BY id LIMIT $2"


async def _fetch(connection: Connection, query: str, *arguments: Any) -> list[Any]:
    return list(await connection.fetch(query, *arguments))


async def _last_seq(connection: Connection) -> int:
    seq: int = await connection.fetchval("SELECT last_seq FROM ledger_authority")
    return seq


async def _is_behind(connection: Connection, seq: int) -> bool:
    is_behind: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM ledger_journal WHERE NOT mirrored AND seq <= $1)", seq
    )
    return is_behind
