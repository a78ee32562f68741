"""The ledger in Postgres: the same decisions as the model's, two round trips per batch.

A batch reads the ledger's clock and what its transfers refer to in one snapshot, decides in memory,
and writes everything with one statement (`ledger_write`, migration 0002_ledger), which does nothing
unless the clock still stands where it was read: who writes moves the clock, so what was read is
what is there. A hot account costs one update per batch. With the usual one writer the clock never
moves meanwhile. With several the loser decides again holding the clock's row, everybody's turn:
every payment moves the settlement account, so finer locks would only queue them one account later,
with deadlocks. Checks and unique indexes of the tables guard the limits and the ids once more.
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

_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

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

        Raises Unknown when the answer to the write, which commits itself, is lost, Unavailable
        when nothing was committed, and ValueError for what `limits.check_transfers` refuses.
        """
        check_transfers(transfers)
        if not transfers:
            return []

        progress = _Progress()
        try:
            results = await self._pool.run(_apply_at_once, transfers, progress)
            if results is None:
                results = await self._pool.transaction(_apply_in_turn, transfers, progress)
        except Unavailable as error:
            if progress.committing and not _rolled_back(error.__cause__):
                raise Unknown("ledger", _reference(transfers), str(error)) from error

            raise _unavailable(error) from error

        return results

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
    """Whether a commit may be on its way: once the write is sent, only an answer would tell."""

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


async def _apply_at_once(
    connection: Connection, transfers: Sequence[Transfer], progress: _Progress
) -> list[TransferStatus] | None:
    """Outside a transaction. None: nothing was written, because somebody else wrote meanwhile."""
    try:
        return await _apply(connection, transfers, progress)
    except _CONFLICTS:
        progress.committing = False
        return None


async def _apply_in_turn(
    connection: Connection, transfers: Sequence[Transfer], progress: _Progress
) -> list[TransferStatus]:
    """Inside a transaction, in which nobody else can write any more."""
    progress.committing = False  # this may be another try, after a definite rollback
    # A statement of its own, because the next ones must see what the writers before us committed.
    await connection.execute("SELECT FROM ledger_clock FOR UPDATE")
    results = await _apply(connection, transfers, progress)
    assert results is not None, "the ledger's clock moved while its row was locked"
    return results


async def _apply(
    connection: Connection, transfers: Sequence[Transfer], progress: _Progress
) -> list[TransferStatus] | None:
    last_timestamp, known, accounts = await _read(connection, transfers)
    decision = decide(accounts, known, transfers)

    # Answers that write nothing stay true for ever, so it does not matter who writes meanwhile.
    if not decision.created and not decision.burnt:
        return decision.results

    progress.committing = True
    if await _write(connection, decision, last_timestamp):
        return decision.results

    progress.committing = False
    return None


async def _read(
    connection: Connection, transfers: Sequence[Transfer]
) -> tuple[int, Known, dict[int, AccountState]]:
    """At one moment: the clock; the transfers with these ids, their holds with what resolved them,
    and the burnt ids; the accounts that these and those name.
    """
    ids = _uuids(transfer.id for transfer in transfers)
    holds = _uuids(transfer.pending_id for transfer in transfers)
    named = {transfer.debit_account_id for transfer in transfers}
    named.update(transfer.credit_account_id for transfer in transfers)
    rows = await connection.fetch(_READ, [*ids, *holds], holds, ids, _uuids(named))

    last_timestamp = 0
    found: list[Transfer] = []
    burnt: set[int] = set()
    accounts: dict[int, AccountState] = {}
    for row in rows:
        match row["kind"]:
            case "transfer":
                found.append(_transfer_of(row))
            case "account":
                accounts[row["id"].int] = _state_of(row)
            case "burnt":
                burnt.add(row["id"].int)
            case _:
                last_timestamp = row["last_timestamp"]

    known = Known(
        transfers={transfer.id: transfer for transfer in found},
        burnt=burnt,
        resolved={transfer.pending_id: transfer for transfer in found if transfer.pending_id},
    )
    return last_timestamp, known, accounts


# Rows of four kinds: columns that another kind has no use for are null.
_READ = """
    WITH found AS MATERIALIZED (
        SELECT id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags
        FROM ledger_transfers WHERE id = ANY ($1::uuid[])
        UNION ALL
        SELECT id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags
        FROM ledger_transfers WHERE pending_id = ANY ($2::uuid[])
    )
    SELECT
        'clock' AS kind, NULL::uuid AS id, NULL::bigint AS ledger, NULL::integer AS flags,
        NULL::uuid AS debit_account_id, NULL::uuid AS credit_account_id, NULL::uuid AS pending_id,
        NULL::bigint AS amount, NULL::integer AS code,
        NULL::bigint AS debits_pending, NULL::bigint AS debits_posted,
        NULL::bigint AS credits_pending, NULL::bigint AS credits_posted,
        last_timestamp
    FROM ledger_clock
    UNION ALL
    SELECT
        'account', id, ledger, flags, NULL, NULL, NULL, NULL, NULL,
        debits_pending, debits_posted, credits_pending, credits_posted, NULL
    FROM ledger_accounts
    WHERE id = ANY ($4::uuid[] || ARRAY(
        SELECT debit_account_id FROM found UNION SELECT credit_account_id FROM found
    ))
    UNION ALL
    SELECT
        'transfer', id, ledger, flags, debit_account_id, credit_account_id, pending_id, amount,
        code, NULL, NULL, NULL, NULL, NULL
    FROM found
    UNION ALL
    SELECT
        'burnt', id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM ledger_burnt_ids WHERE id = ANY ($3::uuid[])
"""


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


async def _write(connection: Connection, decision: Decision, decided_at: int) -> bool:
    """Everything of a batch at once, or nothing and False when the clock has left `decided_at`."""
    created, burnt, changes = decision.created, decision.burnt, decision.changes
    assert len(created) + len(burnt) <= len(decision.results), "more written than asked for"

    written: bool = await connection.fetchval(
        """
        SELECT ledger_write(
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
        )
        """,
        decided_at,
        [_uuid(transfer.id) for transfer in created],
        [_uuid(transfer.debit_account_id) for transfer in created],
        [_uuid(transfer.credit_account_id) for transfer in created],
        [transfer.amount for transfer in created],
        [_uuid(transfer.pending_id) if transfer.pending_id else None for transfer in created],
        [transfer.ledger for transfer in created],
        [transfer.code for transfer in created],
        [int(transfer.flags) for transfer in created],
        [_uuid(burnt_id) for burnt_id in burnt],
        [str(status) for status in burnt.values()],
        [_uuid(change.account_id) for change in changes],
        [change.debits_pending for change in changes],
        [change.debits_posted for change in changes],
        [change.credits_pending for change in changes],
        [change.credits_posted for change in changes],
    )
    return written


def _rolled_back(cause: BaseException | None) -> bool:
    """An ERROR is the server's word that nothing was committed. A FATAL one ends the session, and
    may do so right after a commit; anything else is no word of the server at all.
    """
    return isinstance(cause, asyncpg.PostgresError) and cause.severity_en == "ERROR"


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
