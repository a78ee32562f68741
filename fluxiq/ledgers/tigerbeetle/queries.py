"""Filters, balances of the past and the change feed, as TigerBeetle 0.17 lays them out.

The wheel has no structure for the change feed; its layout is `ChangeEvent` of TigerBeetle's own
`src/tigerbeetle.zig`, and a test with a real server reads one.
"""

import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

from fluxiq.domain.records import (
    AccountFilter,
    AccountFlags,
    Balance,
    LedgerAccount,
    QueryFilter,
    Transfer,
    TransferFlags,
)
from fluxiq.ledgers.tigerbeetle.records import AccountRecord, check_whole

# account id, user data of 128, 64 and 32 bits, code, reserved, timestamps min and max, limit, flags
ACCOUNT_FILTER: Final = struct.Struct("<16s16sQIH58xQQII")
# user data of 128, 64 and 32 bits, ledger, code, reserved, timestamps min and max, limit, flags
QUERY_FILTER: Final = struct.Struct("<16sQIIH6xQQII")
# debits pending and posted, credits pending and posted, timestamp, reserved
ACCOUNT_BALANCE: Final = struct.Struct("<16s16s16s16sQ56x")
# timestamps min and max, limit, reserved
CHANGE_EVENTS_FILTER: Final = struct.Struct("<QQI44x")
# A change event is three parts. The transfer: id, amount, pending id, user data of 128, 64 and
# 32 bits, timeout, code, flags; then ledger, kind, reserved.
_MOVED: Final = struct.Struct("<16s16s16s16sQIIHHIB39x")
# The debit account, then the credit account: id, debits pending and posted, credits pending and
# posted, user data of 128, 64 and 32 bits, code, flags.
_PARTY: Final = struct.Struct("<16s16s16s16s16s16sQIHH")
# When: the event, the transfer, the debit account, the credit account.
_TIMES: Final = struct.Struct("<QQQQ")
_DEBIT_AT: Final = _MOVED.size
_CREDIT_AT: Final = _DEBIT_AT + _PARTY.size
_TIMES_AT: Final = _CREDIT_AT + _PARTY.size
CHANGE_EVENT_BYTES: Final = _TIMES_AT + _TIMES.size

_DEBITS, _CREDITS, _ACCOUNT_REVERSED = 1 << 0, 1 << 1, 1 << 2
_QUERY_REVERSED = 1 << 0


class ChangeKind(IntEnum):
    """What a transfer, or the end of a hold's time, did to the books."""

    SINGLE_PHASE = 0
    TWO_PHASE_PENDING = 1
    TWO_PHASE_POSTED = 2
    TWO_PHASE_VOIDED = 3
    TWO_PHASE_EXPIRED = 4  # no transfer of its own: `transfer` is the hold


class ChangeEvent(NamedTuple):
    """One change of the books and both accounts right after it; amounts in centavos.

    `timestamp` orders all events of the cluster: nanoseconds since the epoch by the cluster's
    clock, unique. It is the transfer's own, but for TWO_PHASE_EXPIRED.
    """

    timestamp: int
    kind: ChangeKind
    transfer: Transfer
    debit: AccountRecord
    credit: AccountRecord


def pack_account_filter(wanted: AccountFilter) -> bytes:
    """128 bytes. Raises ValueError for numbers that do not fit, or when nothing could match."""
    flags = _DEBITS * wanted.debits | _CREDITS * wanted.credits
    if not flags:
        raise ValueError("neither debits nor credits are wanted")

    try:
        return ACCOUNT_FILTER.pack(
            wanted.account_id.to_bytes(16, "little"),
            wanted.user_data_128.to_bytes(16, "little"),
            wanted.user_data_64,
            wanted.user_data_32,
            wanted.code,
            wanted.timestamp_min,
            wanted.timestamp_max,
            wanted.limit,
            flags | _ACCOUNT_REVERSED * wanted.reversed,
        )
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{wanted!r} has a number out of range: {error}") from error


