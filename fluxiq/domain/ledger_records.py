"""Accounts and transfers in TigerBeetle's own words (0.17), so that every backend answers alike.

Ids and counters are 128 bits, amounts centavos, times nanoseconds since the epoch by the ledger's
clock. `user_data_*` is the caller's, for the ledger to keep and to filter by.
"""

from enum import IntFlag
from typing import Final

from msgspec import Struct

AMOUNT_MAX: Final = 2**128 - 1  # of a post: all of the hold; of a balancing transfer: all there is
ID_MAX: Final = 2**128 - 1  # reserved, as is 0
TIMESTAMP_MAX: Final = 2**63 - 1


class TransferFlags(IntFlag):
    """https://docs.tigerbeetle.com/reference/transfer/#flags."""

    NONE = 0
    LINKED = 1 << 0
    PENDING = 1 << 1
    POST_PENDING_TRANSFER = 1 << 2
    VOID_PENDING_TRANSFER = 1 << 3
    BALANCING_DEBIT = 1 << 4
    BALANCING_CREDIT = 1 << 5
    CLOSING_DEBIT = 1 << 6
    CLOSING_CREDIT = 1 << 7
    IMPORTED = 1 << 8


class AccountFlags(IntFlag):
    """https://docs.tigerbeetle.com/reference/account/#flags."""

    NONE = 0
    LINKED = 1 << 0
    DEBITS_MUST_NOT_EXCEED_CREDITS = 1 << 1
    CREDITS_MUST_NOT_EXCEED_DEBITS = 1 << 2
    HISTORY = 1 << 3
    IMPORTED = 1 << 4
    CLOSED = 1 << 5


class LedgerAccount(Struct, frozen=True, kw_only=True):
    """An account: `id` is 128 bits, `ledger` the institution's u32, `code` its role.

    `timestamp` is when the ledger created it, and 0 in a request. Of `flags` only CLOSED changes
    afterwards.
    """

    id: int
    ledger: int
    code: int
    flags: AccountFlags = AccountFlags.NONE
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0
    timestamp: int = 0


class Balance(Struct, frozen=True, kw_only=True, gc=False):
    """An account's four counters, in centavos.

    `timestamp` is of the movement that left them so, where a history of balances is told; else 0.
    """

    account_id: int
    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0
    timestamp: int = 0

    @property
    def available(self) -> int:
        """What a credit-normal account may spend: posted credits less posted and held debits."""
        return self.credits_posted - self.debits_posted - self.debits_pending


class Transfer(Struct, frozen=True, kw_only=True, gc=False):  # numbers alone: no cycles
    """One movement of `amount` centavos; `pending_id` is the hold that a post or void resolves.

    A hold expires `timeout` seconds after its `timestamp`, or never when that is 0. `timestamp` is
    when the ledger applied it, and 0 in a request.
    """

    id: int
    ledger: int
    code: int
    debit_account_id: int = 0
    credit_account_id: int = 0
    amount: int = 0
    pending_id: int = 0
    flags: TransferFlags = TransferFlags.NONE
    timeout: int = 0
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0
    timestamp: int = 0


class AccountFilter(Struct, frozen=True, kw_only=True):
    """Which transfers, or balances, of one account: 0 filters nothing, bounds are inclusive."""

    account_id: int
    limit: int
    debits: bool = True
    credits: bool = True
    reversed: bool = False
    code: int = 0
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0
    timestamp_min: int = 0
    timestamp_max: int = 0


class QueryFilter(Struct, frozen=True, kw_only=True):
    """Which accounts, or transfers, of all: 0 filters nothing, bounds are inclusive."""

    limit: int
    reversed: bool = False
    ledger: int = 0
    code: int = 0
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0
    timestamp_min: int = 0
    timestamp_max: int = 0
