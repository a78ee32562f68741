"""A batch from the waiting requests to their answers: into the journal, to a backend, back."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import trio

from fluxiq.domain.ledger_records import Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.breaker import BreakerState
from fluxiq.ledgers.parts import Fenced, Mode, TigerBeetle
from fluxiq.ledgers.tigerbeetle.records import TRANSFER_BYTES, pack_transfers
from fluxiq.ledgers.tigerbeetle.results import (
    pack_transfer_results,
    unpack_transfer_results,
    unpack_transfer_statuses,
)
from fluxiq.ledgers.writer.answers import as_first_answered, hides_a_chain
from fluxiq.ledgers.writer.caps import Caps, cap_reached
from fluxiq.ledgers.writer.requests import Request

if TYPE_CHECKING:
    from fluxiq.ledgers.writer.writer import Writer

WEATHER_SECONDS: Final = 0.2  # before the next try, while Postgres is away
ANSWERS_MAX: Final = 64  # rows in one update of the journal
ANSWERS_WAITING_MAX: Final = 256  # then nothing new is submitted
# Answers wait for one another this long: an update of the journal per batch would cost as much as
# the journal itself, and nobody waits for them but the mirror.
ANSWERS_SECONDS: Final = 0.02
# The first batch of the stand-in is a small one: after seconds of waiting a full one would take as
# long again, and everybody with it.
STANDIN_FIRST_MAX: Final = 1024


class Batches:
    """The sessions of one writer."""

    def __init__(self, writer: "Writer") -> None:
        self.writer = writer
        self.in_flight = 0  # batches on their way to TigerBeetle
        self.batches = 0
        self.transfers = 0
        self.standing_in = False  # a stand-in batch is being decided
        self.paused = False  # the stand-in takes nothing: the end of a recovery
        self._stood_in = 0  # the last epoch in which the stand-in answered here
        limits = writer.limits
        self.caps = Caps(limits.account_cap, limits.institution_cap, writer.house)
        self._answers: deque[tuple[int, bytes]] = deque()
        self._answered = trio.Event()
        self._writing_answers = trio.Lock()

    # To TigerBeetle

    async def run_session(self, tigerbeetle: TigerBeetle) -> None:
        """One batch after the other, while TigerBeetle is in charge."""
        writer = self.writer
        while True:
            while not (
                writer.submits
                and len(writer.waiting)
                and len(self._answers) < ANSWERS_WAITING_MAX
                and writer.follower.keeps_up
            ):
                await writer.changed.wait()
            requests = writer.waiting.take(writer.limits.batch_max)
            with self._flying(requests):
                await self._submit(requests, tigerbeetle)

    async def _submit(self, requests: Sequence[Request], tigerbeetle: TigerBeetle) -> None:
        writer = self.writer
        records = _records(requests)
        try:
            seq = await writer.journal.seal(writer.authority.epoch, records)
        except Fenced:
            writer.waiting.put_back(requests)
            writer.governor.lost_authority()
            return
        except Unavailable as error:
            _fail(requests, error)
            await trio.sleep(WEATHER_SECONDS)
            return
        except Unknown as error:
            # The row may be there, or come still, and whoever resolves it executes it.
            writer.governor.left_unknown(may_come=True)
            _fail(requests, error)
            return

        writer.follower.lag.sealed(seq, len(records) // TRANSFER_BYTES)
        try:
            answer = await tigerbeetle.submit(records)
        except (Unknown, Unavailable) as error:
            # Sealed, so it will be resolved, whether it left or not.
            writer.governor.left_unknown()
            _fail(requests, _unknown(requests, error))
            # After the authority has moved, it says nothing about TigerBeetle now.
            if writer.authority.mode is Mode.TIGERBEETLE:
                writer.breaker.failed(str(error))
            return

        statuses = unpack_transfer_statuses(answer)
        self._reply(requests, statuses)
        if writer.breaker.state is BreakerState.SUSPECT:
            writer.breaker.succeeded()
        if hides_a_chain(statuses):
            # A writer that took over may have resolved this row: what was created then must not be
            # journaled as refused.
            try:
                results = await as_first_answered(
                    tigerbeetle, _transfers(requests), unpack_transfer_results(answer)
                )
            except Unavailable:
                writer.governor.left_unknown()
                return
            answer = pack_transfer_results(results)
        self._answers.append((seq, answer))
        self._answered.set()

    async def run_answers(self) -> None:
        """Write answers down, off the hot path."""
        while True:
            await self._answered.wait()
            await trio.sleep(ANSWERS_SECONDS)
            self._answered = trio.Event()
            try:
                await self.write_answers()
            except Unavailable:
                self._answered.set()
                await trio.sleep(WEATHER_SECONDS)

    async def write_answers(self) -> None:
        """Bring the journal up to what was answered. Raises Unavailable; nothing is lost."""
        async with self._writing_answers:
            while self._answers:
                group = list(islice(self._answers, ANSWERS_MAX))
                await self.writer.journal.answer(group)
                for _ in group:
                    self._answers.popleft()
                self.writer.follower.answered([seq for seq, _ in group])
                self.writer.changed.set()

    # To the stand-in

    async def run_standin(self) -> None:
        """One batch after the other, while the stand-in is in charge: a single writer."""
        writer = self.writer
        while True:
            while not (writer.stands_in and len(writer.waiting) and not self.paused):
                await writer.changed.wait()
            batch_max = writer.limits.batch_max
            if self._stood_in != writer.authority.epoch:
                batch_max = min(batch_max, STANDIN_FIRST_MAX)
            requests = self._capped(writer.waiting.take(batch_max))
            self._stood_in = writer.authority.epoch
            if requests:
                self.standing_in = True
                try:
                    await self._stand_in(requests)
                except BaseException:
                    _fail(requests, _unknown(requests, "its writer ended"))
                    raise
                finally:
                    self.standing_in = False
                    writer.changed.set()

    async def _stand_in(self, requests: Sequence[Request]) -> None:
        writer = self.writer
        transfers = _transfers(requests)
        unknown = tuple(writer.follower.unknown.values())
        try:
            statuses = await writer.standin.apply(writer.authority.epoch, transfers, unknown)
        except Fenced:
            self._not_spent(transfers)
            writer.waiting.put_back(requests)
            writer.governor.lost_authority()
        except Unavailable as error:
            self._not_spent(transfers)
            _fail(requests, error)
            await trio.sleep(WEATHER_SECONDS)
        except Unknown as error:
            _fail(requests, error)
        else:
            if writer.limited:
                self.caps.give_back(transfers, statuses)
            self._reply(requests, statuses)

    def _capped(self, requests: Sequence[Request]) -> list[Request]:
        """Refuse what would debit more than the policy allows without TigerBeetle."""
        if not self.writer.limited:
            return list(requests)

        within: list[Request] = []
        for request in requests:
            if self.caps.admit(request.transfers):
                within.append(request)
            else:
                request.fail(cap_reached())
        return within

    def _not_spent(self, transfers: Sequence[Transfer]) -> None:
        if self.writer.limited:
            self.caps.give_back(transfers, [None] * len(transfers))

    # Small tools

    @contextmanager
    def _flying(self, requests: Sequence[Request]) -> Iterator[None]:
        self.in_flight += 1
        try:
            yield
        except BaseException:
            _fail(requests, _unknown(requests, "its writer ended"))
            raise
        finally:
            self.in_flight -= 1
            self.writer.changed.set()

    def _reply(
        self, requests: Sequence[Request], statuses: Sequence[TransferStatus | None]
    ) -> None:
        self.batches += 1
        self.transfers += len(statuses)
        place = 0
        for request in requests:
            own = list(statuses[place : place + len(request.transfers)])
            place += len(own)
            if None in own:
                request.fail(_unknown([request], "it depends on one whose outcome is unknown"))
            else:
                request.reply([status for status in own if status is not None])
        assert place == len(statuses), "one status for each transfer"


def _transfers(requests: Sequence[Request]) -> list[Transfer]:
    return list(chain.from_iterable(request.transfers for request in requests))


def _records(requests: Sequence[Request]) -> bytes:
    if all(request.records is None for request in requests):
        return pack_transfers(_transfers(requests))
    return b"".join(request.records or pack_transfers(request.transfers) for request in requests)


def _fail(requests: Sequence[Request], error: Exception) -> None:
    for request in requests:
        request.fail(error)


def _unknown(requests: Sequence[Request], cause: object) -> Unknown:
    first = requests[0].transfers[0].id
    count = sum(len(request.transfers) for request in requests)
    return Unknown("ledger", f"{count} transfers from {first:x}", str(cause))
