"""The ledger in Postgres: the same decisions as the model's, one transaction per batch.

A batch takes the ledger's clock first, and with it everybody else's turn: every payment moves the
settlement account, so row locks would queue the same writers one account later, with deadlocks. In
its turn it reads what its transfers refer to, decides in memory, and writes everything with one
statement: a hot account costs one update per batch. Checks and unique indexes of the tables
(migration 0002_ledger) guard the limits and the ids once more.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeAlias, TypeVar

import asyncpg
from asyncpg.pgproto.pgproto import UUID

from fluxiq.domain.records import (
    AccountFlags,
    Balance,
    LedgerAccount,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.decision import AccountState, Decision, Known, decide
from fluxiq.ledgers.limits import ID_MAX, assert_same_account, check_account, check_transfers

T = TypeVar("T")
P = ParamSpec("P")
Connection: TypeAlias = asyncpg.Connection
Unit: TypeAlias = Callable[Concatenate[Connection, P], Coroutine[Any, Any, T]]

# What one batch can touch, and a little more.
BALANCES_MAX: Final = 16_384


class Pool(Protocol):
    """Runs units of work on Postgres (`fluxiq.stores.pool.Postgres`). Raises Unavailable."""

    async def run(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def transaction(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


class PostgresLedger:
    """`ports.Ledger` of the institution whose accounts carry the code `ledger`.

    `pool` finds the institution's tables by its search path. Any number of these, in any number of
    processes, may work on the same tables.
    """

    def __init__(self, pool: Pool, ledger: int) -> None:
        assert 0 < ledger < 2**32, "a ledger number is 32 bits, and not zero"
        self._pool = pool
        self._ledger = ledger

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same account exists. A different one is an assertion that
        shows both, and nothing of the batch is created. Raises Unavailable.
        """
        for account in accounts:
            check_account(account, self._ledger)

        try:
            await self._pool.transaction(_create_accounts, accounts)
        except Unavailable as error:
            # A lost answer too: creating an account again changes nothing.
            raise _unavailable(error) from error

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Apply in order, each on its own; one status per transfer, doing it twice does it once.

        Raises Unknown when the answer to the commit is lost, Unavailable when nothing was
        committed, and ValueError for what `limits.check_transfers` refuses.
        """
        check_transfers(transfers)
        if not transfers:
            return []

        progress = _Progress()
        try:
            return await self._pool.transaction(_apply, transfers, progress)
        except Unavailable as error:
            if progress.committing:
                raise Unknown("ledger", _reference(transfers), str(error)) from error

            raise _unavailable(error) from error

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """The counters of those of `account_ids` that exist, at one moment. Raises Unavailable."""
        if len(account_ids) > BALANCES_MAX:
            raise ValueError(f"{len(account_ids)} balances at once, {BALANCES_MAX} are possible")

        try:
            states = await self._pool.run(_read_accounts, account_ids)
        except Unavailable as error:
            raise _unavailable(error) from error

        return {account_id: state.balance for account_id, state in states.items()}


@dataclass(slots=True)
class _Progress:
    """Whether a COMMIT may be on its way: from the unit's end on, only an answer would tell."""

    committing: bool = False


async def _create_accounts(connection: Connection, accounts: Sequence[LedgerAccount]) -> None:
    # In one order everywhere, so that two who create the same accounts cannot block each other.
    ordered = sorted(accounts, key=_id_of)
    await connection.execute(
        """
        INSERT INTO ledger_accounts (id, ledger, code, flags)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::integer[])
        ON CONFLICT (id) DO NOTHING
        """,
        [_uuid(account.id) for account in ordered],
        [account.ledger for account in ordered],
        [account.code for account in ordered],
        [int(account.flags) for account in ordered],
    )
    rows = await connection.fetch(
        "SELECT id, ledger, code, flags FROM ledger_accounts WHERE id = ANY ($1::uuid[])",
        [_uuid(account.id) for account in ordered],
    )
    existing = {row["id"].int: _account_of(row) for row in rows}

    for account in accounts:
        assert_same_account(existing[account.id], account)


async def _apply(
    connection: Connection, transfers: Sequence[Transfer], progress: _Progress
) -> list[TransferStatus]:
    progress.committing = False  # this may be another try, after a definite rollback
    first_timestamp = await _take_turn(connection, len(transfers))
    known = await _read_known(connection, transfers)
    accounts = await _read_accounts(connection, _accounts_named(transfers, known))
    decision = decide(accounts, known, transfers)

    if decision.created or decision.burnt:
        await _write(connection, decision, first_timestamp)

    progress.committing = True
    return decision.results


async def _take_turn(connection: Connection, count: int) -> int:
    """Wait for the other writers' commits, and take `count` timestamps; returns the first.

    A statement of its own, because the next ones must see what those writers committed.
    """
    last: int = await connection.fetchval(
        """
        UPDATE ledger_clock SET last_timestamp = $1::bigint + greatest(
            last_timestamp,
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
        )
        RETURNING last_timestamp
        """,
        count,
    )
    return last - count + 1


