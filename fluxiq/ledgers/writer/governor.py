"""Who moves an institution's authority: after the breaker, and never past its own epoch."""

from typing import TYPE_CHECKING, Final

import trio

from fluxiq.errors import Unavailable
from fluxiq.ledgers.breaker import RETURNS, STANDS_IN
from fluxiq.ledgers.parts import Authority, Fenced, Mode
from fluxiq.ledgers.writer.recovery import Recovery, RecoveryRefused, TigerBeetleAway

if TYPE_CHECKING:
    from fluxiq.ledgers.writer.writer import Writer

LOOK_SECONDS: Final = 0.25
WEATHER_SECONDS: Final = 0.2  # before the next try, while Postgres is away
# After a recovery that broke off; doubles as long as it does.
AGAIN_SECONDS: Final = 1.0
AGAIN_SECONDS_MAX: Final = 60.0

_STANDIN: Final = frozenset({Mode.STANDIN, Mode.RECOVERING})


class Governor:
    """One step after the other; every step may be repeated."""

    def __init__(self, writer: "Writer") -> None:
        self.writer = writer
        self.unknown_counted = False  # U is known, so the stand-in may answer
        self._unresolved = True  # rows that nobody here waits for: at a start there may be some
        self._may_come = False  # a row whose sealing was not answered may still appear
        self._owes_accounts = True  # that TigerBeetle does not have, as far as is known
        self.in_doubt = False  # whether the authority is still ours
        self._again = 0  # recoveries in a row that broke off
        self._not_before = 0.0  # trio's clock: of the next recovery

    @property
    def resolved(self) -> bool:
        """Say whether TigerBeetle knows everything that a new batch may build on."""
        return not (self._unresolved or self._owes_accounts)

    def lost_authority(self) -> None:
        """Hear that the journal refused our epoch: we have moved it ourselves, or another has."""
        self.in_doubt = True
        self.writer.changed.set()

    def left_unknown(self, *, may_come: bool = False) -> None:
        """Hear that a row has no answer and nobody waits for one. `may_come`: it is not known
        whether there is a row.
        """
        self._unresolved = True
        self._may_come |= may_come
        self.writer.changed.set()

    def owe_accounts(self) -> None:
        """Hear of accounts that are in Postgres, and not known to be in TigerBeetle."""
        self._owes_accounts = True
        self.writer.changed.set()

    async def take_over(self) -> None:
        while True:
            try:
                self.writer.authority = await self.writer.journal.take_over("a writer started")
            except Unavailable:
                await trio.sleep(WEATHER_SECONDS)
            else:
                return

    async def run(self) -> None:
        """Until another process takes over."""
        while not self.writer.fenced:
            try:
                await self._step()
            except Unavailable:
                await trio.sleep(WEATHER_SECONDS)
            except Fenced:
                self.in_doubt = True

    async def _step(self) -> None:
        writer, state, mode = self.writer, self.writer.breaker.state, self.writer.authority.mode
        away = writer.policy.away
        if self.in_doubt:
            await self._ask_for_authority()
        elif state in STANDS_IN and mode is not away:
            await self._leave_tigerbeetle(away)
        elif mode in _STANDIN and not self.unknown_counted:
            await self.count_unknown()
        elif state in RETURNS and mode is not Mode.TIGERBEETLE and self._may_recover:
            await self._return_to_tigerbeetle()
        elif state in RETURNS and mode is Mode.TIGERBEETLE and not self.resolved:
            await self._resolve()
        else:
            if mode is Mode.TIGERBEETLE and self.resolved:
                writer.breaker.back(writer.institution)
            await writer.changed.wait(LOOK_SECONDS)

    async def _ask_for_authority(self) -> None:
        writer = self.writer
        now = await writer.journal.authority()
        self.in_doubt = False
        if now.epoch == writer.authority.epoch:
            writer.authority = now
            writer.changed.set()  # what was put back waits, and hears of nothing else
            return

        writer.fenced = True
        writer.waiting.refuse_all(
            Unavailable("ledger", "another process writes this institution's ledger")
        )

    async def change(self, mode: Mode, reason: str) -> None:
        """Move the authority to `mode` and know that it is there. Raises Fenced.

        Never given up half-way: a change whose answer was lost may be made later, and what is
        written in between would be written under the wrong authority. Only this writer can have
        made what is found one epoch on in another mode, because whoever takes over keeps the mode.
        """
        writer = self.writer
        while writer.authority.mode is not mode:
            before = writer.authority
            if before.mode is Mode.TIGERBEETLE:
                self.unknown_counted = False
            try:
                writer.authority = await writer.journal.change(before, mode, reason)
            except Unavailable:
                await trio.sleep(WEATHER_SECONDS)
            except Fenced:
                writer.authority = await self._find_own(before, mode)
        writer.changed.set()

    async def _find_own(self, before: Authority, mode: Mode) -> Authority:
        asked = before.after(mode)
        while True:
            try:
                now = await self.writer.journal.authority()
            except Unavailable:
                await trio.sleep(WEATHER_SECONDS)
                continue
            if now == asked or now.epoch == before.epoch:
                return now
            raise Fenced(f"the authority is {now}, this writer's {before}")

    # Away from TigerBeetle, and back

    async def _leave_tigerbeetle(self, away: Mode) -> None:
        """Move the epoch, so that no batch of the old one can be sealed."""
        writer = self.writer
        if writer.authority.mode is Mode.TIGERBEETLE:
            self._unresolved = True
            writer.fallbacks += 1
        await self.change(away, f"the breaker is {writer.breaker.state}")

    async def count_unknown(self) -> None:
        """Learn U, without which the stand-in must not answer. Raises Unavailable."""
        await self.writer.follower.count_unknown()
        self.unknown_counted = True
        self.writer.changed.set()

    @property
    def _may_recover(self) -> bool:
        return trio.current_time() >= self._not_before

    async def _return_to_tigerbeetle(self) -> None:
        writer = self.writer
        try:
            await Recovery(writer).run()
        except TigerBeetleAway as error:
            self._wait_before_again()
            writer.breaker.failed(str(error))
        except RecoveryRefused as error:
            # The others need not wait for what only an operator can settle.
            self._wait_before_again()
            writer.refused, writer.last_report = error.findings, str(error)
            writer.breaker.back(writer.institution)
        else:
            self._again = 0
            self._unresolved = self._may_come = False
            writer.refused = ()
            writer.changed.set()

    def _wait_before_again(self) -> None:
        seconds = min(AGAIN_SECONDS * 2 ** min(self._again, 30), AGAIN_SECONDS_MAX)
        self._again += 1
        self._not_before = trio.current_time() + seconds

    async def _resolve(self) -> None:
        """Give the rows of a short outage their answers before new ones are sealed."""
        writer, recovery = self.writer, Recovery(self.writer)
        self._unresolved = True  # until all of it is done, whatever of it was wanted
        try:
            await recovery.drain()
            if self._may_come:
                # Of another epoch it cannot appear any more; if it is there, it is there now.
                await self.change(Mode.QUEUE, "a row may be sealed or not")
                self._may_come = False
            await recovery.resolve()
            await recovery.create_accounts()
            if writer.authority.mode is Mode.QUEUE:
                await self.change(Mode.TIGERBEETLE, "it was found out")
        except TigerBeetleAway as error:
            writer.breaker.failed(str(error))
            await writer.changed.wait(LOOK_SECONDS)
        else:
            self._unresolved = False
            writer.changed.set()

    # For recoveries

    def creates_accounts(self) -> None:
        """Hear that those not in TigerBeetle are about to be read: later ones are owed again."""
        self._owes_accounts = False
