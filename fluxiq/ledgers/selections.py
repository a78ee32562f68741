"""TigerBeetle's filters over accounts and transfers in memory, which are in order of timestamps.

https://docs.tigerbeetle.com/reference/account-filter/ and query-filter/. A filter that makes no
sense selects nothing.
"""

from collections.abc import Iterable
from typing import TypeVar

from fluxiq.domain.ledger_records import (
    ID_MAX,
    TIMESTAMP_MAX,
    AccountFilter,
    LedgerAccount,
    QueryFilter,
    Transfer,
)
from fluxiq.ledgers.limits import TRANSFERS_MAX

Event = TypeVar("Event", Transfer, LedgerAccount)


def of_account(transfers: Iterable[Transfer], wanted: AccountFilter) -> list[Transfer]:
    """The first `limit` transfers of the account. Raises ValueError for too high a limit."""
    if not 0 < wanted.account_id < ID_MAX:
        return []

    return _first(
        (
            one
            for one in transfers
            if (wanted.debits and one.debit_account_id == wanted.account_id)
            or (wanted.credits and one.credit_account_id == wanted.account_id)
        ),
        wanted,
    )


def of_all(events: Iterable[Event], wanted: QueryFilter) -> list[Event]:
    """The first `limit` accounts or transfers. Raises ValueError for too high a limit."""
    return _first((one for one in events if wanted.ledger in {0, one.ledger}), wanted)


def _first(events: Iterable[Event], wanted: AccountFilter | QueryFilter) -> list[Event]:
    if wanted.limit > TRANSFERS_MAX:
        raise ValueError(f"a limit of {wanted.limit} results, {TRANSFERS_MAX} are possible")
    # Beyond the end of time a bound is an error of the asker's, and selects nothing.
    if wanted.timestamp_max > TIMESTAMP_MAX:
        return []

    found = [one for one in events if _matches(one, wanted)]
    return (found[::-1] if wanted.reversed else found)[: wanted.limit]


def _matches(one: Transfer | LedgerAccount, wanted: AccountFilter | QueryFilter) -> bool:
    return (
        wanted.code in {0, one.code}
        and wanted.user_data_128 in {0, one.user_data_128}
        and wanted.user_data_64 in {0, one.user_data_64}
        and wanted.user_data_32 in {0, one.user_data_32}
        and wanted.timestamp_min <= one.timestamp <= (wanted.timestamp_max or TIMESTAMP_MAX)
    )
