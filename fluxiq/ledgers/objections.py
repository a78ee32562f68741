"""The reasons to refuse a transfer, each in its documented place among the others.

https://docs.tigerbeetle.com/reference/requests/create_transfers/#status. `t` is the transfer, `p`
the hold that it posts or voids, `flags` those of `t`. None: no objection.
"""

from typing import Final

from fluxiq.domain.ledger_records import ID_MAX, AccountFlags, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.books import Counters

# Plain ints: operators of IntFlag cost half a microsecond each.
_PENDING: Final = int(TransferFlags.PENDING)
_VOID: Final = int(TransferFlags.VOID_PENDING_TRANSFER)
_RESOLVES: Final = int(TransferFlags.POST_PENDING_TRANSFER) | _VOID
_BALANCING: Final = int(TransferFlags.BALANCING_DEBIT | TransferFlags.BALANCING_CREDIT)
_CLOSING: Final = int(TransferFlags.CLOSING_DEBIT | TransferFlags.CLOSING_CREDIT)
_DEBITS_LIMITED: Final = int(AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS)
_CREDITS_LIMITED: Final = int(AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS)
_CLOSED: Final = int(AccountFlags.CLOSED)


def malformed(t: Transfer, flags: int) -> TransferStatus | None:  # noqa: C901, PLR0911 - the documented order
    if t.debit_account_id == 0:
        return TransferStatus.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
    if t.debit_account_id == ID_MAX:
        return TransferStatus.DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX
    if t.credit_account_id == 0:
        return TransferStatus.CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
    if t.credit_account_id == ID_MAX:
        return TransferStatus.CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX
    if t.credit_account_id == t.debit_account_id:
        return TransferStatus.ACCOUNTS_MUST_BE_DIFFERENT
    if t.pending_id != 0:
        return TransferStatus.PENDING_ID_MUST_BE_ZERO
    if not flags & _PENDING:
        if t.timeout != 0:
            return TransferStatus.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
        if flags & _CLOSING:
            return TransferStatus.CLOSING_TRANSFER_MUST_BE_PENDING
    if t.ledger == 0:
        return TransferStatus.LEDGER_MUST_NOT_BE_ZERO
    if t.code == 0:
        return TransferStatus.CODE_MUST_NOT_BE_ZERO

    return None


def malformed_resolution(t: Transfer, flags: int) -> TransferStatus | None:
    if flags & _RESOLVES == _RESOLVES or flags & (_PENDING | _BALANCING | _CLOSING):
        return TransferStatus.FLAGS_ARE_MUTUALLY_EXCLUSIVE
    if t.pending_id == 0:
        return TransferStatus.PENDING_ID_MUST_NOT_BE_ZERO
    if t.pending_id == ID_MAX:
        return TransferStatus.PENDING_ID_MUST_NOT_BE_INT_MAX
    if t.pending_id == t.id:
        return TransferStatus.PENDING_ID_MUST_BE_DIFFERENT
    if t.timeout != 0:
        return TransferStatus.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER

    return None


def objection_to(t: Transfer, p: Transfer, flags: int, amount: int) -> TransferStatus | None:  # noqa: PLR0911 - the documented order
    if not int(p.flags) & _PENDING:
        return TransferStatus.PENDING_TRANSFER_NOT_PENDING
    if t.debit_account_id not in {0, p.debit_account_id}:
        return TransferStatus.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID
    if t.credit_account_id not in {0, p.credit_account_id}:
        return TransferStatus.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID
    if t.ledger not in {0, p.ledger}:
        return TransferStatus.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER
    if t.code not in {0, p.code}:
        return TransferStatus.PENDING_TRANSFER_HAS_DIFFERENT_CODE
    if amount > p.amount:
        return TransferStatus.EXCEEDS_PENDING_TRANSFER_AMOUNT
    if flags & _VOID and amount < p.amount:
        return TransferStatus.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT

    return None


def overflow(  # noqa: PLR0911 - the documented order
    amount: int, flags: int, debit: Counters, credit: Counters, most: int
) -> TransferStatus | None:
    debits = debit.debits_pending + debit.debits_posted + amount
    credits_ = credit.credits_pending + credit.credits_posted + amount
    if debits <= most >= credits_:
        return None

    if flags & _PENDING:
        if debit.debits_pending + amount > most:
            return TransferStatus.OVERFLOWS_DEBITS_PENDING
        if credit.credits_pending + amount > most:
            return TransferStatus.OVERFLOWS_CREDITS_PENDING
    if debit.debits_posted + amount > most:
        return TransferStatus.OVERFLOWS_DEBITS_POSTED
    if credit.credits_posted + amount > most:
        return TransferStatus.OVERFLOWS_CREDITS_POSTED
    if debits > most:
        return TransferStatus.OVERFLOWS_DEBITS

    return TransferStatus.OVERFLOWS_CREDITS


def debits_exceed_credits(account: Counters, amount: int) -> bool:
    limited = account.flags & _DEBITS_LIMITED
    debited = account.debits_pending + account.debits_posted
    return bool(limited) and debited + amount > account.credits_posted


def credits_exceed_debits(account: Counters, amount: int) -> bool:
    limited = account.flags & _CREDITS_LIMITED
    credited = account.credits_pending + account.credits_posted
    return bool(limited) and credited + amount > account.debits_posted


def closed_account(debit: Counters) -> TransferStatus:
    """The reason when one of the two accounts, or both, are closed."""
    if debit.flags & _CLOSED:
        return TransferStatus.DEBIT_ACCOUNT_ALREADY_CLOSED

    return TransferStatus.CREDIT_ACCOUNT_ALREADY_CLOSED
