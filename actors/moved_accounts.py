"""Which ledger accounts have moved: noted by whoever moves money, read by the window.

A balance is pushed as it is when somebody looks, so an account that moves a hundred times before
that is noted once. The end of a hold does not say whose it was: holds are remembered for a while,
and older ones are looked up in the ledger's mirror.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from actors.doorbell import Doorbell
from fluxiq.domain.records import (
    Balance,
    LedgerAccount,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.ports import Ledger

NOTED_MAX: Final = 20_000  # beyond that whoever listens is told to look for themselves
HOLDS_MAX: Final = 20_000


class Moved(Struct, frozen=True):
    """Accounts by ledger id; of holds that ended, those whose accounts are not remembered."""

    accounts: frozenset[int]
    holds: frozenset[int]


class MovedAccounts:
    """What has moved since somebody looked. Never waits, never fails."""

    def __init__(self) -> None:
        self._bell = Doorbell()
        self._accounts: set[int] = set()
        self._ended: set[int] = set()
        self._holds: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._overflowed = False

    def note(self, transfers: Sequence[Transfer], statuses: Sequence[TransferStatus]) -> None:
        for transfer, status in zip(transfers, statuses, strict=True):
            if status.stands:
                self._note(transfer)
        if len(self._accounts) + len(self._ended) > NOTED_MAX:
            self._forget()
            self._overflowed = True
        self._bell.ring()

    def take(self) -> Moved | None:
        """What has moved since the last time; None when it was more than is noted."""
        overflowed, self._overflowed = self._overflowed, False
        moved = Moved(frozenset(self._accounts), frozenset(self._ended))
        self._forget()
        return None if overflowed else moved

    async def wait(self, seconds_max: float) -> None:
        """Until something moves, at most `seconds_max`."""
        await self._bell.wait(seconds_max)

    def _note(self, transfer: Transfer) -> None:
        if not transfer.pending_id:
            sides = transfer.debit_account_id, transfer.credit_account_id
            self._accounts.update(sides)
            if transfer.flags & TransferFlags.PENDING:
                self._holds[transfer.id] = sides
            if len(self._holds) > HOLDS_MAX:
                self._holds.popitem(last=False)
        elif (held := self._holds.pop(transfer.pending_id, None)) is not None:
            self._accounts.update(held)
        else:
            self._ended.add(transfer.pending_id)

    def _forget(self) -> None:
        self._accounts.clear()
        self._ended.clear()


class TellingLedger(Ledger):
    """`ports.Ledger` that notes what moves; an unknown outcome is noted when it is asked about."""

    def __init__(self, inner: Ledger, moved: MovedAccounts) -> None:
        self._inner = inner
        self._moved = moved

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await self._inner.create_accounts(accounts)

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        statuses = await self._inner.create_transfers(transfers)
        self._moved.note(transfers, statuses)
        return statuses

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self._inner.balances(account_ids)
