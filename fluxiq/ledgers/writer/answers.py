"""What a first sending did, told from the answers to a later one; and how an id is cancelled."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.ledger_records import ID_MAX, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.parts import TigerBeetle
from fluxiq.ledgers.tigerbeetle.results import TransferResult

# Nobody's accounts: a transfer that debits one is refused for ever, and its id with it.
NOBODY: Final = ID_MAX - 1
NOBODY_ELSE: Final = ID_MAX - 2

_LINKED: Final = int(TransferFlags.LINKED)
_RESOLVES: Final = int(TransferFlags.POST_PENDING_TRANSFER | TransferFlags.VOID_PENDING_TRANSFER)


async def as_first_answered(
    tigerbeetle: TigerBeetle, transfers: Sequence[Transfer], results: Sequence[TransferResult]
) -> list[TransferResult]:
    """Say what was created, whichever sending of these transfers did it.

    What exists was created. Of a chain that was created TigerBeetle says so of the first member
    only and fails the others, as it does of a new chain around an old transfer: so they are looked
    up. Raises Unavailable.
    """
    assert len(results) == len(transfers), "one result for each transfer"
    answers = [
        result._replace(status=TransferStatus.CREATED)
        if result.status is TransferStatus.EXISTS
        else result
        for result in results
    ]
    doubtful = [
        place
        for chain in _chains(transfers)
        if any(results[place].status is TransferStatus.EXISTS for place in chain)
        for place in chain
        if results[place].status is TransferStatus.LINKED_EVENT_FAILED
    ]
    if doubtful:
        found = await tigerbeetle.look_up_transfers([transfers[place].id for place in doubtful])
        by_id = {one.id: one for one in found}
        for place in doubtful:
            there = by_id.get(transfers[place].id)
            if there is not None and _is_same(transfers[place], there):
                answers[place] = TransferResult(there.timestamp, TransferStatus.CREATED)
    return answers


def hides_a_chain(statuses: Sequence[TransferStatus]) -> bool:
    """Say whether these answers leave open what became of a chain: see `as_first_answered`."""
    return TransferStatus.EXISTS in statuses and TransferStatus.LINKED_EVENT_FAILED in statuses


def cancel_of(transfer: Transfer) -> Transfer:
    """A transfer of the same id that can never be executed. Refused for its accounts, the id is
    burnt and `transfer` had not been executed; any other way, it had.
    """
    return Transfer(
        id=transfer.id,
        ledger=transfer.ledger,
        code=transfer.code or 1,
        debit_account_id=NOBODY,
        credit_account_id=NOBODY_ELSE,
        amount=1,
    )


def _chains(transfers: Sequence[Transfer]) -> Iterator[range]:
    """The places of each chain of two or more."""
    start = 0
    for place, one in enumerate(transfers):
        if not int(one.flags) & _LINKED:
            if place > start:
                yield range(start, place + 1)
            start = place + 1


def _is_same(sent: Transfer, there: Transfer) -> bool:
    # A post or void leaves to its hold what it does not say, and a hold has only one.
    if int(sent.flags) & _RESOLVES:
        return (sent.flags, sent.pending_id) == (there.flags, there.pending_id)
    return sent == replace(there, timestamp=0)
