"""Tells one customer what it is owed, signed, again and again until it answers 200."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec
import trio

from fluxiq.http1 import HttpClient, NoAnswer, NotSent
from fluxiq.providers.order_messages import (
    InfractionNotice,
    Notices,
    OutcomeNotice,
    ReceiptNotice,
    ReturnNotice,
)
from fluxiq.providers.signatures import SignatureStrategy
from fluxiq.providers.simulator.journal import SomeNotice
from fluxiq.providers.simulator.timetable import Timetable

BATCH_MAX = 50
LANES = 2  # calls under way to one customer: the next batch gathers while these are out
CALL_SECONDS_MAX = 10.0
BACKOFF_SECONDS_MIN = 0.2
BACKOFF_SECONDS_MAX = 5.0

# The customer read the call and did not like it. Other failures say nothing about the notices.
_REFUSED = frozenset({400, 413, 422})


class Letter(msgspec.Struct, kw_only=True):
    """A notice on its way. `is_alone` after a call was refused: it may be another one's fault."""

    number: int
    notice: SomeNotice
    is_alone: bool = False
    refusals: int = 0


class Postman:
    """The queue of one customer, bounded by what the provider may owe in all."""

    def __init__(
        self,
        client: HttpClient,
        target: str,
        signature: SignatureStrategy,
        timetable: Timetable,
        answered: Callable[[Sequence[Letter]], None],
    ) -> None:
        self.calls_failed = 0
        self._client = client
        self._target = target
        self._signature = signature
        self._timetable = timetable
        self._answered = answered
        self._queue: deque[Letter] = deque()
        self._idle = trio.lowlevel.ParkingLot()

    def hand(self, letter: Letter) -> None:
        self._queue.append(letter)
        self._idle.unpark()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(LANES):
                nursery.start_soon(self._lane)

    async def _lane(self) -> None:
        failures = 0
        while True:
            batch = await self._batch()
            status = await self._call(batch)
            if status == 200:  # noqa: PLR2004 - the one answer that ends the matter
                failures = 0
                self._answered(batch)
                continue

            self.calls_failed += 1
            if status in _REFUSED:
                self._set_apart(batch)
                continue
            self._queue.extendleft(reversed(batch))
            await trio.sleep(_backoff(failures))
            failures += 1

    async def _batch(self) -> list[Letter]:
        while not self._queue:
            await self._idle.park()

        batch = [self._queue.popleft()]
        while self._queue and len(batch) < BATCH_MAX:
            if batch[0].is_alone or self._queue[0].is_alone:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _call(self, batch: Sequence[Letter]) -> int | None:
        """The status of the answer, None without one."""
        notices = [letter.notice for letter in batch]
        body = _encode(
            Notices(
                pix=tuple(one for one in notices if isinstance(one, ReceiptNotice)),
                payments=tuple(one for one in notices if isinstance(one, OutcomeNotice)),
                returns=tuple(one for one in notices if isinstance(one, ReturnNotice)),
                infractions=tuple(one for one in notices if isinstance(one, InfractionNotice)),
            )
        )
        headers = self._signature.sign(body, datetime.now(UTC))
        headers["content-type"] = "application/json"
        try:
            response = await self._client.request(
                "POST", self._target, headers=headers, body=body, seconds_max=CALL_SECONDS_MAX
            )
        except (NotSent, NoAnswer):
            return None
        return response.status

    def _set_apart(self, batch: Sequence[Letter]) -> None:
        """One bad notice must not hold up forty-nine good ones, nor be hammered home."""
        for letter in batch:
            if letter.is_alone:
                self._timetable.after(_backoff(letter.refusals), partial(self.hand, letter))
                letter.refusals += 1
            else:
                letter.is_alone = True
                self.hand(letter)


def _backoff(failures: int) -> float:
    """0.2 s, doubling to 5 s."""
    return min(BACKOFF_SECONDS_MIN * 2.0 ** min(failures, 10), BACKOFF_SECONDS_MAX)


_encode = msgspec.json.Encoder().encode
