"""Postgres in memory: one institution's journal, books and authority, each call one transaction.

The same rules as the functions of migration 0004_ledger_journal, and the same pure code as the
stand-in's: `decide`, with U laid over the books by `unknown.Overlay`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fluxiq.domain.ledger_records import Balance, LedgerAccount, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TRANSIENT, TransferStatus
from fluxiq.ledgers.books import AccountState, Known
from fluxiq.ledgers.decision import Decision, decide
from fluxiq.ledgers.existing import amount_of_resolution, recorded_resolution
from fluxiq.ledgers.limits import CENTAVOS_MAX, assert_same_account
from fluxiq.ledgers.movements import after
from fluxiq.ledgers.parts import Authority, Backend, Fenced, Mode, Row
from fluxiq.ledgers.simulation.invariants import debits_equal_credits, limits_are_kept
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.tigerbeetle.results import (
    TransferResult,
    pack_transfer_results,
    unpack_transfer_results,
)
from fluxiq.ledgers.unknown import Overlay

_RESOLVES: Final = TransferFlags.POST_PENDING_TRANSFER | TransferFlags.VOID_PENDING_TRANSFER
_STANDIN: Final = (Mode.STANDIN, Mode.RECOVERING)
_STANDS: Final = (TransferStatus.CREATED, TransferStatus.EXISTS)
_BURNS: Final = TRANSIENT | {TransferStatus.ID_ALREADY_FAILED}


@dataclass
class Batch:
    """A row of the journal."""

    seq: int
    epoch: int
    backend: Backend
    transfers: Sequence[Transfer]
    results: Sequence[TransferResult] | None
    mirrored: bool = False
    replayed: bool = False

    def row(self) -> Row:
        results = None if self.results is None else pack_transfer_results(self.results)
        records = pack_transfers(self.transfers)
        return Row(
            seq=self.seq, epoch=self.epoch, backend=self.backend, records=records, results=results
        )


@dataclass
class Database:
    """Everything of one institution. Methods raise Fenced, or assert what the schema checks."""

    name: str
    authority: Authority = field(default_factory=lambda: Authority(1, Mode.TIGERBEETLE))
    batches: dict[int, Batch] = field(default_factory=dict)
    accounts: dict[int, LedgerAccount] = field(default_factory=dict)
    in_tigerbeetle: set[int] = field(default_factory=set)
    states: dict[int, AccountState] = field(default_factory=dict)
    transfers: dict[int, Transfer] = field(default_factory=dict)
    resolved: dict[int, Transfer] = field(default_factory=dict)
    burnt: dict[int, TransferStatus] = field(default_factory=dict)
    clock: int = 0
    last_seq: int = 0

    # The authority

    def take_over(self) -> Authority:
        self.authority = Authority(self.authority.epoch + 1, self.authority.mode)
        return self.authority

    def change(self, before: Authority, mode: Mode) -> Authority:
        if self.authority != before:
            raise Fenced(f"{self.name} is at {self.authority}, not {before}")
        if mode is Mode.TIGERBEETLE and before.mode is not mode:
            left = [one.seq for one in self.batches.values() if _is_to_replay(one)]
            assert not left, f"TigerBeetle does not have batches {left} of the stand-in yet"
        self.authority = before.after(mode)
        return self.authority

    def fence(self, epoch: int, modes: Sequence[Mode]) -> None:
        if self.authority.epoch != epoch or self.authority.mode not in modes:
            raise Fenced(f"{self.name} is at {self.authority}, the writer at epoch {epoch}")

    # The journal

    def seal(self, epoch: int, transfers: Sequence[Transfer]) -> int:
        self.fence(epoch, (Mode.TIGERBEETLE,))
        return self._append(epoch, Backend.TIGERBEETLE, transfers, None).seq

    def answer(self, answers: Sequence[tuple[int, bytes]]) -> None:
        for seq, packed in answers:
            batch = self.batches[seq]
            results = unpack_transfer_results(packed)
            assert len(results) == len(batch.transfers), "one result for each record"
            if batch.results is None:
                batch.results = results
            else:
                assert _effect(batch.results) == _effect(results), f"batch {seq} had another effect"

    def unanswered(self) -> list[Row]:
        return [one.row() for one in self.batches.values() if one.results is None]

    def to_replay(self, limit: int, after_seq: int) -> list[Row]:
        found = [one for one in self.batches.values() if _is_to_replay(one)]
        return [one.row() for one in found if one.seq > after_seq][:limit]

    def replayed(self, seqs: Sequence[int]) -> None:
        for seq in seqs:
            self.batches[seq].replayed = True

    # The mirror

    def catch_up(self, rows: int) -> int:
        taken = [
            one for one in self.batches.values() if one.results is not None and not one.mirrored
        ][:rows]
        for batch in taken:
            assert batch.results is not None, "only answered batches are taken in"
            for one, result in zip(batch.transfers, batch.results, strict=True):
                if result.status in _STANDS:
                    self._enter(one)
                elif result.status in _BURNS:
                    self.burnt.setdefault(one.id, result.status)
            batch.mirrored = True
        self.clock += len(taken)
        self.check()
        return len(taken)

    def behind(self) -> int:
        answered = [one for one in self.batches.values() if one.results is not None]
        return sum(not one.mirrored for one in answered)

    def unmirrored(self) -> int:
        """How many transfers are in the journal, answered or not, and not on the books."""
        return sum(len(one.transfers) for one in self.batches.values() if not one.mirrored)

    # The stand-in

    def decide(self, transfers: Sequence[Transfer], overlay: Overlay) -> tuple[int, Decision]:
        """The decision as of now, and the clock that it holds for."""
        known = Known(transfers=self.transfers, burnt=self.burnt, resolved=self.resolved)
        states = overlay.over(self.states)
        return self.clock, decide(states, known, transfers, counter_max=CENTAVOS_MAX)

    def stand_in(
        self,
        epoch: int,
        clock: int,
        transfers: Sequence[Transfer],
        decision: Decision,
        overlay: Overlay,
    ) -> bool:
        """Write a decision with its row; False when it has to be decided again."""
        if self.clock != clock:
            return False
        self.fence(epoch, _STANDIN)
        if not self.is_all_counted(overlay):
            return False
        results = [TransferResult(0, status) for status in decision.results]
        batch = self._append(epoch, Backend.STANDIN, transfers, results)
        batch.mirrored = True
        self.clock += 1
        for one in decision.created:
            self._enter(one)
        for one_id, status in decision.burnt.items():
            self.burnt.setdefault(one_id, status)
        self.check()
        return True

    def is_all_counted(self, overlay: Overlay) -> bool:
        """Whether every batch is on the books, or in U."""
        return all(one.mirrored or one.seq in overlay.seqs for one in self.batches.values())

    # Accounts

    def create(self, accounts: Sequence[LedgerAccount]) -> None:
        for one in accounts:
            assert_same_account(self.accounts.setdefault(one.id, one), one)
            self.states.setdefault(
                one.id,
                AccountState(
                    ledger=one.ledger, flags=int(one.flags), balance=Balance(account_id=one.id)
                ),
            )

    def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return {one: self.states[one].balance for one in account_ids if one in self.states}

    # What the schema checks

    def check(self) -> None:
        debits_equal_credits(self.name, (state.balance for state in self.states.values()))
        # An answered debit may be here before the unanswered credit that allowed it.
        if all(one.mirrored for one in self.batches.values()):
            limits_are_kept(self.name, self.states.values())

    # Inside

    def _append(
        self,
        epoch: int,
        backend: Backend,
        transfers: Sequence[Transfer],
        results: Sequence[TransferResult] | None,
    ) -> Batch:
        self.last_seq += 1
        batch = Batch(self.last_seq, epoch, backend, transfers, results)
        self.batches[batch.seq] = batch
        return batch

    def enter_foreign(self, transfer: Transfer) -> None:
        """What an operator does with a transfer that somebody made without the writer."""
        self._enter(transfer)

    def _enter(self, one: Transfer) -> None:
        """Once: `exists` may come before, after or instead of `created`."""
        if one.id in self.transfers:
            return
        hold = None
        if one.flags & _RESOLVES:
            # A hold whose own batch has no answer yet stands when it was posted or voided.
            hold = self.transfers.get(one.pending_id) or self._unmirrored_hold(one.pending_id)
            self._enter(hold)
            flags = int(one.flags)
            one = recorded_resolution(one, hold, amount_of_resolution(flags, one.amount, hold))
            assert hold.id not in self.resolved, f"hold {hold.id:x} ends twice"
            self.resolved[hold.id] = one
        self.transfers[one.id] = one
        for account_id in (one.debit_account_id, one.credit_account_id):
            state = self.states[account_id]
            balance = after(state.balance, one, hold)
            self.states[account_id] = AccountState(
                ledger=state.ledger, flags=state.flags, balance=balance
            )

    def _unmirrored_hold(self, hold_id: int) -> Transfer:
        for batch in self.batches.values():
            for one in () if batch.mirrored else batch.transfers:
                if one.id == hold_id and one.flags & TransferFlags.PENDING:
                    return one
        raise AssertionError(f"hold {hold_id:x} is not known")


def _is_to_replay(batch: Batch) -> bool:
    return batch.backend is Backend.STANDIN and not batch.replayed


def _effect(results: Sequence[TransferResult]) -> list[bool]:
    """By which an answer from one sending and from another must agree."""
    return [one.status in _STANDS for one in results]
