"""The working copy of accounts and transfers while one batch of transfers is decided."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Final

from msgspec import Struct

from fluxiq.domain.ledger_records import AccountFlags, Balance, Transfer
from fluxiq.domain.ledger_statuses import TransferStatus

_CLOSED: Final = int(AccountFlags.CLOSED)


class AccountState(Struct, frozen=True, kw_only=True):
    """What a decision needs of an account; `flags` are AccountFlags."""

    ledger: int
    flags: int
    balance: Balance


class Known(Struct, frozen=True, kw_only=True):
    """What happened before, as far as the transfers to decide refer to it.

    `transfers` are as recorded (accounts, ledger, code, amount and user data filled in), by id;
    `resolved` has the post or void of each hold that has one, by the hold's id; `expired` the ids
    of the holds that were released because their time was over.
    """

    transfers: Mapping[int, Transfer]
    burnt: Collection[int]
    resolved: Mapping[int, Transfer]
    expired: Collection[int] = ()


class Change(Struct, frozen=True, kw_only=True):
    """What a batch adds to the four counters of an account, in centavos, and whether it leaves the
    account closed (None: as it was).
    """

    account_id: int
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int
    closed: bool | None = None


class Counters(Struct, gc=False):
    """An account's counters and flags while a batch is decided."""

    ledger: int
    flags: int
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class Books:
    """What was known, and what the transfers so far have added: as a whole and in this chain."""

    def __init__(self, accounts: Mapping[int, AccountState], known: Known) -> None:
        self.created: dict[int, Transfer] = {}
        self.burnt: dict[int, TransferStatus] = {}
        self._accounts = accounts
        self._known = known
        self._counters: dict[int, Counters] = {}
        self._resolved: dict[int, Transfer] = {}
        # As they were when the chain met them; None outside of a chain.
        self._before_chain: dict[int, Counters] | None = None
        self._created_before_chain = 0

    def account(self, account_id: int) -> Counters | None:
        """The account to read and to change, or None where there is none."""
        counters = self._counters.get(account_id)
        if counters is None:
            state = self._accounts.get(account_id)
            if state is None:
                return None

            now = state.balance
            counters = self._counters[account_id] = Counters(
                state.ledger,
                state.flags,
                now.debits_pending,
                now.debits_posted,
                now.credits_pending,
                now.credits_posted,
            )

        if self._before_chain is not None and account_id not in self._before_chain:
            self._before_chain[account_id] = copy(counters)

        return counters

    def transfer(self, transfer_id: int) -> Transfer | None:
        return self.created.get(transfer_id) or self._known.transfers.get(transfer_id)

    def is_burnt(self, transfer_id: int) -> bool:
        return transfer_id in self.burnt or transfer_id in self._known.burnt

    def resolution(self, hold_id: int) -> Transfer | None:
        """What posted or voided the hold."""
        return self._resolved.get(hold_id) or self._known.resolved.get(hold_id)

    def has_expired(self, hold_id: int) -> bool:
        return hold_id in self._known.expired

    def record(self, transfer: Transfer) -> None:
        """Keep a transfer that was applied, and that it resolved its hold."""
        self.created[transfer.id] = transfer
        if transfer.pending_id:
            self._resolved[transfer.pending_id] = transfer

    def open_chain(self) -> None:
        assert self._before_chain is None, "chains do not nest"
        self._before_chain = {}
        self._created_before_chain = len(self.created)

    def keep_chain(self) -> None:
        assert self._before_chain is not None, "no chain is open"
        self._before_chain = None

    def discard_chain(self) -> None:
        assert self._before_chain is not None, "no chain is open"
        self._counters.update(self._before_chain)
        self._before_chain = None

        while len(self.created) > self._created_before_chain:
            _, transfer = self.created.popitem()
            if transfer.pending_id:
                del self._resolved[transfer.pending_id]

    def changes(self) -> Sequence[Change]:
        """Net changes that are not nothing, in order of account ids."""
        changes = (
            _change(account_id, self._accounts[account_id], self._counters[account_id])
            for account_id in sorted(self._counters)
        )
        return tuple(change for change in changes if change is not None)


def _change(account_id: int, state: AccountState, counters: Counters) -> Change | None:
    before = state.balance
    change = Change(
        account_id=account_id,
        debits_pending=counters.debits_pending - before.debits_pending,
        debits_posted=counters.debits_posted - before.debits_posted,
        credits_pending=counters.credits_pending - before.credits_pending,
        credits_posted=counters.credits_posted - before.credits_posted,
        closed=None if counters.flags == state.flags else bool(counters.flags & _CLOSED),
    )
    moved = (
        change.debits_pending
        or change.debits_posted
        or change.credits_pending
        or change.credits_posted
        or change.closed is not None
    )
    return change if moved else None
