"""The one writer of an institution's ledger, as an actor: it takes mail, and its writer works.

What is written where, and how a crash is survived, is `fluxiq.ledgers.writer`'s. A new incarnation
takes over with a new epoch, so that whatever the old one had under way can be sealed no more, and
gives what has no answer one. Callers see `ports.Ledger`: `LedgerByMail` turns what can go wrong
with a call into what it means for money.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass

import structlog
import trio

from actors.ledger_board import Board, Member
from actors.slot import Slot
from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.breaker import BreakerState
from fluxiq.ledgers.measured import NAMES
from fluxiq.ledgers.parts import Backend, Mode
from fluxiq.ledgers.writer import Writer
from fluxiq.settings import LEDGER_CALL_SECONDS_MAX
from fluxiq.telemetry.metrics import Metrics
from supervisors import (
    DEFERRED,
    Actor,
    Caller,
    CallTimeout,
    Context,
    Deferred,
    EventKind,
    Mailbox,
    MailboxFull,
    NoProcess,
    Overflow,
    ProcessDown,
    Quarantined,
    Ref,
)

LOOK_SECONDS = 1.0
LAST_ANSWERS_SECONDS_MAX = 5.0
FENCED = "another process writes this institution's ledger"

# For whom a task asks: batches take of every lane in turn, so that a worker with a thousand
# receipts and a customer at the door are served alike.
LANE: ContextVar[str] = ContextVar("ledger_lane", default="default")

_log = structlog.get_logger("ledger")
_ACTIVE = {
    Mode.TIGERBEETLE: NAMES[Backend.TIGERBEETLE],
    Mode.STANDIN: NAMES[Backend.STANDIN],
    Mode.RECOVERING: NAMES[Backend.STANDIN],
    Mode.QUEUE: "",  # nobody answers
}


@dataclass(frozen=True, slots=True)
class Apply:
    """Call: apply these transfers in order, in one batch; answers their statuses."""

    transfers: Sequence[Transfer]
    lane: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRoom:
    """What a writer stands in. `make` builds it, going by the breaker as this member does;
    `outages` counts those of the institution's Postgres.
    """

    institution: str
    board: Board
    metrics: Metrics
    slot: Slot[Writer]
    make: Callable[[Member], Writer]
    outages: Callable[[], int]


class LedgerWriter(Actor):
    """Refuses mail when too much waits: a writer that far behind should be waited out."""

    mailbox = Mailbox(capacity=4096, overflow=Overflow.REJECT)

    def __init__(self, room: WriterRoom) -> None:
        self._room = room
        self._open = ExitStack()
        self._fallbacks = 0

    def init(self, context: Context) -> None:  # noqa: ARG002  Actor's
        """Let the writer take mail at once: what comes waits until it has taken over."""
        room = self._room
        self._member = self._open.enter_context(room.board.enlist(room.institution))
        self._writer = room.make(self._member)
        self._member.statistics = self._writer.statistics
        self._open.enter_context(room.slot.filled(self._writer))
        self.start_soon(self._write)

    def handle_call(self, message: Apply, caller: Caller) -> Deferred:
        """Never waits, so that a caller hands its transfers over in its own step."""
        try:
            self._writer.put(message.transfers, caller, lane=message.lane)
        except (ValueError, Unavailable) as error:
            caller.fail(error)
        return DEFERRED

    async def terminate(self) -> None:
        """Let no row wait for the next start that has its answer now. A crash leaves it to that."""
        with trio.move_on_after(LAST_ANSWERS_SECONDS_MAX):
            try:
                await self._writer.batches.write_answers()
            except Unavailable as error:
                _log.warning("ledger_answers_left", reason=str(error))

    def inspect(self) -> dict[str, object]:
        counts = self._writer.statistics()
        return {name: getattr(counts, name) for name in counts.__struct_fields__}

    async def _write(self) -> None:
        with self._open:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._show)
                await self._writer.run()
                nursery.cancel_scope.cancel()
            # It may not write, and does not fight for it: an operator who restarts this actor
            # takes over from the other process.
            self._member.fenced = True
            self._tell()
            _log.error("ledger_writer_fenced", institution=self._room.institution)
            self.context.fault(EventKind.FENCED, FENCED)
            await trio.sleep_forever()

    async def _show(self) -> None:
        """Keep the node in the tree and the series up to date."""
        outages = self._room.outages()
        while True:
            before, outages = outages, self._room.outages()
            self._tell()
            self._room.metrics.show_ledger_health(
                self._room.institution, self._health(postgres=outages == before)
            )
            await self._writer.changed.wait(LOOK_SECONDS)

    def _health(self, *, postgres: bool) -> dict[str, bool]:
        health = {NAMES[Backend.STANDIN]: postgres}
        if self._room.board.breaker.state is not BreakerState.UNCONFIGURED:
            health[NAMES[Backend.TIGERBEETLE]] = self._room.board.is_well
        return health

    def _tell(self) -> None:
        institution, metrics = self._room.institution, self._room.metrics
        authority = self._writer.authority
        self.context.report(
            mode="fenced" if self._writer.fenced else authority.mode.value, epoch=authority.epoch
        )
        active = "" if self._writer.fenced else _ACTIVE[authority.mode]
        metrics.show_ledger_backend(institution, active, list(NAMES.values()))
        metrics.ledger_mirror_behind.labels(institution).set(self._writer.follower.lag.transfers)
        metrics.ledger_fallbacks.labels(institution).inc(self._writer.fallbacks - self._fallbacks)
        self._fallbacks = self._writer.fallbacks


class LedgerByMail:
    """`ports.Ledger` through the writer. What needs no order goes to the writer itself."""

    def __init__(self, writer: Ref, slot: Slot[Writer]) -> None:
        self._writer = writer
        self._slot = slot

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await self._slot.get().create_accounts(accounts)

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Raises ValueError for what no batch may hold (`writer.requests.check_request`)."""
        if not transfers:
            return []

        reference = f"{len(transfers)} transfers from {transfers[0].id:x}"
        try:
            statuses: list[TransferStatus] = await self._writer.call(
                Apply(transfers, LANE.get()), timeout=LEDGER_CALL_SECONDS_MAX
            )
        except (CallTimeout, ProcessDown) as error:
            raise Unknown("ledger", reference, str(error)) from error
        except (NoProcess, MailboxFull, Quarantined) as error:
            raise Unavailable("ledger", str(error)) from error
        return statuses

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self._slot.get().balances(account_ids)

    def foresee(self, debits: Mapping[int, int]) -> None:
        """`ports.admission.Admission`."""
        self._slot.get().foresee(debits)
