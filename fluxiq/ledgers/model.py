"""A ledger in memory that keeps what the decisions say: reference and twin of the real ones."""

from collections.abc import Sequence

import trio

from fluxiq.domain.ledger_records import AccountFlags, Balance, LedgerAccount, Transfer
from fluxiq.domain.ledger_statuses import CreateAccountStatus, TransferStatus
from fluxiq.ledgers.limits import assert_same_account, check_account
from fluxiq.ledgers.model_cluster import ModelCluster

_THERE = {CreateAccountStatus.CREATED, CreateAccountStatus.EXISTS}


class ModelLedger:
    """`ports.Ledger` of one institution, whose accounts carry the code `ledger`.

    `cluster` is where it keeps everything, one of its own unless others share it; ask it for
    look-ups, queries and the statuses of new accounts.
    """

    def __init__(self, ledger: int, cluster: ModelCluster | None = None) -> None:
        self.cluster = ModelCluster() if cluster is None else cluster
        self._ledger = ledger

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await trio.lowlevel.checkpoint()
        wanted: dict[int, LedgerAccount] = {}

        for account in accounts:
            check_account(account, self._ledger)
            known = self._existing(account.id) or wanted.setdefault(account.id, account)
            assert_same_account(known, account)

        results = self.cluster.create_accounts(list(wanted.values()))
        assert all(result.status in _THERE for result in results), f"accounts refused: {results!r}"

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        await trio.lowlevel.checkpoint()
        return [result.status for result in self.cluster.create_transfers(transfers)]

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        await trio.lowlevel.checkpoint()
        found = self.cluster.lookup_accounts(account_ids)
        return {record.account.id: record.balance for record in found}

    def expire(self, now: int) -> list[int]:
        """Release the holds whose time is over at `now` (nanoseconds): `ModelCluster.expire`."""
        return self.cluster.expire(now)

    def _existing(self, account_id: int) -> LedgerAccount | None:
        """As it was asked for: without what the ledger and closing transfers made of it."""
        for record in self.cluster.lookup_accounts([account_id]):
            account = record.account
            return LedgerAccount(
                id=account.id,
                ledger=account.ledger,
                code=account.code,
                flags=account.flags & ~AccountFlags.CLOSED,
                user_data_128=account.user_data_128,
                user_data_64=account.user_data_64,
                user_data_32=account.user_data_32,
            )

        return None
