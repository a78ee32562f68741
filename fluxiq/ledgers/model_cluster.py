"""TigerBeetle in memory: all ledgers of a cluster, kept by the pure decisions. No I/O, no tasks.

The reference that backends are compared with, and TigerBeetle's part in simulations. Imports aside
it answers as TigerBeetle 0.17 does, look-ups and queries included.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from fluxiq.domain.ledger_records import (
    AccountFilter,
    AccountFlags,
    Balance,
    LedgerAccount,
    QueryFilter,
    Transfer,
    TransferFlags,
)
from fluxiq.domain.ledger_statuses import CreateAccountStatus, TransferStatus
from fluxiq.ledgers import selections
from fluxiq.ledgers.account_decision import decide_accounts
from fluxiq.ledgers.books import AccountState, Change, Known
from fluxiq.ledgers.decision import decide
from fluxiq.ledgers.expiry import expires_at
from fluxiq.ledgers.limits import check_account_widths, check_transfer_widths
from fluxiq.ledgers.movements import after, released
from fluxiq.ledgers.tigerbeetle.records import AccountRecord
from fluxiq.ledgers.tigerbeetle.results import AccountResult, TransferResult


class ModelCluster:
    """Its time is what `clock` says, in nanoseconds, but never goes back, and grows by one with
    each event. Without a `clock` only events and `expire` move it.

    Tests and simulations may look at `transfers`, by id, and at `resolutions`, which are posts and
    voids by their hold's id.
    """

    def __init__(self, clock: Callable[[], int] | None = None) -> None:
        self._clock = clock
        self._last_timestamp = 0
        self._accounts: dict[int, LedgerAccount] = {}
        self._states: dict[int, AccountState] = {}
        self.transfers: dict[int, Transfer] = {}
        self._burnt: dict[int, TransferStatus] = {}
        self.resolutions: dict[int, Transfer] = {}
        self._expired: set[int] = set()
        self._ends: list[tuple[int, int, int]] = []  # a heap: the end, its hold's timestamp and id
        # Balances of accounts with a history, by their id and the timestamp of the transfer.
        self._history: dict[tuple[int, int], Balance] = {}

    @property
    def now(self) -> int:
        """The time of the last event, or of the clock where that is later."""
        return max(self._last_timestamp, 0 if self._clock is None else self._clock())

    def create_accounts(self, accounts: Sequence[LedgerAccount]) -> list[AccountResult]:
        """Create in order, chains whole. Raises ValueError as `limits.check_account_widths`."""
        check_account_widths(accounts)
        before = self._begin(len(accounts))
        decision = decide_accounts(self._accounts, accounts)
        created = iter(decision.created)
        places: dict[int, int] = {}
        results = []

        for place, (asked, status) in enumerate(zip(accounts, decision.results, strict=True), 1):
            if status is CreateAccountStatus.CREATED:
                account = replace(next(created), timestamp=before + place)
                self._accounts[account.id] = account
                self._states[account.id] = AccountState(
                    ledger=account.ledger,
                    flags=int(account.flags),
                    balance=Balance(account_id=account.id),
                )

            at = before + place
            if status is CreateAccountStatus.EXISTS:
                at = _when(self._accounts.get(asked.id), before + places.get(asked.id, 0))

            places[asked.id] = place
            results.append(AccountResult(at, status))

        return results

    def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferResult]:
        """Apply in order, chains whole. Raises ValueError as `limits.check_transfer_widths`."""
        check_transfer_widths(transfers)
        before = self._begin(len(transfers))
        known = Known(
            transfers=self.transfers,
            burnt=self._burnt,
            resolved=self.resolutions,
            expired=self._expired,
        )
        decision = decide(self._states, known, transfers, clock=before)
        created = iter(decision.created)
        running: dict[int, Balance] = {}
        places: dict[int, int] = {}
        results = []

        for place, (asked, status) in enumerate(zip(transfers, decision.results, strict=True), 1):
            if status is TransferStatus.CREATED:
                self._record(replace(next(created), timestamp=before + place), running)

            at = before + place
            if status is TransferStatus.EXISTS:
                at = _when(self.transfers.get(asked.id), before + places.get(asked.id, 0))

            places[asked.id] = place
            results.append(TransferResult(at, status))

        self._burnt.update(decision.burnt)
        for change in decision.changes:
            self._change(change)

        return results

    def expire(self, now: int) -> list[int]:
        """Move the time to `now`, unless it is later, and release the holds whose end has come.

        Returns their ids in order of their ends. Every batch does so first, as does every tick of
        an idle TigerBeetle.
        """
        self._last_timestamp = max(self._last_timestamp, now)
        over = []

        while self._ends and self._ends[0][0] <= self._last_timestamp:
            _, _, hold_id = heapq.heappop(self._ends)
            if hold_id not in self.resolutions:
                over.append(hold_id)

        for hold_id in over:
            self._last_timestamp += 1
            self._release(self.transfers[hold_id])

        return over

    def all_accounts(self) -> list[AccountRecord]:
        """Every one, in the order of their creation."""
        return [self._account(one) for one in self._accounts]

    def lookup_accounts(self, ids: Iterable[int]) -> list[AccountRecord]:
        """Those that exist, in the order of `ids`."""
        return [self._account(one) for one in ids if one in self._accounts]

    def lookup_transfers(self, ids: Iterable[int]) -> list[Transfer]:
        """Those that exist, in the order of `ids`."""
        return [self.transfers[one] for one in ids if one in self.transfers]

    def get_account_transfers(self, wanted: AccountFilter) -> list[Transfer]:
        """Raises ValueError for a limit beyond one reply, as the other queries."""
        return selections.of_account(self.transfers.values(), wanted)

    def get_account_balances(self, wanted: AccountFilter) -> list[Balance]:
        """The balance after each of these transfers, of an account with the flag HISTORY."""
        account = self._accounts.get(wanted.account_id)
        if account is None or not account.flags & AccountFlags.HISTORY:
            return []

        transfers = self.get_account_transfers(wanted)
        return [self._history[wanted.account_id, one.timestamp] for one in transfers]

    def query_accounts(self, wanted: QueryFilter) -> list[AccountRecord]:
        found = selections.of_all(self._accounts.values(), wanted)
        return [self._account(account.id) for account in found]

    def query_transfers(self, wanted: QueryFilter) -> list[Transfer]:
        return selections.of_all(self.transfers.values(), wanted)

    def _begin(self, events: int) -> int:
        """The time before the first of so many events; holds whose end has come are released."""
        self.expire(self.now)
        before = self._last_timestamp
        self._last_timestamp += events
        return before

    def _account(self, account_id: int) -> AccountRecord:
        return AccountRecord(self._accounts[account_id], self._states[account_id].balance)

    def _record(self, transfer: Transfer, running: dict[int, Balance]) -> None:
        """Keep an applied transfer; `running` has the balances since the batch began."""
        hold = self.transfers[transfer.pending_id] if transfer.pending_id else None
        for account_id in (transfer.debit_account_id, transfer.credit_account_id):
            if self._accounts[account_id].flags & AccountFlags.HISTORY:
                balance = running.get(account_id) or self._states[account_id].balance
                moved = after(balance, transfer, hold, timestamp=transfer.timestamp)
                self._history[account_id, transfer.timestamp] = running[account_id] = moved

        self.transfers[transfer.id] = transfer
        if hold is not None:
            self.resolutions[hold.id] = transfer

        if (end := expires_at(transfer)) is not None:
            heapq.heappush(self._ends, (end, transfer.timestamp, transfer.id))

    def _release(self, hold: Transfer) -> None:
        self._expired.add(hold.id)
        for account_id, closing in (
            (hold.debit_account_id, TransferFlags.CLOSING_DEBIT),
            (hold.credit_account_id, TransferFlags.CLOSING_CREDIT),
        ):
            balance = released(self._states[account_id].balance, hold)
            self._put(account_id, balance, closed=False if hold.flags & closing else None)

    def _change(self, change: Change) -> None:
        now = self._states[change.account_id].balance
        balance = Balance(
            account_id=change.account_id,
            debits_pending=now.debits_pending + change.debits_pending,
            debits_posted=now.debits_posted + change.debits_posted,
            credits_pending=now.credits_pending + change.credits_pending,
            credits_posted=now.credits_posted + change.credits_posted,
        )
        self._put(change.account_id, balance, closed=change.closed)

    def _put(self, account_id: int, balance: Balance, *, closed: bool | None) -> None:
        account = self._accounts[account_id]
        if closed is not None:
            flags = account.flags & ~AccountFlags.CLOSED
            account = replace(account, flags=flags | AccountFlags.CLOSED if closed else flags)
            self._accounts[account_id] = account

        self._states[account_id] = AccountState(
            ledger=account.ledger, flags=int(account.flags), balance=balance
        )


def _when(existing: Transfer | LedgerAccount | None, earlier: int) -> int:
    """When it was created. What "exists" without being there came `earlier` in the same chain, and
    was taken back with it.
    """
    return earlier if existing is None else existing.timestamp
