"""What is not known to have happened, laid over what is: the set U.

A transfer of U may execute at any time, or never. So the stand-in counts what U would take from an
account as taken, what it would give as nothing, and does not touch what U refers to. Whatever
subset of U executes then, no limited account crosses its limit.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.ledger_records import AccountFlags, Transfer, TransferFlags
from fluxiq.ledgers.books import AccountState
from fluxiq.ledgers.parts import Row
from fluxiq.ledgers.tigerbeetle.records import TRANSFER

_LINKED: Final = int(TransferFlags.LINKED)
_RESOLVES: Final = int(TransferFlags.POST_PENDING_TRANSFER | TransferFlags.VOID_PENDING_TRANSFER)
_DEBITS_LIMITED: Final = int(AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS)
_CREDITS_LIMITED: Final = int(AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS)


class Overlay:
    """U as a stand-in needs it: one pass over its records, half a microsecond for each.

    `seqs` are its rows; `ids` every transfer in it and every hold that it posts or voids; `debits`
    and `credits` what it would add to accounts at most, in centavos.
    """

    def __init__(self, unknown: Sequence[Row]) -> None:
        self.seqs: tuple[int, ...] = tuple(row.seq for row in unknown)
        self.ids: set[int] = set()
        self.debits: dict[int, int] = {}
        self.credits: dict[int, int] = {}

        for row in unknown:
            self._add(row.records)

    def _add(self, records: bytes) -> None:
        number, ids, debits, credits_ = int.from_bytes, self.ids, self.debits, self.credits
        for id_, debit, credit, amount, pending_id, *_, flags, _ in TRANSFER.iter_unpack(records):
            ids.add(number(id_, "little"))
            if flags & _RESOLVES:
                # A hold took its room when it was made, and a post takes no more than that.
                ids.add(number(pending_id, "little"))
                continue

            debit_id, credit_id = number(debit, "little"), number(credit, "little")
            centavos = number(amount, "little")
            debits[debit_id] = debits.get(debit_id, 0) + centavos
            credits_[credit_id] = credits_.get(credit_id, 0) + centavos

    def over(self, accounts: Mapping[int, AccountState]) -> Mapping[int, AccountState]:
        """The accounts with what U would take from their limits held."""
        if not self.seqs:
            return accounts

        return {account_id: self._over(state) for account_id, state in accounts.items()}

    def _over(self, state: AccountState) -> AccountState:
        balance = state.balance
        if state.flags & _DEBITS_LIMITED:
            taken = self.debits.get(balance.account_id, 0)
            balance = replace(balance, debits_pending=balance.debits_pending + taken)
        elif state.flags & _CREDITS_LIMITED:
            taken = self.credits.get(balance.account_id, 0)
            balance = replace(balance, credits_pending=balance.credits_pending + taken)

        return replace(state, balance=balance)

    def in_doubt(self, transfers: Sequence[Transfer]) -> Collection[int]:
        """The places of the transfers that depend on U, or on another one that does: the same id,
        its hold, what resolves its hold, or the chain of such a one.
        """
        if not self.seqs:
            return ()

        places: set[int] = set()
        touched = set(self.ids)
        for first, after in pairwise(_chain_starts(transfers)):
            chain = transfers[first:after]
            if any(one.id in touched or one.pending_id in touched for one in chain):
                places.update(range(first, after))
                touched.update(one.id for one in chain)
                touched.update(one.pending_id for one in chain if one.pending_id)

        return places


def _chain_starts(transfers: Sequence[Transfer]) -> list[int]:
    """Where each chain begins (most are one transfer long), and the end."""
    starts = [
        place
        for place in range(len(transfers))
        if place == 0 or not int(transfers[place - 1].flags) & _LINKED
    ]
    return [*starts, len(transfers)]


NOTHING_UNKNOWN: Final = Overlay(())
