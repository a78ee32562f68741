"""Whose accounts are behind ledger ids: for balances that are pushed."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from fluxiq.domain.records import Account
from fluxiq.stores.pool import Connection, uuid_of
from fluxiq.stores.sealed import House
from fluxiq.stores.sealed_records import account_of, those_that_open

# The end of a hold names the hold only; the mirror of the ledger knows its accounts.
_MOVED: Final = """
SELECT * FROM accounts
WHERE merchant_id = ANY ($1::text[]) AND ledger_id IN (
    SELECT unnest($2::uuid[])
    UNION ALL
    SELECT unnest(ARRAY[debit_account_id, credit_account_id]) FROM ledger_transfers
    WHERE id = ANY ($3::uuid[])
)
"""


async def moved_accounts(
    connection: Connection,
    house: House,
    merchant_ids: Iterable[str],
    ledger_ids: Iterable[int],
    hold_ids: Iterable[int],
) -> list[Account]:
    """The accounts of these merchants among the ledger accounts, or on a side of the holds."""
    rows = await connection.fetch(
        _MOVED, list(merchant_ids), [*map(uuid_of, ledger_ids)], [*map(uuid_of, hold_ids)]
    )
    return those_that_open(partial(account_of, house), rows)
