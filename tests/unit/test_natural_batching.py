"""Group commit: who waits for whom, who fails, and who leaves."""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from fluxiq.errors import Refused, Unavailable
from fluxiq.natural_batching import NaturalBatcher


class Unit:
    """Doubles numbers; keeps each batch, holds it at the gate, and fails on what it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = trio.Event()
        self.gate.set()
        self.errors: dict[int, Exception] = {}

    def close_gate(self) -> None:
        self.gate = trio.Event()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        for item in items:
            if item in self.errors:
                raise self.errors[item]
        return [2 * item for item in items]


class Caller:
    """A caller in a task of its own, which can be cancelled; its answer or error afterwards."""

    def __init__(self, nursery: trio.Nursery, group: NaturalBatcher[int, int], item: int) -> None:
        self.scope = trio.CancelScope()
        self.answer: int | None = None
        self.error: Exception | None = None
        nursery.start_soon(self._run, group, item)

    async def _run(self, group: NaturalBatcher[int, int], item: int) -> None:
        with self.scope:
            try:
                self.answer = await group(item)
            except (Refused, Unavailable, ValueError) as error:
                self.error = error


async def crowd(
    nursery: trio.Nursery, group: NaturalBatcher[int, int], items: Sequence[int]
) -> list[Caller]:
    """Callers in the order of `items`, all of them waiting."""
    callers = []
    for item in items:
        callers.append(Caller(nursery, group, item))
        await wait_all_tasks_blocked()
    return callers


async def test_a_lone_caller_gets_its_answer_from_a_batch_of_one() -> None:
    unit = Unit()

    assert await NaturalBatcher(unit, system="postgres")(21) == 42
    assert unit.batches == [[21]]


async def test_callers_who_arrive_during_a_batch_form_the_next_one_in_order() -> None:
    unit = Unit()
    unit.close_gate()
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        callers = await crowd(nursery, group, [1, 2, 3, 4])
        assert unit.batches == [[1]]
        assert group.statistics().waiting == 3
        unit.gate.set()

    assert unit.batches == [[1], [2, 3, 4]]
    assert [caller.answer for caller in callers] == [2, 4, 6, 8]


async def test_callers_ready_at_the_same_time_share_the_first_batch() -> None:
    unit = Unit()
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        callers = [Caller(nursery, group, item) for item in range(50)]

    assert len(unit.batches) == 1
    assert [caller.answer for caller in callers] == [2 * item for item in range(50)]


async def test_a_batch_is_never_larger_than_the_limit() -> None:
    unit = Unit()
    unit.close_gate()
    group = NaturalBatcher(unit, limit=2, system="postgres")

    async with trio.open_nursery() as nursery:
        await crowd(nursery, group, [1, 2, 3, 4, 5])
        unit.gate.set()

    assert unit.batches == [[1], [2, 3], [4, 5]]


async def test_the_group_works_again_after_it_was_idle() -> None:
    unit = Unit()
    group = NaturalBatcher(unit, system="postgres")

    assert [await group(1), await group(2)] == [2, 4]
    assert unit.batches == [[1], [2]]


async def test_one_bad_item_of_a_batch_fails_alone() -> None:
    unit = Unit()
    unit.close_gate()
    unit.errors[3] = ValueError("three")
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        callers = await crowd(nursery, group, [1, 2, 3, 4])
        unit.gate.set()

    assert unit.batches == [[1], [2, 3, 4], [2], [3], [4]]
    assert [caller.answer for caller in callers] == [2, 4, None, 8]
    assert str(callers[2].error) == "three"
    assert group.statistics().items_alone == 3


async def test_unavailable_goes_to_all_of_a_batch_and_to_nobody_else() -> None:
    unit = Unit()
    unit.close_gate()
    unit.errors[2] = Unavailable("postgres", "is down", retry_after=7)
    group = NaturalBatcher(unit, limit=2, system="postgres")

    async with trio.open_nursery() as nursery:
        callers = await crowd(nursery, group, [1, 2, 3, 4])
        unit.gate.set()

    assert unit.batches == [[1], [2, 3], [4]]
    assert [caller.answer for caller in callers] == [2, None, None, 8]
    lost = [caller.error for caller in callers[1:3]]
    assert [str(error) for error in lost] == ["postgres: is down"] * 2
    assert all(isinstance(error, Unavailable) and error.retry_after == 7 for error in lost)
    assert lost[0] is not lost[1]


async def test_unavailable_while_items_run_alone_goes_to_the_rest() -> None:
    unit = Unit()
    unit.close_gate()
    unit.errors = {2: ValueError("two"), 3: Unavailable("postgres", "is down")}
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        callers = await crowd(nursery, group, [1, 2, 3, 4])
        unit.gate.set()

    assert unit.batches == [[1], [2, 3, 4], [2], [3]]
    assert [type(caller.error) for caller in callers[1:]] == [
        ValueError,
        Unavailable,
        Unavailable,
    ]


async def test_a_caller_cancelled_while_waiting_takes_its_item_along() -> None:
    unit = Unit()
    unit.close_gate()
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        callers = await crowd(nursery, group, [1, 2, 3])
        callers[1].scope.cancel()
        await wait_all_tasks_blocked()
        unit.gate.set()

    assert unit.batches == [[1], [3]]
    assert [caller.answer for caller in callers] == [2, None, 6]


async def test_a_cancelled_leader_finishes_the_batch_for_the_others() -> None:
    unit = Unit()
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        unit.close_gate()
        first, leader, follower = await crowd(nursery, group, [1, 2, 3])
        unit.gate.set()
        unit.close_gate()
        await wait_all_tasks_blocked()
        assert unit.batches == [[1], [2, 3]]

        leader.scope.cancel()
        await wait_all_tasks_blocked()
        assert follower.answer is None
        unit.gate.set()

    assert [first.answer, follower.answer] == [2, 6]


async def test_a_follower_cancelled_during_its_batch_leaves_at_once() -> None:
    unit = Unit()
    unit.close_gate()
    group = NaturalBatcher(unit, system="postgres")

    async with trio.open_nursery() as nursery:
        leader = Caller(nursery, group, 1)
        follower = Caller(nursery, group, 2)
        await wait_all_tasks_blocked()
        assert sorted(unit.batches[0]) == [1, 2]
        leaves_first = follower if unit.batches[0][0] == 1 else leader
        stays = leader if leaves_first is follower else follower

        leaves_first.scope.cancel()
        await wait_all_tasks_blocked()
        assert leaves_first.scope.cancelled_caught
        unit.gate.set()

    assert stays.answer in {2, 4}


async def test_a_caller_cancelled_when_its_turn_to_lead_comes_hands_it_on() -> None:
    # The end of the first batch and the cancellation fall into the same turn of the scheduler;
    # which comes first is trio's choice, so both orders are met.
    for _ in range(30):
        unit = Unit()
        unit.close_gate()
        group = NaturalBatcher(unit, system="postgres")

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                first, second, third = await crowd(nursery, group, [1, 2, 3])
                unit.gate.set()
                second.scope.cancel()

            assert (first.answer, third.answer) == (2, 6)
            assert group.statistics().waiting == 0
            assert await group(9) == 18


async def test_a_batch_that_does_not_end_is_unavailable_for_its_callers_only(
    autojump_clock: MockClock,
) -> None:
    unit = Unit()
    unit.close_gate()
    group = NaturalBatcher(unit, system="postgres", seconds_max=3)

    with pytest.raises(Unavailable, match="did not end within 3 s"):
        await group(1)
    assert autojump_clock.current_time() >= 3

    unit.gate.set()
    assert await group(2) == 4


async def test_too_many_waiting_callers_are_told_at_once() -> None:
    unit = Unit()
    unit.close_gate()
    group = NaturalBatcher(unit, system="postgres", waiting_max=2)

    async with trio.open_nursery() as nursery:
        await crowd(nursery, group, [1, 2, 3])
        with pytest.raises(Unavailable, match="too many callers"):
            await group(4)
        unit.gate.set()

    assert unit.batches == [[1], [2, 3]]
