"""The ledger of one institution, whoever answers at the moment: one interface, one writer."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import trio
from msgspec import Struct

from fluxiq.domain.ledger_records import Balance, LedgerAccount, Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import LedgerDegraded, Unavailable, Unknown
from fluxiq.ledgers.breaker import RETURNS, BreakerState
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.parts import (
    Accounts,
    Authority,
    Journal,
    Mirror,
    Mode,
    StandIn,
    TigerBeetle,
)
from fluxiq.ledgers.writer.batches import Batches
from fluxiq.ledgers.writer.caps import cap_reached
from fluxiq.ledgers.writer.changes import Changes
from fluxiq.ledgers.writer.follower import Follower
from fluxiq.ledgers.writer.governor import Governor
from fluxiq.ledgers.writer.requests import Answer, ReplyTo, Request, Waiting, admit

EXPIRY_SECONDS = 0.25


class Policy(StrEnum):
    """What an institution wants while TigerBeetle is away."""

    FAIL_CLOSED = "fail_closed"  # refuse at once
    QUEUE_ONLY = "queue_only"  # let callers wait, as long as they would anyway
    STANDIN_LIMITED = "standin_limited"  # stand in, up to caps
    STANDIN_FULL = "standin_full"

    @property
    def away(self) -> Mode:
        """Whose answer is final while TigerBeetle is away."""
        stands_in = self in (Policy.STANDIN_LIMITED, Policy.STANDIN_FULL)
        return Mode.STANDIN if stands_in else Mode.QUEUE


class WriterLimits(Struct, frozen=True, kw_only=True):
    """Sizes and waits. Amounts in centavos, times in seconds."""

    sessions: int = 3  # batches in flight to TigerBeetle
    batch_max: int = TRANSFERS_MAX
    waiting_max: int = 65_536  # transfers
    patience_seconds: float = 6.0  # of a request that is not sealed
    drain_seconds_max: float = 0.3  # for which callers wait at the end of a recovery
    replay_rows: int = 64  # stand-in batches in one replay
    # Transfers that the mirror may be behind; then no batch is sealed until it is nearer. It may
    # become more by what `sessions` seal at the same time.
    mirror_behind_max: int = 500_000
    account_cap: int = 1_000_000  # debits of one account while limited
    institution_cap: int = 100_000_000  # of all its accounts together


class BreakerView(Protocol):
    """The circuit breaker as a writer sees it (`keeper.BreakerKeeper`). Nothing here waits."""

    @property
    def state(self) -> BreakerState: ...

    def join(self, institution: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each change of state, at once; return how to leave again. Until it is
        `back`, or leaves, the institution keeps a recovering breaker from closing.
        """

    def succeeded(self) -> None: ...

    def failed(self, reason: str) -> None:
        """A deadline passed or a session was lost; never for a refusal."""

    def back(self, institution: str) -> None:
        """Nobody need wait for this institution: it is on TigerBeetle again, or what keeps it from
        that is for an operator to look at.
        """


class WriterStatistics(Struct, frozen=True, kw_only=True):
    """What the writer did since it started, and where it stands."""

    epoch: int
    mode: Mode
    waiting: int
    in_flight: int
    unknown: int  # rows in U
    mirror_behind: int  # transfers that this writer sealed and the mirror lacks
    batches: int
    transfers: int
    fallbacks: int  # times that TigerBeetle was left
    recoveries: int
    refused: tuple[str, ...]  # what the last recovery found, if that kept it from closing
    last_report: str


