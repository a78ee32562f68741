"""TigerBeetle's create_transfers as a pure decision.

The rules are those of TigerBeetle 0.17 (https://docs.tigerbeetle.com/reference/requests/
create_transfers/): results in order of precedence, the id of a transient refusal is burnt, and what
exists is compared field by field. Linked chains and time-outs, balancing, closing and imports are
not here: `limits.check_transfers` refuses them by name. Amounts and counters are centavos.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from fluxiq.domain.records import AccountFlags, Balance, Transfer, TransferFlags, TransferStatus
from fluxiq.ledgers.limits import AMOUNT_MAX, CENTAVOS_MAX, ID_MAX, check_transfers

# Refusals that another moment could have granted. Their ids fail for ever, so that a late copy of
# a refused transfer can never be applied behind the caller's back.
TRANSIENT: Final = frozenset(
    {
        TransferStatus.DEBIT_ACCOUNT_NOT_FOUND,
        TransferStatus.CREDIT_ACCOUNT_NOT_FOUND,
        TransferStatus.PENDING_TRANSFER_NOT_FOUND,
        TransferStatus.EXCEEDS_CREDITS,
        TransferStatus.EXCEEDS_DEBITS,
    }
)

# Plain ints: operators of IntFlag cost half a microsecond each.
_PENDING = int(TransferFlags.PENDING)
_POST = int(TransferFlags.POST_PENDING_TRANSFER)
_VOID = int(TransferFlags.VOID_PENDING_TRANSFER)
_DEBITS_LIMITED = int(AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS)
_CREDITS_LIMITED = int(AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS)


class AccountState(Struct, frozen=True, kw_only=True):
    """What a decision needs of an account; `flags` are AccountFlags."""

    ledger: int
    flags: int
    balance: Balance


class Known(Struct, frozen=True, kw_only=True):
    """What happened before, as far as the transfers to decide refer to it.

    `transfers` are as recorded (accounts, ledger, code and amount filled in), by id; `resolved`
    has the post or void of each hold that has one, by the hold's id.
    """

    transfers: Mapping[int, Transfer]
    burnt: Collection[int]
    resolved: Mapping[int, Transfer]


class Change(Struct, frozen=True, kw_only=True):
    """What a batch adds to the four counters of an account, in centavos."""

    account_id: int
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class Decision(Struct, frozen=True, kw_only=True):
    """`results` has one status per transfer, in order. The rest is to be written, all or nothing:
    `created` as recorded and in order, `burnt` ids with their refusals, net `changes` by account.
    """

    results: list[TransferStatus]
    created: Sequence[Transfer]
    burnt: Mapping[int, TransferStatus]
    changes: Sequence[Change]


def decide(
    accounts: Mapping[int, AccountState], known: Known, transfers: Sequence[Transfer]
) -> Decision:
    """Apply `transfers` in order, each on its own, as TigerBeetle would; changes nothing.

    `accounts` has every existing account that the transfers name, and those of the holds that they
    post or void. Raises ValueError, before anything is decided, as `check_transfers` does.
    """
    check_transfers(transfers)
    books = _Books(accounts, known)
    results = [books.enter(transfer) for transfer in transfers]
    return Decision(
        results=results,
        created=tuple(books.created.values()),
        burnt=books.burnt,
        changes=books.changes(),
    )


class _Counters(Struct):
    """An account's working copy while a batch is decided."""

    ledger: int
    flags: int
    before: Balance
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class _Books:
    """One batch on its way: what was known, and what the transfers so far have added."""

    def __init__(self, accounts: Mapping[int, AccountState], known: Known) -> None:
        self.created: dict[int, Transfer] = {}
        self.burnt: dict[int, TransferStatus] = {}
        self._accounts = accounts
        self._known = known
        self._counters: dict[int, _Counters] = {}
        self._resolved: dict[int, Transfer] = {}

    def enter(self, t: Transfer) -> TransferStatus:
        """Decide one transfer; `t` is the new one, `e` the existing one, `p` the hold."""
        status = self._decide(t)
        if status is not TransferStatus.CREATED and status in TRANSIENT:
            self.burnt[t.id] = status

        return status

    def changes(self) -> tuple[Change, ...]:
        """Net changes that are not nothing, in order of account ids."""
        return tuple(
            change
            for account_id in sorted(self._counters)
            if (change := _change(self._counters[account_id])) is not None
        )

    def _decide(self, t: Transfer) -> TransferStatus:
        if t.id == 0:
            return TransferStatus.ID_MUST_NOT_BE_ZERO
        if t.id == ID_MAX:
            return TransferStatus.ID_MUST_NOT_BE_INT_MAX
        if (e := self._transfer(t.id)) is not None:
            return self._exists(t, e)
        if t.id in self.burnt or t.id in self._known.burnt:
            return TransferStatus.ID_ALREADY_FAILED
        if int(t.flags) & (_POST | _VOID):
            return self._resolve(t)

        return self._move(t)

    def _move(self, t: Transfer) -> TransferStatus:  # noqa: C901, PLR0911, PLR0912 - the documented order
        if t.debit_account_id == 0:
            return TransferStatus.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
        if t.credit_account_id == 0:
            return TransferStatus.CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
        if t.credit_account_id == t.debit_account_id:
            return TransferStatus.ACCOUNTS_MUST_BE_DIFFERENT
        if t.pending_id != 0:
            return TransferStatus.PENDING_ID_MUST_BE_ZERO
        if t.ledger == 0:
            return TransferStatus.LEDGER_MUST_NOT_BE_ZERO
        if t.code == 0:
            return TransferStatus.CODE_MUST_NOT_BE_ZERO
        if (debit := self._account(t.debit_account_id)) is None:
            return TransferStatus.DEBIT_ACCOUNT_NOT_FOUND
        if (credit := self._account(t.credit_account_id)) is None:
            return TransferStatus.CREDIT_ACCOUNT_NOT_FOUND
        if debit.ledger != credit.ledger:
            return TransferStatus.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER
        if t.ledger != debit.ledger:
            return TransferStatus.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS
        if _debits_exceed_credits(debit, t.amount):
            return TransferStatus.EXCEEDS_CREDITS
        if _credits_exceed_debits(credit, t.amount):
            return TransferStatus.EXCEEDS_DEBITS

        if int(t.flags) & _PENDING:
            debit.debits_pending += t.amount
            credit.credits_pending += t.amount
        else:
            debit.debits_posted += t.amount
            credit.credits_posted += t.amount

        self.created[t.id] = t
        return TransferStatus.CREATED

    def _resolve(self, t: Transfer) -> TransferStatus:
        """Post or void a hold. No limits are checked: the hold took the room already."""
        if int(t.flags) not in {_POST, _VOID}:
            return TransferStatus.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if t.pending_id == 0:
            return TransferStatus.PENDING_ID_MUST_NOT_BE_ZERO
        if t.pending_id == t.id:
            return TransferStatus.PENDING_ID_MUST_BE_DIFFERENT
        if (p := self._transfer(t.pending_id)) is None:
            return TransferStatus.PENDING_TRANSFER_NOT_FOUND

        amount = _amount_of_resolution(t, p)
        if (objection := self._objection(t, p, amount)) is not None:
            return objection

        debit, credit = self._account(p.debit_account_id), self._account(p.credit_account_id)
        assert debit is not None, f"hold {p.id:x} has no debit account"
        assert credit is not None, f"hold {p.id:x} has no credit account"
        assert debit.debits_pending >= p.amount <= credit.credits_pending, f"hold {p.id:x} is gone"

        debit.debits_pending -= p.amount
        credit.credits_pending -= p.amount
        if int(t.flags) == _POST:
            debit.debits_posted += amount
            credit.credits_posted += amount

        self.created[t.id] = self._resolved[p.id] = _recorded(t, p, amount)
        return TransferStatus.CREATED

    def _objection(self, t: Transfer, p: Transfer, amount: int) -> TransferStatus | None:  # noqa: PLR0911 - the documented order
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
        if int(t.flags) == _VOID and amount < p.amount:
            return TransferStatus.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT

        resolution = self._resolved.get(p.id) or self._known.resolved.get(p.id)
        if resolution is None:
            return None

        if int(resolution.flags) == _POST:
            return TransferStatus.PENDING_TRANSFER_ALREADY_POSTED

        return TransferStatus.PENDING_TRANSFER_ALREADY_VOIDED

    def _exists(self, t: Transfer, e: Transfer) -> TransferStatus:  # noqa: PLR0911 - the documented order
        if int(t.flags) != int(e.flags):
            return TransferStatus.EXISTS_WITH_DIFFERENT_FLAGS
        if t.pending_id != e.pending_id:
            return TransferStatus.EXISTS_WITH_DIFFERENT_PENDING_ID

        # A post or void may leave to its hold what it does not say; it is compared as recorded.
        if t.pending_id:
            p = self._transfer(t.pending_id)
            assert p is not None, f"transfer {e.id:x} resolved a hold that is not known"
            t = _recorded(t, p, _amount_of_resolution(t, p))

        if t.debit_account_id != e.debit_account_id:
            return TransferStatus.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID
        if t.credit_account_id != e.credit_account_id:
            return TransferStatus.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID
        if t.amount != e.amount:
            return TransferStatus.EXISTS_WITH_DIFFERENT_AMOUNT
        if t.ledger != e.ledger:
            return TransferStatus.EXISTS_WITH_DIFFERENT_LEDGER
        if t.code != e.code:
            return TransferStatus.EXISTS_WITH_DIFFERENT_CODE

        return TransferStatus.EXISTS

    def _transfer(self, transfer_id: int) -> Transfer | None:
        return self.created.get(transfer_id) or self._known.transfers.get(transfer_id)

    def _account(self, account_id: int) -> _Counters | None:
        counters = self._counters.get(account_id)
        if counters is None and (state := self._accounts.get(account_id)) is not None:
            now = state.balance
            counters = self._counters[account_id] = _Counters(
                state.ledger,
                state.flags,
                now,
                now.debits_pending,
                now.debits_posted,
                now.credits_pending,
                now.credits_posted,
            )

        return counters


