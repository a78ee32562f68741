"""A real TigerBeetle for tests, where there is one, behind the interface of `ModelCluster`.

It is spoken to through TigerBeetle's own Python client, so that nothing of ours can hide a
difference. Other tests may run on the same cluster: use ids of your own.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tigerbeetle

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
from fluxiq.ledgers.tigerbeetle.records import AccountRecord
from fluxiq.ledgers.tigerbeetle.results import AccountResult, TransferResult
from tests.support.servers import PR_SET_PDEATHSIG, Server, connects, free_port

HOW_TO_ENABLE: Final = (
    "no TigerBeetle: put `tigerbeetle` on the PATH, or set FLUXIQ_TIGERBEETLE_BIN to the program or"
    " FLUXIQ_TIGERBEETLE__ADDRESSES to a running cluster 0"
)
_SHARED: Final = (
    "id",
    "ledger",
    "code",
    "user_data_128",
    "user_data_64",
    "user_data_32",
    "timestamp",
)
_OF_TRANSFERS: Final = (
    *_SHARED,
    "debit_account_id",
    "credit_account_id",
    "amount",
    "pending_id",
    "timeout",
)
_COUNTERS: Final = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")


@contextmanager
def real_cluster() -> Iterator["RealCluster | None"]:
    """The cluster that the environment names, or one of our own; None where there is neither."""
    if addresses := os.environ.get("FLUXIQ_TIGERBEETLE__ADDRESSES"):
        with tigerbeetle.ClientSync(0, addresses) as client:
            yield RealCluster(client)
    elif binary := os.environ.get("FLUXIQ_TIGERBEETLE_BIN") or shutil.which("tigerbeetle"):
        with tempfile.TemporaryDirectory(prefix="tigerbeetle-") as folder:
            server = _TigerBeetleServer(Path(folder), binary)
            server.format()
            server.start()
            try:
                with tigerbeetle.ClientSync(0, f"127.0.0.1:{server.port}") as client:
                    yield RealCluster(client)
            finally:
                server.stop()
    else:
        yield None


class _TigerBeetleServer(Server):
    """One replica in its development mode: less memory, and batches of 253 at most."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.port = free_port()
        self._binary = binary
        self._file = folder / "0_0.tigerbeetle"
        options = ["--development", f"--addresses=127.0.0.1:{self.port}", str(self._file)]
        super().__init__(folder, [binary, "start", *options], signal.SIGTERM)

    def format(self) -> None:
        options = ["--cluster=0", "--replica=0", "--replica-count=1", "--development"]
        subprocess.run(
            [self._binary, "format", *options, str(self._file)], check=True, capture_output=True
        )

    def answers(self) -> bool:
        return connects(self.port)

    def _settle_in_child(self) -> None:
        # It stays root when we are: io_uring needs what a user namespace takes away.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))


class RealCluster:
    def __init__(self, client: Any) -> None:
        self._client = client

    def create_accounts(self, accounts: Sequence[LedgerAccount]) -> list[AccountResult]:
        asked = [
            tigerbeetle.Account(flags=int(one.flags), **_fields(one, _SHARED)) for one in accounts
        ]
        return [
            AccountResult(result.timestamp, CreateAccountStatus[result.status.name])
            for result in self._client.create_accounts(asked)
        ]

    def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferResult]:
        asked = [
            tigerbeetle.Transfer(flags=int(one.flags), **_fields(one, _OF_TRANSFERS))
            for one in transfers
        ]
        return [
            TransferResult(result.timestamp, TransferStatus[result.status.name])
            for result in self._client.create_transfers(asked)
        ]

    def lookup_accounts(self, ids: Iterable[int]) -> list[AccountRecord]:
        return [_account(one) for one in self._client.lookup_accounts(list(ids))]

    def lookup_transfers(self, ids: Iterable[int]) -> list[Transfer]:
        return [_transfer(one) for one in self._client.lookup_transfers(list(ids))]

    def get_account_transfers(self, wanted: AccountFilter) -> list[Transfer]:
        found = self._client.get_account_transfers(_account_filter(wanted))
        return [_transfer(one) for one in found]

    def get_account_balances(self, wanted: AccountFilter) -> list[Balance]:
        names = (*_COUNTERS, "timestamp")
        found = self._client.get_account_balances(_account_filter(wanted))
        return [Balance(account_id=wanted.account_id, **_fields(one, names)) for one in found]

    def query_accounts(self, wanted: QueryFilter) -> list[AccountRecord]:
        return [_account(one) for one in self._client.query_accounts(_query_filter(wanted))]

    def query_transfers(self, wanted: QueryFilter) -> list[Transfer]:
        return [_transfer(one) for one in self._client.query_transfers(_query_filter(wanted))]


_FILTERED: Final = (
    "code",
    "user_data_128",
    "user_data_64",
    "user_data_32",
    "timestamp_min",
    "timestamp_max",
    "limit",
)


def _account_filter(wanted: AccountFilter) -> Any:
    flags = 1 * wanted.debits | 2 * wanted.credits | 4 * wanted.reversed
    fields = _fields(wanted, ("account_id", *_FILTERED))
    return tigerbeetle.AccountFilter(flags=flags, **fields)


def _query_filter(wanted: QueryFilter) -> Any:
    fields = _fields(wanted, ("ledger", *_FILTERED))
    return tigerbeetle.QueryFilter(flags=int(wanted.reversed), **fields)


def _account(one: Any) -> AccountRecord:
    flags = AccountFlags(int(one.flags))
    return AccountRecord(
        LedgerAccount(flags=flags, **_fields(one, _SHARED)),
        Balance(account_id=one.id, **_fields(one, _COUNTERS)),
    )


def _transfer(one: Any) -> Transfer:
    return Transfer(flags=TransferFlags(int(one.flags)), **_fields(one, _OF_TRANSFERS))


def _fields(record: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}
