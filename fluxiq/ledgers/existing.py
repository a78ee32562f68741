"""A transfer whose id is on the books already: the same one, or the first field that differs."""

from typing import Final

from fluxiq.domain.ledger_records import AMOUNT_MAX, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus

_VOID: Final = int(TransferFlags.VOID_PENDING_TRANSFER)
_RESOLVES: Final = int(TransferFlags.POST_PENDING_TRANSFER) | _VOID
_BALANCING: Final = int(TransferFlags.BALANCING_DEBIT | TransferFlags.BALANCING_CREDIT)


def compare_with_existing(t: Transfer, e: Transfer, p: Transfer | None) -> TransferStatus:  # noqa: PLR0911 - the documented order
    """What the new transfer `t` is to the existing one `e`; `p` is the hold that `t` names.

    `p` may be None where `t` names no hold, or another one than `e`. Flags come first, because the
    meaning of the rest depends on them.
    """
    flags = int(t.flags)
    if flags != int(e.flags):
        return TransferStatus.EXISTS_WITH_DIFFERENT_FLAGS
    if t.pending_id != e.pending_id:
        return TransferStatus.EXISTS_WITH_DIFFERENT_PENDING_ID
    if t.timeout != e.timeout:
        return TransferStatus.EXISTS_WITH_DIFFERENT_TIMEOUT

    if flags & _RESOLVES:
        assert p is not None, f"transfer {e.id:x} resolved a hold that is not known"
        t = recorded_resolution(t, p, amount_of_resolution(flags, t.amount, p))

    if t.debit_account_id != e.debit_account_id:
        return TransferStatus.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID
    if t.credit_account_id != e.credit_account_id:
        return TransferStatus.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID

    # A balancing transfer says how much at most; what it moved depended on its moment.
    if t.amount < e.amount if flags & _BALANCING else t.amount != e.amount:
        return TransferStatus.EXISTS_WITH_DIFFERENT_AMOUNT

    return _compare_what_moves_nothing(t, e)


def amount_of_resolution(flags: int, amount: int, p: Transfer) -> int:
    """Nothing said is everything: 0 for a void, AMOUNT_MAX for a post (where 0 is 0)."""
    everything = 0 if flags & _VOID else AMOUNT_MAX
    return p.amount if amount == everything else amount


def recorded_resolution(t: Transfer, p: Transfer, amount: int) -> Transfer:
    """A post or void with what it leaves to its hold filled in."""
    return Transfer(
        id=t.id,
        ledger=t.ledger or p.ledger,
        code=t.code or p.code,
        debit_account_id=t.debit_account_id or p.debit_account_id,
        credit_account_id=t.credit_account_id or p.credit_account_id,
        amount=amount,
        pending_id=t.pending_id,
        flags=t.flags,
        user_data_128=t.user_data_128 or p.user_data_128,
        user_data_64=t.user_data_64 or p.user_data_64,
        user_data_32=t.user_data_32 or p.user_data_32,
    )


def _compare_what_moves_nothing(t: Transfer, e: Transfer) -> TransferStatus:
    if t.user_data_128 != e.user_data_128:
        return TransferStatus.EXISTS_WITH_DIFFERENT_USER_DATA_128
    if t.user_data_64 != e.user_data_64:
        return TransferStatus.EXISTS_WITH_DIFFERENT_USER_DATA_64
    if t.user_data_32 != e.user_data_32:
        return TransferStatus.EXISTS_WITH_DIFFERENT_USER_DATA_32
    if t.ledger != e.ledger:
        return TransferStatus.EXISTS_WITH_DIFFERENT_LEDGER
    if t.code != e.code:
        return TransferStatus.EXISTS_WITH_DIFFERENT_CODE

    return TransferStatus.EXISTS