def pack_query_filter(wanted: QueryFilter) -> bytes:
    """64 bytes. Raises ValueError for numbers that do not fit."""
    try:
        return QUERY_FILTER.pack(
            wanted.user_data_128.to_bytes(16, "little"),
            wanted.user_data_64,
            wanted.user_data_32,
            wanted.ledger,
            wanted.code,
            wanted.timestamp_min,
            wanted.timestamp_max,
            wanted.limit,
            _QUERY_REVERSED * wanted.reversed,
        )
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{wanted!r} has a number out of range: {error}") from error


def pack_change_events_filter(*, timestamp_min: int, timestamp_max: int, limit: int) -> bytes:
    """64 bytes; 0 bounds nothing. Raises ValueError for numbers that do not fit."""
    try:
        return CHANGE_EVENTS_FILTER.pack(timestamp_min, timestamp_max, limit)
    except struct.error as error:
        raise ValueError(f"a bound or limit of change events is out of range: {error}") from error


def unpack_balances(reply: bytes, account_id: int) -> list[Balance]:
    """Balances of one account right after its transfers, 128 bytes each. Raises ValueError."""
    check_whole(reply, ACCOUNT_BALANCE.size)
    return [
        Balance(
            account_id=account_id,
            debits_pending=_number(debits_pending),
            debits_posted=_number(debits_posted),
            credits_pending=_number(credits_pending),
            credits_posted=_number(credits_posted),
            timestamp=timestamp,
        )
        for (
            debits_pending,
            debits_posted,
            credits_pending,
            credits_posted,
            timestamp,
        ) in ACCOUNT_BALANCE.iter_unpack(reply)
    ]


def unpack_change_events(reply: bytes) -> list[ChangeEvent]:
    """Change events, 384 bytes each. Raises ValueError."""
    check_whole(reply, CHANGE_EVENT_BYTES)
    return [_change_event(reply, at) for at in range(0, len(reply), CHANGE_EVENT_BYTES)]


def _change_event(reply: bytes, at: int) -> ChangeEvent:
    (
        id_,
        amount,
        pending_id,
        user_data_128,
        user_data_64,
        user_data_32,
        timeout,
        code,
        flags,
        ledger,
        kind,
    ) = _MOVED.unpack_from(reply, at)
    timestamp, moved_at, debit_since, credit_since = _TIMES.unpack_from(reply, at + _TIMES_AT)
    debit = _party(_PARTY.unpack_from(reply, at + _DEBIT_AT), ledger, debit_since)
    credit = _party(_PARTY.unpack_from(reply, at + _CREDIT_AT), ledger, credit_since)
    transfer = Transfer(
        id=_number(id_),
        ledger=ledger,
        code=code,
        debit_account_id=debit.account.id,
        credit_account_id=credit.account.id,
        amount=_number(amount),
        pending_id=_number(pending_id),
        flags=TransferFlags(flags),
        timeout=timeout,
        user_data_128=_number(user_data_128),
        user_data_64=user_data_64,
        user_data_32=user_data_32,
        timestamp=moved_at,
    )
    return ChangeEvent(timestamp, ChangeKind(kind), transfer, debit, credit)


def _party(fields: tuple[Any, ...], ledger: int, since: int) -> AccountRecord:
    (
        id_,
        debits_pending,
        debits_posted,
        credits_pending,
        credits_posted,
        user_data_128,
        user_data_64,
        user_data_32,
        code,
        flags,
    ) = fields
    account = LedgerAccount(
        id=_number(id_),
        ledger=ledger,
        code=code,
        flags=AccountFlags(flags),
        user_data_128=_number(user_data_128),
        user_data_64=user_data_64,
        user_data_32=user_data_32,
        timestamp=since,
    )
    balance = Balance(
        account_id=account.id,
        debits_pending=_number(debits_pending),
        debits_posted=_number(debits_posted),
        credits_pending=_number(credits_pending),
        credits_posted=_number(credits_posted),
    )
    return AccountRecord(account, balance)


def _number(field: bytes) -> int:
    return int.from_bytes(field, "little")
