"""TigerBeetle's create_accounts as a pure decision.

https://docs.tigerbeetle.com/reference/requests/create_accounts/. Counters start at zero and are not
part of a request here, so the answers about them cannot be given. Nor can those about imports.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from fluxiq.domain.ledger_records import ID_MAX, AccountFlags, LedgerAccount
from fluxiq.domain.ledger_statuses import CreateAccountStatus
from fluxiq.ledgers.chains import enter_all

_LIMITS: Final = int(
    AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS | AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS
)
_DEFINED: Final = (1 << 6) - 1


class AccountDecision(Struct, frozen=True, kw_only=True):
    """One status per account, in order, and the accounts to be written, in order."""

    results: list[CreateAccountStatus]
    created: Sequence[LedgerAccount]


def decide_accounts(
    existing: Mapping[int, LedgerAccount], accounts: Sequence[LedgerAccount]
) -> AccountDecision:
    """Create `accounts` in order, chains whole, as TigerBeetle would; changes nothing.

    `existing` has those of the same ids, with their flags of now: who closed an account cannot
    create it again as it was. `accounts` were checked by `limits`.
    """
    book = _Accounts(existing)
    results = enter_all(accounts, book, CreateAccountStatus)
    return AccountDecision(results=results, created=tuple(book.created.values()))


class _Accounts:
    """`a` is the new account, `e` the existing one."""

    def __init__(self, existing: Mapping[int, LedgerAccount]) -> None:
        self.created: dict[int, LedgerAccount] = {}
        self._existing = existing
        self._created_before_chain = 0

    def enter(self, a: LedgerAccount, flags: int, index: int) -> CreateAccountStatus:  # noqa: ARG002, PLR0911 - chains ask with the index; the documented order
        if a.timestamp:
            return CreateAccountStatus.TIMESTAMP_MUST_BE_ZERO
        if flags > _DEFINED:
            return CreateAccountStatus.RESERVED_FLAG
        if a.id == 0:
            return CreateAccountStatus.ID_MUST_NOT_BE_ZERO
        if a.id == ID_MAX:
            return CreateAccountStatus.ID_MUST_NOT_BE_INT_MAX
        if (e := self.created.get(a.id) or self._existing.get(a.id)) is not None:
            return _compare(a, e)
        if flags & _LIMITS == _LIMITS:
            return CreateAccountStatus.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if a.ledger == 0:
            return CreateAccountStatus.LEDGER_MUST_NOT_BE_ZERO
        if a.code == 0:
            return CreateAccountStatus.CODE_MUST_NOT_BE_ZERO

        self.created[a.id] = a
        return CreateAccountStatus.CREATED

    def refuse(self, a: LedgerAccount, status: CreateAccountStatus) -> None:
        """Nothing to note: what an account is refused for does not pass with time."""

    def open_chain(self) -> None:
        self._created_before_chain = len(self.created)

    def keep_chain(self) -> None:
        """What was created since stays."""

    def discard_chain(self) -> None:
        while len(self.created) > self._created_before_chain:
            self.created.popitem()


def _compare(a: LedgerAccount, e: LedgerAccount) -> CreateAccountStatus:  # noqa: PLR0911 - the documented order
    if int(a.flags) != int(e.flags):
        return CreateAccountStatus.EXISTS_WITH_DIFFERENT_FLAGS
    if a.user_data_128 != e.user_data_128:
        return CreateAccountStatus.EXISTS_WITH_DIFFERENT_USER_DATA_128
    if a.user_data_64 != e.user_data_64:
        return CreateAccountStatus.EXISTS_WITH_DIFFERENT_USER_DATA_64
    if a.user_data_32 != e.user_data_32:
        return CreateAccountStatus.EXISTS_WITH_DIFFERENT_USER_DATA_32
    if a.ledger != e.ledger:
        return CreateAccountStatus.EXISTS_WITH_DIFFERENT_LEDGER
    if a.code != e.code:
        return CreateAccountStatus.EXISTS_WITH_DIFFERENT_CODE

    return CreateAccountStatus.EXISTS
