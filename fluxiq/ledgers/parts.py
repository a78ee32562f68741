"""What the ledger of an institution is put together from, and who of them is in charge.

TigerBeetle and a stand-in in Postgres are two backends with one answer per transfer; the journal
says which of them may give it. The protocol is docs/ledger.md's; its invariants are I1 to I8.

A batch is 1 to 8189 records of 128 bytes, and its results as many of 16, both packed as TigerBeetle
packs them (`tigerbeetle.records`), so that what is journaled, submitted and replayed is the same
bytes.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus


class Mode(StrEnum):
    """Whose answer is final: a column of the one row that all writers are fenced by."""

    TIGERBEETLE = "tigerbeetle"
    QUEUE = "queue"  # nobody's: callers are told to come again
    STANDIN = "standin"
    RECOVERING = "recovering"  # the stand-in's, while its batches are replayed into TigerBeetle


class Backend(StrEnum):
    """Who was to answer a journal row."""

    TIGERBEETLE = "tigerbeetle"
    STANDIN = "standin"


class Authority(Struct, frozen=True):
    """The epoch grows by one when the answering backend, or the writing process, changes."""

    epoch: int
    mode: Mode

    def after(self, mode: Mode) -> "Authority":
        """What a change to `mode` makes of it."""
        same_writer = {self.mode, mode} == {Mode.STANDIN, Mode.RECOVERING}
        return Authority(self.epoch if same_writer else self.epoch + 1, mode)


class Row(Struct, frozen=True, kw_only=True):
    """One batch in the journal. Without `results` its outcome is unknown."""

    seq: int
    epoch: int
    backend: Backend
    records: bytes
    results: bytes | None


class Fenced(Exception):
    """The epoch is not this writer's any more: somebody else is in charge, and it must stop."""


class Journal(Protocol):
    """The append-only batches of one institution, and its authority. Each raises Unavailable."""

    async def authority(self) -> Authority: ...

    async def take_over(self, reason: str) -> Authority:
        """Grow the epoch and keep the mode: an older process can write nothing from now on."""

    async def change(self, before: Authority, mode: Mode, reason: str) -> Authority:
        """Move from exactly `before` to `mode`. The epoch grows, but for standin -> recovering and
        back, which the same writer answers. Waits for rows being sealed. Raises Fenced, and
        Unavailable, after which it may have been made all the same, now or a little later.
        """

    async def seal(self, epoch: int, records: bytes) -> int:
        """Write a batch down for TigerBeetle before it is submitted; return its seq.

        Seqs grow in the order of sealing and have gaps only where nothing was sealed. Raises
        Fenced, Unavailable when it is certainly not there, Unknown when it may be.
        """

    async def answer(self, answers: Sequence[tuple[int, bytes]]) -> None:
        """Write down results by seq, in one statement. An answered row keeps its first answer: a
        writer that was fenced meanwhile may give another, in other words but to the same effect.
        """

    async def unanswered(self) -> list[Row]:
        """The rows for TigerBeetle without results, in order of seq: the unknown set U."""

    async def to_replay(self, limit: int, *, after: int = 0) -> list[Row]:
        """The first stand-in rows that TigerBeetle does not have yet, in order of seq; those above
        the seq `after`.
        """

    async def replayed(self, seqs: Sequence[int]) -> None: ...


class Mirror(Protocol):
    """Accounts, balances and transfers in Postgres, as far as the journal has answers."""

    async def catch_up(self, rows: int) -> int:
        """Take in up to `rows` answered rows in order of seq, each exactly once; return how many.

        A row of results that says `exists` for what is new here counts as created: its first
        answer was lost. Raises Unavailable.
        """

    async def behind(self) -> int:
        """How many answered rows are still to be taken in. Raises Unavailable."""


class StandIn(Protocol):
    """TigerBeetle's decisions over the mirror's balances, one transaction per batch."""

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row]
    ) -> list[TransferStatus | None]:
        """Decide in order, with journal row, fence, transfers and balances in one commit.

        `unknown` is U: its debits count as spent, its credits as nothing. None for a transfer that
        depends on U (the same id, or its hold, or what resolves its hold): in doubt, and not
        written. Balancing, closing and time-outs answer ValueError before anything is decided.
        Raises Fenced, Unavailable when nothing was committed, Unknown when it may have been.
        """


class Accounts(Protocol):
    """Account records, kept in Postgres first and then in TigerBeetle."""

    async def create(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same exists. Raises Unavailable."""

    async def not_in_tigerbeetle(self, limit: int) -> list[LedgerAccount]: ...

    async def in_tigerbeetle(self, account_ids: Sequence[int]) -> None: ...

    async def page(self, after: int, limit: int) -> list[int]:
        """The ids of up to `limit` accounts, those above the id `after`, in order."""

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]: ...


class TigerBeetle(Protocol):
    """The sessions of one institution. Every call has a deadline of its own."""

    async def submit(self, records: bytes) -> bytes:
        """Return one result per record. Raises Unknown when the deadline passes or the session is
        lost, Unavailable when the batch certainly did not leave.
        """

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same exists. Raises Unknown, Unavailable."""

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """Raises Unavailable."""

    async def look_up_transfers(self, ids: Sequence[int]) -> list[Transfer]:
        """Those that exist, in the order of `ids`. Raises Unavailable."""

    async def probe(self) -> None:
        """Look up a sentinel under the deadline. Raises Unavailable."""
