"""Chains of events: an event with the flag LINKED shares its fate with the next one.

What TigerBeetle does with a chain that fails (https://docs.tigerbeetle.com/coding/linked-events/):
the first event to fail has its own answer, whatever it is, and every other event of the chain
LINKED_EVENT_FAILED. "It exists already" is a failure too: a chain that is sent twice answers EXISTS
and then LINKED_EVENT_FAILED, and was applied once.
"""

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from fluxiq.domain.ledger_records import AccountFlags, LedgerAccount, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import CreateAccountStatus, TransferStatus

LINKED: Final = int(TransferFlags.LINKED)
assert int(AccountFlags.LINKED) == LINKED, "accounts and transfers are linked by the same bit"

Event = TypeVar("Event", Transfer, LedgerAccount)
Event_contra = TypeVar("Event_contra", Transfer, LedgerAccount, contravariant=True)
Status = TypeVar("Status", TransferStatus, CreateAccountStatus)


class Book(Protocol[Event_contra, Status]):
    """What events are entered into, and taken out of when their chain fails."""

    def enter(self, event: Event_contra, flags: int, index: int) -> Status:
        """Decide the event at `index` of the batch, and keep its effect when it is CREATED."""

    def refuse(self, event: Event_contra, status: Status) -> None:
        """Note a refusal that outlives its chain."""

    def open_chain(self) -> None: ...

    def keep_chain(self) -> None: ...

    def discard_chain(self) -> None:
        """Take back every effect since `open_chain`."""


def enter_all(
    events: Sequence[Event], book: Book[Event, Status], words: type[Status]
) -> list[Status]:
    """One status per event, in order; `words` is the enum of the statuses."""
    results: list[Status] = []
    start: int | None = None  # of the chain being entered
    broken = False
    last = len(events) - 1

    for index, event in enumerate(events):
        flags = int(event.flags)
        linked = flags & LINKED
        if linked and start is None:
            start = index
            book.open_chain()

        # A chain that the batch leaves open says so even when it had failed before.
        if linked and index == last:
            status = words.LINKED_EVENT_CHAIN_OPEN
        elif broken:
            status = words.LINKED_EVENT_FAILED
        else:
            status = book.enter(event, flags, index)

        if status is not words.CREATED:
            if start is not None and not broken:
                broken = True
                book.discard_chain()
                results[start:] = [words.LINKED_EVENT_FAILED] * (index - start)

            book.refuse(event, status)

        results.append(status)

        if start is not None and (not linked or index == last):
            if not broken:
                book.keep_chain()

            start, broken = None, False

    return results