async def _read_known(connection: Connection, transfers: Sequence[Transfer]) -> Known:
    """The transfers with these ids, their holds with what resolved them, and the burnt ids."""
    ids = _uuids(transfer.id for transfer in transfers)
    holds = _uuids(transfer.pending_id for transfer in transfers)
    rows = await connection.fetch(
        """
        SELECT id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags
        FROM ledger_transfers WHERE id = ANY ($1::uuid[])
        UNION ALL
        SELECT id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags
        FROM ledger_transfers WHERE pending_id = ANY ($2::uuid[])
        UNION ALL
        SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM ledger_burnt_ids WHERE id = ANY ($3::uuid[])
        """,
        list({*ids, *holds}),
        holds,
        ids,
    )
    found = [_transfer_of(row) for row in rows if row["flags"] is not None]
    return Known(
        transfers={transfer.id: transfer for transfer in found},
        burnt={row["id"].int for row in rows if row["flags"] is None},
        resolved={transfer.pending_id: transfer for transfer in found if transfer.pending_id},
    )


async def _read_accounts(
    connection: Connection, account_ids: Iterable[int]
) -> dict[int, AccountState]:
    rows = await connection.fetch(
        """
        SELECT id, ledger, flags, debits_pending, debits_posted, credits_pending, credits_posted
        FROM ledger_accounts WHERE id = ANY ($1::uuid[])
        """,
        _uuids(account_ids),
    )
    return {row["id"].int: _state_of(row) for row in rows}


async def _write(connection: Connection, decision: Decision, first_timestamp: int) -> None:
    """Everything of a batch at once; the counts say that every row was there to be written."""
    created, burnt, changes = decision.created, decision.burnt, decision.changes
    end_of_created = first_timestamp + len(created)
    assert len(created) + len(burnt) <= len(decision.results), "more written than asked for"

    written = await connection.fetchrow(
        _WRITE,
        [_uuid(transfer.id) for transfer in created],
        [_uuid(transfer.debit_account_id) for transfer in created],
        [_uuid(transfer.credit_account_id) for transfer in created],
        [transfer.amount for transfer in created],
        [_uuid(transfer.pending_id) if transfer.pending_id else None for transfer in created],
        [transfer.ledger for transfer in created],
        [transfer.code for transfer in created],
        [int(transfer.flags) for transfer in created],
        list(range(first_timestamp, end_of_created)),
        [_uuid(burnt_id) for burnt_id in burnt],
        [str(status) for status in burnt.values()],
        list(range(end_of_created, end_of_created + len(burnt))),
        [_uuid(change.account_id) for change in changes],
        [change.debits_pending for change in changes],
        [change.debits_posted for change in changes],
        [change.credits_pending for change in changes],
        [change.credits_posted for change in changes],
    )
    expected = (len(created), len(burnt), len(changes))
    assert tuple(written) == expected, f"wrote {tuple(written)} rows instead of {expected}"


_WRITE = """
    WITH created AS (
        INSERT INTO ledger_transfers (
            id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
            timestamp
        )
        SELECT * FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::bigint[],
            $7::integer[], $8::integer[], $9::bigint[]
        )
        RETURNING 1
    ), burnt AS (
        INSERT INTO ledger_burnt_ids (id, status, timestamp)
        SELECT * FROM unnest($10::uuid[], $11::text[], $12::bigint[])
        RETURNING 1
    ), changed AS (
        UPDATE ledger_accounts AS account
        SET debits_pending = account.debits_pending + change.debits_pending,
            debits_posted = account.debits_posted + change.debits_posted,
            credits_pending = account.credits_pending + change.credits_pending,
            credits_posted = account.credits_posted + change.credits_posted
        FROM unnest($13::uuid[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[])
            AS change (id, debits_pending, debits_posted, credits_pending, credits_posted)
        WHERE account.id = change.id
        RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM created),
        (SELECT count(*) FROM burnt),
        (SELECT count(*) FROM changed)
"""


def _accounts_named(transfers: Sequence[Transfer], known: Known) -> set[int]:
    """What the transfers name, and what their holds do."""
    return {
        account_id
        for transfer in (*transfers, *known.transfers.values())
        for account_id in (transfer.debit_account_id, transfer.credit_account_id)
    }


def _account_of(row: Mapping[str, Any]) -> LedgerAccount:
    return LedgerAccount(
        id=row["id"].int,
        ledger=row["ledger"],
        code=row["code"],
        flags=AccountFlags(row["flags"]),
    )


def _state_of(row: Mapping[str, Any]) -> AccountState:
    return AccountState(
        ledger=row["ledger"],
        flags=row["flags"],
        balance=Balance(
            account_id=row["id"].int,
            debits_pending=row["debits_pending"],
            debits_posted=row["debits_posted"],
            credits_pending=row["credits_pending"],
            credits_posted=row["credits_posted"],
        ),
    )


def _transfer_of(row: Mapping[str, Any]) -> Transfer:
    return Transfer(
        id=row["id"].int,
        ledger=row["ledger"],
        code=row["code"],
        debit_account_id=row["debit_account_id"].int,
        credit_account_id=row["credit_account_id"].int,
        amount=row["amount"],
        pending_id=0 if row["pending_id"] is None else row["pending_id"].int,
        flags=TransferFlags(row["flags"]),
    )


def _id_of(account: LedgerAccount) -> int:
    return account.id


def _uuids(numbers: Iterable[int]) -> list[UUID]:
    """Each id once; 0 and the largest name nothing."""
    return [_uuid(number) for number in {*numbers} if 0 < number < ID_MAX]


def _uuid(number: int) -> UUID:
    # asyncpg's own class: a quarter of the time of uuid.UUID(int=...), and a batch makes thousands.
    return UUID(number.to_bytes(16))


def _reference(transfers: Sequence[Transfer]) -> str:
    return f"{len(transfers)} transfers from {transfers[0].id:x}"


def _unavailable(error: Unavailable) -> Unavailable:
    return Unavailable("ledger", str(error), retry_after=error.retry_after)
