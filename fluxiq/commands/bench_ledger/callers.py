"""Who sends: tasks that send again once they are answered, or a crowd that comes at a rate."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import trio

from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.writer import ReplyTo

ANSWERED_SECONDS_MAX: Final = 60.0
TICK_SECONDS: Final = 0.001  # who arrives in it arrives together

# Sends the next transfers and returns their statuses.
Send = Callable[[], Awaitable[list[TransferStatus]]]
# Sends the next transfer; raises Unavailable.
Put = Callable[[ReplyTo], None]


@dataclass(slots=True)
class Answers:
    """Latencies in seconds; what was told Unavailable or Unknown is counted and has none."""

    seconds: list[float] = field(default_factory=list)
    ended_at: list[float] = field(default_factory=list)  # by perf_counter
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Transfers answered a second. `failed`: requests that were told Unavailable or Unknown, as
    happens when a busy machine misses a deadline.
    """

    per_second: float
    failed: int


async def closed_loop(send: Send, *, callers: int, seconds: float) -> Rate:
    """Let `callers` tasks send again once they are answered, for `seconds`.

    The rate is from the first sending to the last answer.
    """
    answered = failed = 0

    async def caller() -> None:
        nonlocal answered, failed
        while perf_counter() < ends:
            try:
                statuses = await send()
            except (Unavailable, Unknown):
                failed += 1
                continue
            assert statuses.count(TransferStatus.CREATED) == len(statuses), "no refusals here"
            answered += len(statuses)

    began = perf_counter()
    ends = began + seconds
    with trio.fail_after(seconds + ANSWERED_SECONDS_MAX):
        async with trio.open_nursery() as nursery:
            for _ in range(callers):
                nursery.start_soon(caller)
    return Rate(per_second=answered / (perf_counter() - began), failed=failed)


async def open_loop(put: Put, answers: Answers, *, per_second: float, seconds: float) -> None:
    """Let one arrive after the other at a steady rate, whatever becomes of them.

    A latency counts from when it was due: a sender that is late makes nobody faster. No task waits
    for a reply, which is noted when it comes: a task for each would be most of the load.
    """
    began, arrived, total = perf_counter(), 0, int(per_second * seconds)
    while arrived < total:
        due_by_now = min(total, int((perf_counter() - began) * per_second) + 1)
        for number in range(arrived, due_by_now):
            arrival = _Arrival(began + number / per_second, answers)
            try:
                put(arrival)
            except Unavailable as error:
                arrival.fail(error)
        arrived = due_by_now
        await trio.sleep(TICK_SECONDS)

    with trio.fail_after(ANSWERED_SECONDS_MAX):
        while len(answers.seconds) + answers.failed < total:  # noqa: ASYNC110 - they only count
            await trio.sleep(TICK_SECONDS)


class _Arrival:
    """`ReplyTo` of one transfer that nobody waits for."""

    __slots__ = ("_answers", "_due")

    def __init__(self, due: float, answers: Answers) -> None:
        self._due = due
        self._answers = answers

    def reply(self, value: object) -> bool:
        assert value == [TransferStatus.CREATED], "no refusals here"
        now = perf_counter()
        self._answers.seconds.append(now - self._due)
        self._answers.ended_at.append(now)
        return True

    def fail(self, error: Exception) -> bool:
        assert isinstance(error, Unavailable | Unknown), error
        self._answers.failed += 1
        return True