def _amount_of_resolution(t: Transfer, p: Transfer) -> int:
    """Nothing said is everything: 0 for a void, AMOUNT_MAX for a post (where 0 is 0)."""
    everything = 0 if int(t.flags) & _VOID else AMOUNT_MAX
    return p.amount if t.amount == everything else t.amount


def _recorded(t: Transfer, p: Transfer, amount: int) -> Transfer:
    return Transfer(
        id=t.id,
        ledger=t.ledger or p.ledger,
        code=t.code or p.code,
        debit_account_id=t.debit_account_id or p.debit_account_id,
        credit_account_id=t.credit_account_id or p.credit_account_id,
        amount=amount,
        pending_id=t.pending_id,
        flags=t.flags,
    )


def _debits_exceed_credits(account: _Counters, amount: int) -> bool:
    limited = account.flags & _DEBITS_LIMITED
    debited = account.debits_pending + account.debits_posted
    return bool(limited) and debited + amount > account.credits_posted


def _credits_exceed_debits(account: _Counters, amount: int) -> bool:
    limited = account.flags & _CREDITS_LIMITED
    credited = account.credits_pending + account.credits_posted
    return bool(limited) and credited + amount > account.debits_posted


def _change(counters: _Counters) -> Change | None:
    before = counters.before
    assert counters.debits_pending + counters.debits_posted <= CENTAVOS_MAX, "debits overflow"
    assert counters.credits_pending + counters.credits_posted <= CENTAVOS_MAX, "credits overflow"

    change = Change(
        account_id=before.account_id,
        debits_pending=counters.debits_pending - before.debits_pending,
        debits_posted=counters.debits_posted - before.debits_posted,
        credits_pending=counters.credits_pending - before.credits_pending,
        credits_posted=counters.credits_posted - before.credits_posted,
    )
    moved = (
        change.debits_pending
        or change.debits_posted
        or change.credits_pending
        or change.credits_posted
    )
    return change if moved else None
