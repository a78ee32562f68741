"""A ledger in memory that keeps what `decide` says: reference and twin of the real ones."""

from collections.abc import MutableMapping, Sequence

import trio

from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.ledgers.decision import AccountState, Change, Known, decide
from fluxiq.ledgers.limits import assert_same_account, check_account


class ModelLedger:
    """`ports.Ledger` of one institution, whose accounts carry the code `ledger`."""

    def __init__(self, ledger: int) -> None:
        self._ledger = ledger
        self._accounts: dict[int, LedgerAccount] = {}
        self._states: dict[int, AccountState] = {}
        self._transfers: dict[int, Transfer] = {}
        self._burnt: dict[int, TransferStatus] = {}
        self._resolved: dict[int, Transfer] = {}

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await trio.lowlevel.checkpoint()
        wanted: dict[int, LedgerAccount] = {}

        for account in accounts:
            check_account(account, self._ledger)
            known = self._accounts.get(account.id) or wanted.setdefault(account.id, account)
            assert_same_account(known, account)

        for account in wanted.values():
            self._accounts[account.id] = account
            self._states[account.id] = AccountState(
                ledger=account.ledger,
                flags=int(account.flags),
                balance=Balance(account_id=account.id),
            )

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        await trio.lowlevel.checkpoint()
        known = Known(transfers=self._transfers, burnt=self._burnt, resolved=self._resolved)
        decision = decide(self._states, known, transfers)

        for transfer in decision.created:
            self._transfers[transfer.id] = transfer
            if transfer.pending_id:
                self._resolved[transfer.pending_id] = transfer

        self._burnt.update(decision.burnt)
        for change in decision.changes:
            _add(self._states, change)

        return decision.results

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        await trio.lowlevel.checkpoint()
        found = (state for one in account_ids if (state := self._states.get(one)) is not None)
        return {state.balance.account_id: state.balance for state in found}


def _add(states: MutableMapping[int, AccountState], change: Change) -> None:
    state = states[change.account_id]
    now = state.balance
    states[change.account_id] = AccountState(
        ledger=state.ledger,
        flags=state.flags,
        balance=Balance(
            account_id=change.account_id,
            debits_pending=now.debits_pending + change.debits_pending,
            debits_posted=now.debits_posted + change.debits_posted,
            credits_pending=now.credits_pending + change.credits_pending,
            credits_posted=now.credits_posted + change.credits_posted,
        ),
    )