class Writer:
    """`ports.Ledger` of the institution whose accounts carry the code `ledger`. `run` must be
    running for anything to happen; what is put before it begins waits, afterwards it is refused.

    `tigerbeetle` is None where there is none. `house` are the institution's own accounts, whose
    debits no cap counts: a PIX received debits the settlement account, and is always safe.
    """

    def __init__(
        self,
        institution: str,
        ledger: int,
        *,
        journal: Journal,
        mirror: Mirror,
        standin: StandIn,
        accounts: Accounts,
        tigerbeetle: TigerBeetle | None,
        breaker: BreakerView,
        policy: Policy = Policy.STANDIN_LIMITED,
        limits: WriterLimits | None = None,
        house: frozenset[int] = frozenset(),
    ) -> None:
        self.institution = institution
        self.ledger = ledger
        self.journal = journal
        self.mirror = mirror
        self.standin = standin
        self.accounts = accounts
        self.tigerbeetle = tigerbeetle
        self.breaker = breaker
        self.policy = policy
        self.limits = limits or WriterLimits()
        self.house = house

        self.authority = Authority(0, Mode.QUEUE)  # nobody's, until `run` has taken over
        self.fenced = False
        self.ended = False
        self.fallbacks = self.recoveries = 0
        self.refused: tuple[str, ...] = ()
        self.last_report = ""
        self.changed = Changes()
        self.waiting = Waiting(self.limits.waiting_max)
        self.batches = Batches(self)
        self.follower = Follower(self)
        self.governor = Governor(self)

    # Who answers now

    @property
    def submits(self) -> bool:
        """Say whether batches go to TigerBeetle now: never past a row without an answer."""
        return (
            self.authority.mode is Mode.TIGERBEETLE
            and self.breaker.state in RETURNS
            and self.governor.resolved
            and not self.governor.in_doubt
        )

    @property
    def stands_in(self) -> bool:
        """Say whether the stand-in answers now: never before U is counted."""
        return (
            self.authority.mode in (Mode.STANDIN, Mode.RECOVERING)
            and self.governor.unknown_counted
            and not self.governor.in_doubt
        )

    @property
    def limited(self) -> bool:
        """Say whether caps bound what is debited now: not where there never was a TigerBeetle."""
        return self.policy is Policy.STANDIN_LIMITED and self.tigerbeetle is not None

    def statistics(self) -> WriterStatistics:
        return WriterStatistics(
            epoch=self.authority.epoch,
            mode=self.authority.mode,
            waiting=len(self.waiting),
            in_flight=self.batches.in_flight,
            unknown=len(self.follower.unknown),
            mirror_behind=self.follower.lag.transfers,
            batches=self.batches.batches,
            transfers=self.batches.transfers,
            fallbacks=self.fallbacks,
            recoveries=self.recoveries,
            refused=self.refused,
            last_report=self.last_report,
        )

    # For callers

    def put(
        self, transfers: Sequence[Transfer], reply_to: ReplyTo, *, lane: str = "default"
    ) -> None:
        """Let transfers wait for the next batch; `reply_to` gets their statuses, or an error.

        Raises ValueError for what `check_request` refuses, LedgerDegraded where the policy lets
        nobody wait, and Unavailable when too many wait, or nothing is written here any more.
        """
        records = admit(transfers, self.ledger, self.limits.batch_max)
        self._refuse_if_closed(len(transfers))
        expires_at = trio.current_time() + self.limits.patience_seconds
        self.waiting.put(lane, Request(transfers, reply_to, expires_at, records))
        self.changed.set()

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Apply in order, each on its own but for chains; one status per transfer; twice is once.

        Raises Unavailable when nothing was written, Unknown when it may have been. Cancelling the
        wait takes nothing back.
        """
        if not transfers:
            return []
        answer = Answer()
        self.put(transfers, answer)
        return list(await answer.wait())

    def foresee(self, debits: Mapping[int, int]) -> None:
        """Raise what `put` would at this moment, and LedgerDegraded where the stand-in would not
        debit so much of accounts (centavos by id) for its caps. Nothing is reserved.
        """
        self._refuse_if_closed(len(debits))
        if self.stands_in and self.limited and not self.batches.caps.have_room(debits):
            raise cap_reached()

    def _refuse_if_closed(self, transfers: int) -> None:
        if self.fenced or self.ended:
            raise Unavailable("ledger", "this writer has ended")
        if self.policy is Policy.FAIL_CLOSED and self.authority.mode is Mode.QUEUE:
            raise _away()
        if not self.waiting.has_room(transfers):
            raise Unavailable("ledger", f"{len(self.waiting)} transfers wait already")

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same exists: in Postgres, then in TigerBeetle.

        Raises Unavailable when Postgres is away, or this writer is not in charge; to ask again is
        safe. What TigerBeetle could not be told now it is told before the next batch.
        """
        await self.accounts.create(accounts)
        if self.tigerbeetle is None:
            return
        if not self.submits:
            await self._owe_accounts()
            return

        try:
            await self.tigerbeetle.create_accounts(accounts)
        except (Unknown, Unavailable) as error:
            self.breaker.failed(str(error))
            await self._owe_accounts()
            return
        try:
            await self.accounts.in_tigerbeetle([account.id for account in accounts])
        except Unavailable:
            self.governor.owe_accounts()  # once more: it exists, and is written down then

    async def _owe_accounts(self) -> None:
        """Who takes over after this look reads what TigerBeetle lacks; who did before may have."""
        self.governor.owe_accounts()
        if (await self.journal.authority()).epoch != self.authority.epoch:
            raise Unavailable("ledger", "another process writes this institution's ledger")

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """The counters of those that exist, from whoever answers now. Raises Unavailable.

        While TigerBeetle is away they are the mirror's: without what is in U.
        """
        if self.tigerbeetle is not None and self.submits:
            try:
                return await self.tigerbeetle.balances(account_ids)
            except Unavailable as error:
                self.breaker.failed(str(error))
        return await self.accounts.balances(account_ids)

    # The life of it

    async def run(self) -> None:
        """Take over, and write until cancelled. Ends at once, `fenced`, when another takes over.

        Rows that an earlier process left without an answer are resolved first.
        """
        assert not self.ended, "a writer has one life"
        leave = self.breaker.join(self.institution, self.changed.set)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._expire)
                await self.governor.take_over()
                if self.tigerbeetle is not None:
                    for _ in range(self.limits.sessions):
                        nursery.start_soon(self.batches.run_session, self.tigerbeetle)
                nursery.start_soon(self.batches.run_standin)
                nursery.start_soon(self.batches.run_answers)
                nursery.start_soon(self.follower.run)
                await self.governor.run()
                nursery.cancel_scope.cancel(reason="another process took over")
        finally:
            self.ended = True
            leave()
            self.waiting.refuse_all(Unavailable("ledger", "its writer ended"))

    async def _expire(self) -> None:
        """Nobody waits for longer than it was worth, whatever the rest is waiting for."""
        while True:
            await trio.sleep(EXPIRY_SECONDS)
            late = Unavailable("ledger", "no batch took it in time; nothing was written")
            for request in self.waiting.expire(trio.current_time()):
                request.fail(late)
            if self.policy is Policy.FAIL_CLOSED and self.authority.mode is Mode.QUEUE:
                self.waiting.refuse_all(_away())


def _away() -> LedgerDegraded:
    return LedgerDegraded("TigerBeetle is away", retry_after=5.0)
