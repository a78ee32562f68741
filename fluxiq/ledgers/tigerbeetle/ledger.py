"""The ledger of one institution in TigerBeetle: a record of another ledger code is refused.

TigerBeetle keeps the ledgers of all institutions in one cluster, and answers about any of them.
What is not of this ledger is as good as absent here: it is neither written, nor read, nor told.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from fluxiq.domain.records import (
    AccountFilter,
    Balance,
    CreateAccountStatus,
    LedgerAccount,
    QueryFilter,
    Transfer,
    TransferStatus,
)
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.limits import TRANSFERS_MAX, check_account_widths
from fluxiq.ledgers.tigerbeetle.packets import SYSTEM, Operation
from fluxiq.ledgers.tigerbeetle.queries import (
    ChangeEvent,
    pack_account_filter,
    pack_change_events_filter,
    pack_query_filter,
    unpack_balances,
    unpack_change_events,
)
from fluxiq.ledgers.tigerbeetle.records import (
    TRANSFER_BYTES,
    AccountRecord,
    check_whole,
    first_foreign,
    first_imported,
    pack_accounts,
    pack_ids,
    pack_transfers,
    unpack_accounts,
    unpack_transfers,
)
from fluxiq.ledgers.tigerbeetle.results import (
    RESULT_BYTES,
    unpack_account_results,
    unpack_transfer_statuses,
)
from fluxiq.ledgers.tigerbeetle.sessions import Sessions

EVENTS_MAX: Final = TRANSFERS_MAX  # accounts or transfers in one request
EVENTS_MAX_DEVELOPMENT: Final = 253  # of a server started with --development
PAGE_MAX: Final = 8189  # accounts, transfers or balances in one reply
CHANGES_MAX: Final = 2730  # change events in one reply
DEADLINE_SECONDS: Final = 2.0

_THERE: Final = frozenset({CreateAccountStatus.CREATED, CreateAccountStatus.EXISTS})


class Changes(NamedTuple):
    """A page of the change feed. Events of other ledgers were left out, so a page may be empty
    with more to come: go on with `timestamp_min=next_timestamp`, None at the end of what happened.
    """

    events: list[ChangeEvent]
    next_timestamp: int | None


class TigerBeetleLedger:
    """`ports.Ledger` and `parts.TigerBeetle` of the institution with the code `ledger`.

    Every call has `deadline_seconds`, waiting for a session included. Reads raise Unavailable
    where a write raises Unknown: what was lost with their answer can be asked again.
    """

    def __init__(
        self,
        sessions: Sessions,
        ledger: int,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        events_max: int = EVENTS_MAX,
    ) -> None:
        assert 0 < ledger < 2**32, "a ledger number is 32 bits, and not zero"
        assert deadline_seconds > 0, "somebody must be able to answer in time"
        assert 0 < events_max <= EVENTS_MAX, f"1 to {EVENTS_MAX} events a request"
        self._sessions = sessions
        self._ledger = ledger
        self._seconds = deadline_seconds
        self._events_max = events_max

    # Writing

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same account exists. Raises Unavailable.

        A different account of the same id, or one that TigerBeetle refuses, is an assertion that
        names it; the others of the batch are there then.
        """
        self._check_count(len(accounts), "accounts")
        check_account_widths(accounts)
        for account in accounts:
            assert account.ledger == self._ledger, f"{account!r} is not of ledger {self._ledger}"
        if not accounts:
            return

        # A lost answer is no Unknown: creating an account again changes nothing.
        reply = await self._read(Operation.CREATE_ACCOUNTS, pack_accounts(accounts))
        results = unpack_account_results(reply)
        refused = {
            account.id: f"{account!r}: {result.status}"
            for account, result in zip(accounts, results, strict=True)
            if result.status not in _THERE
        }
        if refused:
            existing = await self.look_up_accounts(list(refused))
            raise AssertionError(f"refused: {[*refused.values()]}; existing: {existing!r}")

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Apply in order, chains whole; one status per transfer; twice is once.

        Raises as `submit`, and ValueError for numbers wider than their field.
        """
        self._check_count(len(transfers), "transfers")
        if not transfers:
            return []

        results = await self.submit(pack_transfers(transfers))
        return unpack_transfer_statuses(results)

    async def submit(self, records: bytes) -> bytes:
        """Apply packed transfers (`records.pack_transfers`) and return the packed results
        (`results.unpack_transfer_results`): 16 bytes for each 128.

        Raises Unknown when the deadline passes or the session is lost while they are in flight, and
        Unavailable when they certainly did not leave. Raises ValueError, and sends nothing, for
        what is no batch of whole transfers of this ledger, for imported ones, and for more than
        the cluster takes in one request.
        """
        self._check_batch(records)
        count = len(records) // TRANSFER_BYTES
        results = await self._sessions.request(
            Operation.CREATE_TRANSFERS,
            records,
            seconds=self._seconds,
            reference=f"{count} transfers from {int.from_bytes(records[:16], 'little'):x}",
        )
        assert len(results) == count * RESULT_BYTES, f"{len(results)} bytes for {count} transfers"
        return results

    # Reading

    async def probe(self) -> None:
        """Look up a sentinel. Raises Unavailable that names the cluster and its addresses."""
        await self._sessions.probe(self._seconds)

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """The counters of those of `account_ids` that exist, by account id. Raises Unavailable."""
        found = await self.look_up_accounts(account_ids)
        return {record.account.id: record.balance for record in found}

    async def look_up_accounts(self, ids: Sequence[int]) -> list[AccountRecord]:
        """Those that exist, in the order of `ids`; as many requests as it takes, so a longer list
        is not of one moment. Raises Unavailable.
        """
        found: list[AccountRecord] = []
        for packed in self._pages(ids):
            found += unpack_accounts(await self._read(Operation.LOOKUP_ACCOUNTS, packed))

        return [record for record in found if record.account.ledger == self._ledger]

    async def look_up_transfers(self, ids: Sequence[int]) -> list[Transfer]:
        """Those that exist, in the order of `ids`. Raises Unavailable."""
        found: list[Transfer] = []
        for packed in self._pages(ids):
            found += unpack_transfers(await self._read(Operation.LOOKUP_TRANSFERS, packed))

        return self._own(found)

    async def account_transfers(self, wanted: AccountFilter) -> list[Transfer]:
        """Up to `wanted.limit` (1 to PAGE_MAX) transfers of an account, the oldest first unless
        reversed. The next page begins at the last one's timestamp + 1 nanosecond, or ends at - 1
        when reversed. Raises Unavailable.
        """
        _check_limit(wanted.limit, PAGE_MAX)
        packed = pack_account_filter(wanted)
        return self._own(
            unpack_transfers(await self._read(Operation.GET_ACCOUNT_TRANSFERS, packed))
        )

    async def account_balances(self, wanted: AccountFilter) -> list[Balance]:
        """Up to `wanted.limit` (1 to PAGE_MAX) balances of an account with flag HISTORY, each right
        after a transfer and with its timestamp; pages as `account_transfers`. Raises Unavailable.
        """
        _check_limit(wanted.limit, PAGE_MAX)
        packed = pack_account_filter(wanted)
        # Balances do not say whose they are.
        if not await self.look_up_accounts([wanted.account_id]):
            return []

        reply = await self._read(Operation.GET_ACCOUNT_BALANCES, packed)
        return unpack_balances(reply, wanted.account_id)

    async def query_accounts(self, wanted: QueryFilter) -> list[AccountRecord]:
        """Up to `wanted.limit` (1 to PAGE_MAX) accounts, the oldest first unless reversed; pages as
        `account_transfers`, by the accounts' timestamps. Raises Unavailable.
        """
        packed = self._pack_query(wanted)
        return unpack_accounts(await self._read(Operation.QUERY_ACCOUNTS, packed))

    async def query_transfers(self, wanted: QueryFilter) -> list[Transfer]:
        """Up to `wanted.limit` (1 to PAGE_MAX) transfers; pages as `account_transfers`. Raises
        Unavailable.
        """
        packed = self._pack_query(wanted)
        return unpack_transfers(await self._read(Operation.QUERY_TRANSFERS, packed))

    async def change_events(
        self, *, limit: int, timestamp_min: int = 0, timestamp_max: int = 0
    ) -> Changes:
        """What happened in the cluster from `timestamp_min` to `timestamp_max` (nanoseconds,
        inclusive, 0 bounds nothing), up to `limit` (1 to CHANGES_MAX) events, the oldest first,
        of which those of this ledger are told. Raises Unavailable.
        """
        _check_limit(limit, CHANGES_MAX)
        packed = pack_change_events_filter(
            timestamp_min=timestamp_min, timestamp_max=timestamp_max, limit=limit
        )
        events = unpack_change_events(await self._read(Operation.GET_CHANGE_EVENTS, packed))
        next_timestamp = events[-1].timestamp + 1 if len(events) == limit else None
        own = [event for event in events if event.transfer.ledger == self._ledger]
        return Changes(own, next_timestamp)

    async def _read(self, operation: Operation, packed: bytes) -> bytes:
        """Ask for what changes nothing when it is asked again."""
        reference = operation.name.lower()
        try:
            return await self._sessions.request(
                operation, packed, seconds=self._seconds, reference=reference
            )
        except Unknown as error:
            raise Unavailable(SYSTEM, f"{reference} was not answered: {error}") from error

    def _pages(self, ids: Sequence[int]) -> list[bytes]:
        step = self._events_max
        return [pack_ids(ids[start : start + step]) for start in range(0, len(ids), step)]

    def _own(self, transfers: list[Transfer]) -> list[Transfer]:
        return [transfer for transfer in transfers if transfer.ledger == self._ledger]

    def _pack_query(self, wanted: QueryFilter) -> bytes:
        _check_limit(wanted.limit, PAGE_MAX)
        if wanted.ledger not in {0, self._ledger}:
            raise ValueError(f"ledger {wanted.ledger} is asked for, this is {self._ledger}")

        return pack_query_filter(replace(wanted, ledger=self._ledger))

    def _check_batch(self, records: bytes) -> None:
        check_whole(records, TRANSFER_BYTES)
        if not records:
            raise ValueError("an empty batch")

        self._check_count(len(records) // TRANSFER_BYTES, "transfers")
        if (at := first_foreign(records, self._ledger)) is not None:
            raise ValueError(f"transfer {at} of the batch is not of ledger {self._ledger}")
        if (at := first_imported(records)) is not None:
            raise ValueError(f"transfer {at} of the batch is imported, which is not supported")

    def _check_count(self, count: int, what: str) -> None:
        if count > self._events_max:
            raise ValueError(f"{count} {what} in one batch, {self._events_max} are possible")


def _check_limit(limit: int, most: int) -> None:
    if not 1 <= limit <= most:
        raise ValueError(f"a page of {limit}, it can have 1 to {most}")
