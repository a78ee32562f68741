"""What a ledger is asked for: checked before anything is decided, and never ignored.

Two questions. `check_transfer_widths`, `check_account_widths`: can a record say it at all?
`check_transfers`, `check_account`: does every backend of ours keep it? A post may say AMOUNT_MAX
for "all of the hold"; every other amount of theirs, and every counter, fits into the 63 bits that
Postgres counts in.
"""

from collections.abc import Sequence
from typing import Final, NoReturn

from fluxiq.domain.ledger_records import (
    AMOUNT_MAX,
    ID_MAX,
    AccountFlags,
    LedgerAccount,
    Transfer,
    TransferFlags,
)

TRANSFERS_MAX: Final = 8189  # events in one request of TigerBeetle's, accounts too
CENTAVOS_MAX: Final = 2**63 - 1
# What every backend keeps, and the mirror can follow. All other bits, reserved ones too, do not.
KEPT_FLAGS: Final = int(
    TransferFlags.LINKED
    | TransferFlags.PENDING
    | TransferFlags.POST_PENDING_TRANSFER
    | TransferFlags.VOID_PENDING_TRANSFER
)

_RESOLVES: Final = int(TransferFlags.POST_PENDING_TRANSFER | TransferFlags.VOID_PENDING_TRANSFER)
_LINKED: Final = int(TransferFlags.LINKED)
_IMPORTED: Final = int(TransferFlags.IMPORTED)
_NAMED: Final = 2 * int(max(TransferFlags)) - 1
_LIMITS: Final = int(
    AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS | AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS
)


def check_transfers(transfers: Sequence[Transfer]) -> None:
    """Raise ValueError for what not every backend keeps: more than TRANSFERS_MAX transfers;
    balancing, closing or imported ones and timeouts, by name; reserved flags; numbers out of range.
    And for a chain with one id twice: it would be answered EXISTS, and yet be taken back.
    """
    _check_count("transfers", len(transfers))
    chain: set[int] = set()

    for transfer in transfers:
        flags = int(transfer.flags)
        if flags & _LINKED or chain:
            if transfer.id in chain:
                _not_supported(transfer, "an id that comes twice in one chain")

            chain.add(transfer.id)
            if not flags & _LINKED:
                chain.clear()

        if unsupported := flags & ~KEPT_FLAGS:
            _not_supported(transfer, _flags_named(unsupported))
        if transfer.timeout:
            _not_supported(transfer, f"a timeout of {transfer.timeout} s")

        amount_max = AMOUNT_MAX if flags & _RESOLVES else CENTAVOS_MAX
        if transfer.amount > amount_max or not _fits(transfer):
            _out_of_range(transfer)


def check_transfer_widths(transfers: Sequence[Transfer]) -> None:
    """Raise ValueError for what cannot be sent to TigerBeetle: more than TRANSFERS_MAX transfers,
    numbers wider than their field. And for IMPORTED ones, which no ledger here does.
    """
    _check_count("transfers", len(transfers))
    for transfer in transfers:
        if int(transfer.flags) & _IMPORTED:
            _not_supported(transfer, "IMPORTED")
        if not _fits(transfer):
            _out_of_range(transfer)


def check_account_widths(accounts: Sequence[LedgerAccount]) -> None:
    """Raise ValueError for accounts as `check_transfer_widths` does for transfers."""
    _check_count("accounts", len(accounts))
    for account in accounts:
        if int(account.flags) & int(AccountFlags.IMPORTED):
            _not_supported(account, "IMPORTED")
        if not _account_fits(account):
            _out_of_range(account)


def check_account(account: LedgerAccount, ledger: int) -> None:
    """Assert what every backend asks of a new account, and that it belongs to `ledger`."""
    assert 0 < account.id < ID_MAX, f"not an account's id: {account.id}"
    assert account.ledger == ledger, f"{account!r} does not belong to ledger {ledger}"
    assert 0 < account.code < 2**16, f"not an account's code: {account!r}"
    assert account.timestamp == 0, f"the ledger says when an account was made: {account!r}"
    user_data = account.user_data_128 or account.user_data_64 or account.user_data_32
    assert not user_data, f"user data of accounts is not supported: {account!r}"
    flags = int(account.flags)
    assert flags & ~_LIMITS == 0, f"flags beyond limits are not supported: {account!r}"
    assert flags != _LIMITS, f"only one side of an account is limited: {account!r}"


def assert_same_account(existing: LedgerAccount, wanted: LedgerAccount) -> None:
    """An id names one account for ever."""
    assert existing == wanted, f"the account exists and is different: {existing!r}, not {wanted!r}"


def _fits(transfer: Transfer) -> bool:
    """Ids may be 0 or the largest: TigerBeetle has an answer for that."""
    return (
        0 <= transfer.id <= ID_MAX
        and 0 <= transfer.debit_account_id <= ID_MAX
        and 0 <= transfer.credit_account_id <= ID_MAX
        and 0 <= transfer.pending_id <= ID_MAX
        and 0 <= transfer.amount <= AMOUNT_MAX
        and 0 <= transfer.ledger < 2**32
        and 0 <= transfer.code < 2**16
        and 0 <= int(transfer.flags) < 2**16
        and 0 <= transfer.timeout < 2**32
        and 0 <= transfer.user_data_128 < 2**128
        and 0 <= transfer.user_data_64 < 2**64
        and 0 <= transfer.user_data_32 < 2**32
        and 0 <= transfer.timestamp < 2**64
    )


def _account_fits(account: LedgerAccount) -> bool:
    return (
        0 <= account.id <= ID_MAX
        and 0 <= account.ledger < 2**32
        and 0 <= account.code < 2**16
        and 0 <= int(account.flags) < 2**16
        and 0 <= account.user_data_128 < 2**128
        and 0 <= account.user_data_64 < 2**64
        and 0 <= account.user_data_32 < 2**32
        and 0 <= account.timestamp < 2**64
    )


def _check_count(events: str, count: int) -> None:
    if count > TRANSFERS_MAX:
        raise ValueError(f"{count} {events} in one batch, {TRANSFERS_MAX} are possible")


def _not_supported(event: Transfer | LedgerAccount, what: str) -> NoReturn:
    raise ValueError(f"{_kind(event)} {event.id:x}: {what} is not supported")


def _out_of_range(event: Transfer | LedgerAccount) -> NoReturn:
    raise ValueError(f"{_kind(event)} {event.id:x} has a number out of range: {event!r}")


def _flags_named(flags: int) -> str:
    return f"{TransferFlags(flags).name}" if 0 < flags <= _NAMED else f"flags {flags:#x}"


def _kind(event: Transfer | LedgerAccount) -> str:
    return "transfer" if isinstance(event, Transfer) else "account"
