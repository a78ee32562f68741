"""The ledger of an institution that has no TigerBeetle: its stand-in, which is always in charge."""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.ledger_records import Balance, LedgerAccount, Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable
from fluxiq.ledgers.journal import PostgresJournal
from fluxiq.ledgers.ledger_accounts import PostgresAccounts
from fluxiq.ledgers.parts import Authority, Fenced, Mode
from fluxiq.ledgers.postgres_pool import Pool
from fluxiq.ledgers.standin import PostgresStandIn

EPOCHS_MAX: Final = 4

_STANDS_IN: Final = frozenset({Mode.STANDIN, Mode.RECOVERING})


class PostgresLedger:
    """`ports.Ledger` of the institution whose accounts carry the code `ledger`.

    `pool` finds the institution's tables by its search path. Any number of these, in any number of
    processes, may work on the same tables: it writes under the epoch as it stands.
    """

    def __init__(self, pool: Pool, ledger: int) -> None:
        self._accounts = PostgresAccounts(pool, ledger)
        self._journal = PostgresJournal(pool)
        self._standin = PostgresStandIn(pool)
        self._authority: Authority | None = None

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same account exists. A different one is an assertion that
        shows both, and nothing of the batch is created. Raises Unavailable.
        """
        await self._accounts.create(accounts)

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Apply in order, chains whole; one status per transfer, doing it twice does it once.

        Raises Unknown when the answer to the write, which commits itself, is lost, Unavailable
        when nothing was committed, and ValueError for what `limits.check_transfers` refuses.
        """
        for _ in range(EPOCHS_MAX):
            epoch = await self._epoch()
            try:
                statuses = await self._standin.apply(epoch, transfers)
            except Fenced:
                self._authority = None  # it changed since it was read
                continue

            return [status for status in statuses if status is not None]

        raise Unavailable("ledger", f"its authority changed {EPOCHS_MAX} times meanwhile")

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """The counters of those of `account_ids` that exist, at one moment. Raises Unavailable."""
        return await self._accounts.balances(account_ids)

    async def _epoch(self) -> int:
        if self._authority is None:
            self._authority = await self._journal.authority()

        authority = self._authority
        if authority.mode not in _STANDS_IN:
            self._authority = None
            raise Unavailable("ledger", f"{authority.mode} is in charge, not the stand-in")

        return authority.epoch
