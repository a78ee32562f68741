"""Many small calls become one, without a timer and without a task of its own.

The first caller runs a batch; callers who arrive meanwhile wait, and the first of them runs all of
them together as the next batch. So a lone call waits for nobody, and a crowd pays for one commit of
Postgres, or one round trip to Redis.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import outcome
import trio

from fluxiq.errors import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")

BATCH_LIMIT: Final = 256
BATCH_SECONDS_MAX: Final = 15.0
WAITING_MAX: Final = 16 * BATCH_LIMIT


@dataclass(frozen=True, slots=True)
class BatchingStatistics:
    """Callers waiting now, and totals since the start."""

    waiting: int
    batches: int
    items: int
    items_alone: int  # run one by one after their batch failed


class NaturalBatcher(Generic[Item, Answer]):
    """Calls `unit(items)`, which answers each item, for callers with one item each.

    A batch that fails with anything but Unavailable is run again item by item, so that only the bad
    ones fail; Unavailable is told to all of a batch. A caller who is cancelled while waiting takes
    its item along; once its batch has begun the item may be done all the same, so items are
    idempotent. A batch has `seconds_max` seconds, after which its callers are told Unavailable of
    `system`.
    """

    def __init__(
        self,
        unit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        limit: int = BATCH_LIMIT,
        *,
        system: str,
        seconds_max: float = BATCH_SECONDS_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._unit = unit
        self._limit = limit
        self._system = system
        self._seconds_max = seconds_max
        self._waiting_max = waiting_max
        self._waiting: deque[_Entry[Item, Answer]] = deque()
        self._is_led = False
        self._batches = self._items = self._items_alone = 0

    async def __call__(self, item: Item) -> Answer:
        """The answer to `item`, once the batch it was in has ended."""
        if len(self._waiting) >= self._waiting_max:
            raise Unavailable(self._system, "too many callers are waiting")

        entry: _Entry[Item, Answer] = _Entry(item)
        self._waiting.append(entry)
        if self._is_led:
            await self._wait(entry)

        if entry.result is None:
            assert self._waiting[0] is entry, "only the oldest waiting caller leads"
            self._is_led = True
            await self._lead()

        assert entry.result is not None, "a led batch answers everybody in it"
        return entry.result.unwrap()

    def statistics(self) -> BatchingStatistics:
        return BatchingStatistics(
            waiting=len(self._waiting),
            batches=self._batches,
            items=self._items,
            items_alone=self._items_alone,
        )

    async def _wait(self, entry: "_Entry[Item, Answer]") -> None:
        try:
            await entry.turn.wait()
        except BaseException:
            if not entry.is_taken:
                was_next = entry.turn.is_set()
                self._waiting.remove(entry)
                if was_next:
                    self._hand_over()

            raise

    async def _lead(self) -> None:
        # The shield: a batch belongs to all of its callers, and the leader is only one of them.
        batch: list[_Entry[Item, Answer]] = []
        try:
            with trio.CancelScope(shield=True, relative_deadline=self._seconds_max):
                # One turn of the scheduler, so that callers who are ready now come along.
                await trio.lowlevel.cancel_shielded_checkpoint()
                batch = self._take()
                await self._run(batch)
        finally:
            self._conclude(batch)
            self._hand_over()

    def _take(self) -> "list[_Entry[Item, Answer]]":
        batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        for entry in batch:
            entry.is_taken = True

        self._batches += 1
        self._items += len(batch)
        return batch

    async def _run(self, batch: "Sequence[_Entry[Item, Answer]]") -> None:
        try:
            answers = await self._unit([entry.item for entry in batch])
        except Unavailable as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to one of the items
            await self._run_alone(batch, error)
        else:
            assert len(answers) == len(batch), "one answer for each item"
            for entry, answer in zip(batch, answers, strict=True):
                entry.result = outcome.Value(answer)

    async def _run_alone(self, batch: "Sequence[_Entry[Item, Answer]]", error: Exception) -> None:
        if len(batch) == 1:
            batch[0].result = outcome.Error(error)
            return

        for entry in batch:
            if entry.result is None:
                self._items_alone += 1
                await self._run([entry])
            if isinstance(entry.result, outcome.Error) and isinstance(
                entry.result.error, Unavailable
            ):
                _fail([other for other in batch if other.result is None], entry.result.error)
                return

    def _conclude(self, batch: "Sequence[_Entry[Item, Answer]]") -> None:
        late = Unavailable(self._system, f"a batch did not end within {self._seconds_max} s")
        _fail([entry for entry in batch if entry.result is None], late)
        for entry in batch:
            entry.turn.set()

    def _hand_over(self) -> None:
        if self._waiting:
            self._waiting[0].turn.set()
        else:
            self._is_led = False


class _Entry(Generic[Item, Answer]):
    """A caller and its item. `turn` is set when there is a result, or when it is to lead."""

    __slots__ = ("is_taken", "item", "result", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_taken = False
        self.result: outcome.Value[Answer] | outcome.Error | None = None
        self.turn = trio.Event()


def _fail(entries: Sequence[_Entry[Item, Answer]], error: Unavailable) -> None:
    # Each caller gets an exception of its own: tracebacks grow on the one that is raised.
    message = str(error).removeprefix(f"{error.system}: ")

    for entry in entries:
        own = Unavailable(error.system, message, retry_after=error.retry_after)
        own.__cause__ = error.__cause__
        entry.result = outcome.Error(own)
