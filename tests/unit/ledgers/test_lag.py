"""The mirror's distance, by what was sealed, answered and taken; and a writer that waits for it."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.errors import Unavailable
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.writer.lag import Lag
from tests.unit.ledgers.conftest import Clock, House, Told


def test_a_batch_counts_from_its_sealing_until_the_mirror_has_taken_it() -> None:
    lag = Lag()
    lag.sealed(1, 10)
    lag.sealed(2, 20)
    assert lag.transfers == 30
    lag.answered([2])
    lag.asked()
    lag.took(1)
    assert lag.transfers == 10
    lag.answered([1])
    lag.asked()
    lag.took(1)
    assert lag.transfers == 0


def test_the_mirror_takes_the_lowest_seqs_first() -> None:
    lag = Lag()
    for seq, transfers in ((1, 10), (2, 20), (3, 40)):
        lag.sealed(seq, transfers)
    lag.answered([3, 1, 2])
    lag.asked()
    lag.took(2)
    assert lag.transfers == 40


def test_an_answer_that_came_while_the_mirror_looked_is_still_to_ask_about() -> None:
    lag = Lag()
    lag.sealed(1, 10)
    lag.asked()
    lag.answered([1])
    lag.took(0)
    assert (lag.transfers, lag.has_news) == (10, True)
    lag.asked()
    assert not lag.has_news
    lag.took(1)
    assert lag.transfers == 0


def test_when_the_mirror_has_nothing_left_a_commit_that_was_not_told_is_made_up_for() -> None:
    lag = Lag()
    lag.sealed(1, 10)
    lag.answered([1])
    lag.asked()  # and the answer, that it took one, was lost
    lag.sealed(2, 20)
    lag.asked()
    lag.took(0)
    assert lag.transfers == 20


def test_rows_of_others_count_neither_when_answered_nor_when_taken() -> None:
    lag = Lag()
    lag.sealed(5, 10)
    lag.answered([3, 4])
    lag.asked()
    lag.took(2)
    assert lag.transfers == 10


@given(st.data())
def test_it_is_exact_whenever_the_mirror_takes_what_is_ready_in_order(data: Any) -> None:
    lag, unanswered, ready = Lag(), dict[int, int](), dict[int, int]()
    for seq in range(1, data.draw(st.integers(1, 30)) + 1):
        unanswered[seq] = data.draw(st.integers(1, 9))
        lag.sealed(seq, unanswered[seq])
        for answered in data.draw(st.sets(st.sampled_from(sorted(unanswered) or [0]))):
            ready[answered] = unanswered.pop(answered)
            lag.answered([answered])
        rows = sorted(ready)[: data.draw(st.integers(1, 4))]
        lag.asked()
        lag.took(len(rows))
        for taken in rows:
            del ready[taken]
        assert lag.transfers == sum(unanswered.values()) + sum(ready.values())


class HeldMirror:
    """The house's mirror, which takes nothing in while it is held."""

    def __init__(self, house: House) -> None:
        self._catch_up = house.writer.mirror.catch_up
        self.free = trio.Event()

    async def catch_up(self, rows: int) -> int:
        await self.free.wait()
        return await self._catch_up(rows)


def hold_mirror(house: House, monkeypatch: pytest.MonkeyPatch) -> HeldMirror:
    held = HeldMirror(house)
    monkeypatch.setattr(house.writer.mirror, "catch_up", held.catch_up)
    return held


async def test_no_batch_is_sealed_while_the_mirror_is_too_far_behind(
    house: House, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.limit(sessions=1, mirror_behind_max=3)
    await house.open()
    held = hold_mirror(house, monkeypatch)
    for behind in (1, 2, 3):
        assert await house.ask(house.pay(house.alice, house.bob, 1)) == ["created"]
        assert house.writer.statistics().mirror_behind == behind
    late = house.pay(house.alice, house.bob, 1)
    with pytest.raises(Unavailable, match="nothing was written"):
        await house.ask(late)
    assert not house.in_tigerbeetle(late)
    assert house.database.last_seq == 4  # the first one funded Alice

    told = Told()
    house.writer.put([house.pay(house.alice, house.bob, 1)], told)
    await trio.sleep(0.1)
    assert told.answers == []
    held.free.set()
    await house.until(lambda: bool(told.answers), seconds=0.1)
    assert told.answers == [["created"]]
    await house.until(lambda: not house.writer.statistics().mirror_behind)
    assert house.available() == 96


async def test_leaving_tigerbeetle_while_batches_wait_for_the_mirror_brings_it_up_to_date(
    house: House, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.limit(sessions=2, mirror_behind_max=1)
    await house.open()
    held = hold_mirror(house, monkeypatch)
    assert await house.ask(house.pay(house.alice, house.bob, 60)) == ["created"]
    told = Told()
    house.writer.put([house.pay(house.alice, house.bob, 60)], told)
    house.keeper.open("a test")
    await house.until_mode(Mode.STANDIN)
    assert told.answers == []
    held.free.set()
    await house.until(lambda: bool(told.answers))
    assert told.answers == [["exceeds_credits"]]  # it knows what TigerBeetle had done
    await house.return_()
    assert await house.ask(house.pay(house.alice, house.bob, 40)) == ["created"]
    await house.until(lambda: not house.writer.statistics().mirror_behind)
    assert house.available() == 0


async def test_a_batch_that_was_resolved_counts_no_more(
    house: House, autojump_clock: Clock
) -> None:
    house.limit(sessions=1, mirror_behind_max=1)
    await house.open()
    told = Told()
    house.server.stop()
    house.writer.put([house.pay(house.alice, house.bob, 30)], told)
    await house.until(lambda: bool(told.answers))
    assert house.writer.statistics().mirror_behind == 1
    house.server.resume()
    await house.until(lambda: house.writer.submits)
    assert house.writer.statistics().mirror_behind == 0
    assert await house.ask(house.pay(house.alice, house.bob, 30)) == ["created"]


async def test_a_resolved_row_whose_commit_was_not_told_does_not_hold_the_writer_back_for_ever(
    house: House, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated seeds 202403 and 202985."""
    house.limit(sessions=1, mirror_behind_max=1)
    await house.open()
    answer, untold = house.writer.journal.answer, trio.Event()

    async def answer_but_do_not_tell(answers: Any) -> None:
        await answer(answers)
        if not untold.is_set():
            untold.set()
            raise Unavailable("postgres", "the connection broke after the commit")

    told = Told()
    house.server.stop()
    house.writer.put([house.pay(house.alice, house.bob, 30)], told)
    await house.until(lambda: bool(told.answers))
    monkeypatch.setattr(house.writer.journal, "answer", answer_but_do_not_tell)
    house.server.resume()
    await house.until(untold.is_set)
    await house.until(lambda: house.writer.submits and house.writer.follower.keeps_up)
    assert await house.ask(house.pay(house.alice, house.bob, 30)) == ["created"]
