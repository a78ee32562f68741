"""TigerBeetle's create_transfers as a pure decision.

The rules are those of TigerBeetle 0.17 (https://docs.tigerbeetle.com/reference/requests/
create_transfers/): results in order of precedence, chains whole, the id of a transient refusal
burnt, and what exists compared field by field. Imports are not here: `limits` refuses them by name.
Amounts and counters are centavos, times nanoseconds.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.ledger_records import AMOUNT_MAX, ID_MAX, AccountFlags, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TRANSIENT, TransferStatus
from fluxiq.ledgers.books import AccountState, Books, Change, Counters, Known
from fluxiq.ledgers.chains import enter_all
from fluxiq.ledgers.existing import (
    amount_of_resolution,
    compare_with_existing,
    recorded_resolution,
)
from fluxiq.ledgers.expiry import is_over, overflows
from fluxiq.ledgers.objections import (
    closed_account,
    credits_exceed_debits,
    debits_exceed_credits,
    malformed,
    malformed_resolution,
    objection_to,
    overflow,
)

# Plain ints: operators of IntFlag cost half a microsecond each.
_PENDING: Final = int(TransferFlags.PENDING)
_POST: Final = int(TransferFlags.POST_PENDING_TRANSFER)
_VOID: Final = int(TransferFlags.VOID_PENDING_TRANSFER)
_RESOLVES: Final = _POST | _VOID
_BALANCING_DEBIT: Final = int(TransferFlags.BALANCING_DEBIT)
_BALANCING_CREDIT: Final = int(TransferFlags.BALANCING_CREDIT)
_BALANCING: Final = _BALANCING_DEBIT | _BALANCING_CREDIT
_CLOSING_DEBIT: Final = int(TransferFlags.CLOSING_DEBIT)
_CLOSING_CREDIT: Final = int(TransferFlags.CLOSING_CREDIT)
_DEFINED: Final = (1 << 9) - 1
_CLOSED: Final = int(AccountFlags.CLOSED)


class Decision(Struct, frozen=True, kw_only=True):
    """`results` has one status per transfer, in order. The rest is to be written, all or nothing:
    `created` as recorded and in order, but for their timestamps, which who writes them gives them;
    `burnt` ids with their refusals; net `changes` by account.
    """

    results: list[TransferStatus]
    created: Sequence[Transfer]
    burnt: Mapping[int, TransferStatus]
    changes: Sequence[Change]


def decide(
    accounts: Mapping[int, AccountState],
    known: Known,
    transfers: Sequence[Transfer],
    *,
    clock: int = 0,
    counter_max: int = AMOUNT_MAX,
) -> Decision:
    """Apply `transfers` in order, chains whole, as TigerBeetle would; changes nothing.

    `accounts` has every existing account that the transfers name, and those of the holds that they
    post or void. `transfers` were checked by `limits`. The transfer at index i happens at the time
    `clock` + i + 1, which only holds with a timeout ask for. `counter_max` is what the pending and
    the posted half of a side may reach together: less than TigerBeetle's for a keeper that cannot
    count as far.
    """
    book = _Transfers(accounts, known, clock, counter_max)
    results = enter_all(transfers, book, TransferStatus)
    return Decision(
        results=results,
        created=tuple(book.created.values()),
        burnt=book.burnt,
        changes=book.changes(),
    )


class _Transfers(Books):
    """`t` is the new transfer, `e` the existing one, `p` the hold."""

    def __init__(
        self, accounts: Mapping[int, AccountState], known: Known, clock: int, counter_max: int
    ) -> None:
        super().__init__(accounts, known)
        self._first = clock + 1
        self._counter_max = counter_max

    def enter(self, t: Transfer, flags: int, index: int) -> TransferStatus:  # noqa: PLR0911 - the documented order
        if t.timestamp:
            return TransferStatus.TIMESTAMP_MUST_BE_ZERO
        if flags > _DEFINED:
            return TransferStatus.RESERVED_FLAG
        if t.id == 0:
            return TransferStatus.ID_MUST_NOT_BE_ZERO
        if t.id == ID_MAX:
            return TransferStatus.ID_MUST_NOT_BE_INT_MAX
        if (e := self.transfer(t.id)) is not None:
            return compare_with_existing(t, e, self.transfer(t.pending_id))
        if self.is_burnt(t.id):
            return TransferStatus.ID_ALREADY_FAILED
        if flags & _RESOLVES:
            return self._resolve(t, flags, self._first + index)

        return self._move(t, flags, self._first + index)

    def refuse(self, t: Transfer, status: TransferStatus) -> None:
        if status in TRANSIENT:
            self.burnt[t.id] = status

    def _move(self, t: Transfer, flags: int, now: int) -> TransferStatus:  # noqa: C901, PLR0911 - the documented order
        if (wrong := malformed(t, flags)) is not None:
            return wrong
        if (debit := self.account(t.debit_account_id)) is None:
            return TransferStatus.DEBIT_ACCOUNT_NOT_FOUND
        if (credit := self.account(t.credit_account_id)) is None:
            return TransferStatus.CREDIT_ACCOUNT_NOT_FOUND
        if debit.ledger != credit.ledger:
            return TransferStatus.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER
        if t.ledger != debit.ledger:
            return TransferStatus.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS
        if (debit.flags | credit.flags) & _CLOSED:
            return closed_account(debit)

        amount = _balanced(t.amount, flags, debit, credit) if flags & _BALANCING else t.amount
        if (excess := overflow(amount, flags, debit, credit, self._counter_max)) is not None:
            return excess
        if t.timeout and overflows(t, now):
            return TransferStatus.OVERFLOWS_TIMEOUT
        if debits_exceed_credits(debit, amount):
            return TransferStatus.EXCEEDS_CREDITS
        if credits_exceed_debits(credit, amount):
            return TransferStatus.EXCEEDS_DEBITS

        if flags & _PENDING:
            debit.debits_pending += amount
            credit.credits_pending += amount
            _close(flags, debit, credit)
        else:
            debit.debits_posted += amount
            credit.credits_posted += amount

        self.record(t if amount == t.amount else replace(t, amount=amount))
        return TransferStatus.CREATED

    def _resolve(self, t: Transfer, flags: int, now: int) -> TransferStatus:
        """Post or void a hold. No limits are checked: the hold took the room already."""
        if (wrong := malformed_resolution(t, flags)) is not None:
            return wrong
        if (p := self.transfer(t.pending_id)) is None:
            return TransferStatus.PENDING_TRANSFER_NOT_FOUND

        amount = amount_of_resolution(flags, t.amount, p)
        if (objection := objection_to(t, p, flags, amount)) is not None:
            return objection
        if (end := self._end_of(p, now)) is not None:
            return end

        debit, credit = self.account(p.debit_account_id), self.account(p.credit_account_id)
        assert debit is not None, f"hold {p.id:x} has no debit account"
        assert credit is not None, f"hold {p.id:x} has no credit account"
        assert debit.debits_pending >= p.amount <= credit.credits_pending, f"hold {p.id:x} is gone"

        # A closed account lets go of what it holds, and does nothing else.
        if flags & _POST and (debit.flags | credit.flags) & _CLOSED:
            return closed_account(debit)

        debit.debits_pending -= p.amount
        credit.credits_pending -= p.amount
        if flags & _POST:
            debit.debits_posted += amount
            credit.credits_posted += amount
        else:
            _reopen(int(p.flags), debit, credit)

        self.record(recorded_resolution(t, p, amount))
        return TransferStatus.CREATED

    def _end_of(self, p: Transfer, now: int) -> TransferStatus | None:
        """How the hold ended, where it has."""
        if (resolution := self.resolution(p.id)) is not None:
            if int(resolution.flags) & _POST:
                return TransferStatus.PENDING_TRANSFER_ALREADY_POSTED

            return TransferStatus.PENDING_TRANSFER_ALREADY_VOIDED
        if self.has_expired(p.id) or is_over(p, now):
            return TransferStatus.PENDING_TRANSFER_EXPIRED

        return None


def _balanced(amount: int, flags: int, debit: Counters, credit: Counters) -> int:
    """As much of `amount` as brings the account's debits and credits to the same sum."""
    if flags & _BALANCING_DEBIT:
        owed = debit.debits_posted + debit.debits_pending
        amount = min(amount, max(debit.credits_posted - owed, 0))
    if flags & _BALANCING_CREDIT:
        owned = credit.credits_posted + credit.credits_pending
        amount = min(amount, max(credit.debits_posted - owned, 0))

    return amount


def _close(flags: int, debit: Counters, credit: Counters) -> None:
    if flags & _CLOSING_DEBIT:
        debit.flags |= _CLOSED
    if flags & _CLOSING_CREDIT:
        credit.flags |= _CLOSED


def _reopen(hold_flags: int, debit: Counters, credit: Counters) -> None:
    """What the hold closed is open again once the hold is released."""
    if hold_flags & _CLOSING_DEBIT:
        debit.flags &= ~_CLOSED
    if hold_flags & _CLOSING_CREDIT:
        credit.flags &= ~_CLOSED
