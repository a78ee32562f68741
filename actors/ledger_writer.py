"""The one writer of an institution's ledger: what arrives while a batch is in flight is the next.

Natural batching, no timer (`ledger-failover`, "Normal"). Callers see `ports.Ledger`: `LedgerByMail`
turns what can go wrong with a call into what it means for money.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.limits import TRANSFERS_MAX, check_transfers
from fluxiq.ports import Ledger
from supervisors import (
    Actor,
    Caller,
    CallTimeout,
    Envelope,
    Mailbox,
    MailboxFull,
    NoProcess,
    Overflow,
    ProcessDown,
    Quarantined,
    Ref,
)

CALL_SECONDS_MAX = 10.0  # PIX leaves 40 s from order to settlement; a caller waits for a quarter


@dataclass(frozen=True, slots=True)
class Apply:
    """Mail: apply these transfers in order and answer their statuses."""

    transfers: Sequence[Transfer]


class LedgerWriter(Actor):
    """Refuses mail when 4096 callers wait: a writer that far behind should be waited out."""

    mailbox = Mailbox(capacity=4096, overflow=Overflow.REJECT)
    batch_max = 1024

    def __init__(self, backend: Callable[[], Ledger]) -> None:
        self._backend = backend

    async def handle_batch(self, envelopes: Sequence[Envelope]) -> None:
        for group in _groups(envelopes):
            await self._apply(group)

    async def _apply(self, group: Sequence[Envelope]) -> None:
        transfers = [one for envelope in group for one in envelope.message.transfers]
        try:
            statuses = iter(await self._backend().create_transfers(transfers))
        except (Unavailable, Unknown) as error:
            for envelope in group:
                _caller(envelope).fail(error)
            return

        for envelope in group:
            _caller(envelope).reply([next(statuses) for _ in envelope.message.transfers])


class LedgerByMail:
    """`ports.Ledger` through the writer. Reads go straight to the backend: they need no order."""

    def __init__(self, writer: Ref, backend: Callable[[], Ledger]) -> None:
        self._writer = writer
        self._backend = backend

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await self._backend().create_accounts(accounts)

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        check_transfers(transfers)  # here, so that a malformed one costs its own caller only
        if not transfers:
            return []

        reference = f"{len(transfers)} transfers from {transfers[0].id:x}"
        try:
            statuses: list[TransferStatus] = await self._writer.call(
                Apply(transfers), timeout=CALL_SECONDS_MAX
            )
        except (CallTimeout, ProcessDown) as error:
            raise Unknown("ledger", reference, str(error)) from error
        except (NoProcess, MailboxFull, Quarantined) as error:
            raise Unavailable("ledger", str(error)) from error
        return statuses

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self._backend().balances(account_ids)


def _groups(envelopes: Sequence[Envelope]) -> list[list[Envelope]]:
    """Cut the mail so that no group has more transfers than one request holds."""
    groups: list[list[Envelope]] = [[]]
    size = 0
    for envelope in envelopes:
        count = len(envelope.message.transfers)
        if groups[-1] and size + count > TRANSFERS_MAX:
            groups.append([])
            size = 0
        groups[-1].append(envelope)
        size += count
    return groups


def _caller(envelope: Envelope) -> Caller:
    assert envelope.caller is not None, "transfers are called, never cast"
    return envelope.caller
