"""What a batch of transfers refers to, read from the mirror's tables in one snapshot."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from asyncpg.pgproto.pgproto import UUID

from fluxiq.domain.ledger_records import Balance, Transfer, TransferFlags
from fluxiq.ledgers.books import AccountState, Known
from fluxiq.ledgers.postgres_pool import Connection, uuids_of


async def read_books(
    connection: Connection, transfers: Sequence[Transfer]
) -> tuple[int, Known, dict[int, AccountState]]:
    """At one moment: the clock; the transfers with these ids, their holds with what resolved them,
    and the burnt ids; the accounts that these and those name.
    """
    ids = uuids_of(transfer.id for transfer in transfers)
    holds = uuids_of(transfer.pending_id for transfer in transfers)
    named = {transfer.debit_account_id for transfer in transfers}
    named.update(transfer.credit_account_id for transfer in transfers)
    rows = await connection.fetch(_READ, [*ids, *holds], holds, ids, uuids_of(named))

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


async def read_balances(connection: Connection, account_ids: Iterable[int]) -> dict[int, Balance]:
    rows = await connection.fetch(
        """
        SELECT id, ledger, flags, debits_pending, debits_posted, credits_pending, credits_posted
        FROM ledger_accounts WHERE id = ANY ($1::uuid[])
        """,
        uuids_of(account_ids),
    )
    return {row["id"].int: _state_of(row).balance for row in rows}


# Rows of four kinds: columns that another kind has no use for are null.
_READ: Final = """
    WITH found AS MATERIALIZED (
        SELECT
            id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
            user_data_128, user_data_64, user_data_32
        FROM ledger_transfers WHERE id = ANY ($1::uuid[])
        UNION ALL
        SELECT
            id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
            user_data_128, user_data_64, user_data_32
        FROM ledger_transfers WHERE pending_id = ANY ($2::uuid[])
    )
    SELECT
        'clock' AS kind, NULL::uuid AS id, NULL::bigint AS ledger, NULL::integer AS flags,
        NULL::uuid AS debit_account_id, NULL::uuid AS credit_account_id, NULL::uuid AS pending_id,
        NULL::bigint AS amount, NULL::integer AS code,
        NULL::uuid AS user_data_128, NULL::bigint AS user_data_64, NULL::bigint AS user_data_32,
        NULL::bigint AS debits_pending, NULL::bigint AS debits_posted,
        NULL::bigint AS credits_pending, NULL::bigint AS credits_posted,
        last_timestamp
    FROM ledger_clock
    UNION ALL
    SELECT
        'account', id, ledger, flags, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        debits_pending, debits_posted, credits_pending, credits_posted, NULL
    FROM ledger_accounts
    WHERE id = ANY ($4::uuid[] || ARRAY(
        SELECT debit_account_id FROM found UNION SELECT credit_account_id FROM found
    ))
    UNION ALL
    SELECT
        'transfer', id, ledger, flags, debit_account_id, credit_account_id, pending_id, amount,
        code, user_data_128, user_data_64, user_data_32, NULL, NULL, NULL, NULL, NULL
    FROM found
    UNION ALL
    SELECT
        'burnt', id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL
    FROM ledger_burnt_ids WHERE id = ANY ($3::uuid[])
"""


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
        pending_id=_number(row["pending_id"]),
        flags=TransferFlags(row["flags"]),
        user_data_128=_number(row["user_data_128"]),
        user_data_64=(row["user_data_64"] or 0) % 2**64,
        user_data_32=row["user_data_32"] or 0,
    )


def _number(value: UUID | None) -> int:
    number: int = 0 if value is None else value.int
    return number
