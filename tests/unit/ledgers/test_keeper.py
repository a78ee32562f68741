"""The breaker of a process: who tells it what, who hears of it, and when it probes."""

import pytest
import trio

from fluxiq.errors import Unavailable
from fluxiq.ledgers.breaker import Breaker, BreakerLimits, BreakerState, OperatorRefused
from fluxiq.ledgers.writer import BreakerKeeper
from tests.unit.ledgers.conftest import Clock

S = BreakerState


class Target:
    """Something to probe. `answers`: True, False, or None for no answer at all."""

    def __init__(self) -> None:
        self.answers: bool | None = True
        self.probed: list[float] = []

    async def probe(self) -> None:
        self.probed.append(round(trio.current_time(), 3))
        if self.answers is None:
            await trio.sleep_forever()
        if not self.answers:
            await trio.sleep(2.0)
            raise Unavailable("tigerbeetle", "a sentinel was not answered")


def keeper(target: Target, heard: list[str] | None = None) -> BreakerKeeper:
    def on_change(before: Breaker, after: Breaker) -> None:
        if heard is not None:
            heard.append(f"{before.state}->{after.state}")

    return BreakerKeeper(target.probe, draw=lambda: 0.0, on_change=on_change)


async def test_it_goes_all_the_way_and_back(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    target, heard = Target(), list[str]()
    kept = keeper(target, heard)
    nursery.start_soon(kept.run)
    target.answers = False
    began = trio.current_time()
    kept.failed("a deadline")
    await trio.sleep(10)
    assert kept.state is S.OPEN
    assert kept.breaker.since - began == pytest.approx(
        4.5
    )  # two probes of 2 s, half a second apart
    target.answers = True
    await trio.sleep(40)
    assert heard == [
        "closed->suspect",
        "suspect->open",
        "open->half_open",
        "half_open->recovering",
        "recovering->closed",
    ]


async def test_probe_that_hangs_does_not_keep_it_from_opening_in_time(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    target = Target()
    target.answers = None
    kept = keeper(target)
    nursery.start_soon(kept.run)
    kept.failed("a deadline")
    began = trio.current_time()
    await trio.sleep(6.1)
    assert kept.state is S.OPEN
    assert kept.breaker.since - began == pytest.approx(6.0)


async def test_answer_to_a_probe_of_another_state_says_nothing(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    target = Target()
    target.answers = False
    kept = keeper(target)
    nursery.start_soon(kept.run)
    kept.failed("a deadline")
    await trio.sleep(1)
    kept.succeeded()
    kept.failed("another")
    await trio.sleep(1.5)
    assert (kept.state, kept.breaker.failures) == (S.SUSPECT, 1)


async def test_it_closes_when_every_institution_is_back_or_gone(autojump_clock: Clock) -> None:
    kept = keeper(Target())
    leave = kept.join("a", lambda: None)
    kept.join("b", lambda: None)
    kept.breaker = Breaker(state=S.RECOVERING, since=0.0)
    kept.back("b")
    assert kept.state is S.RECOVERING
    leave()
    assert kept.state is S.CLOSED


async def test_being_back_counts_for_this_recovery_only(autojump_clock: Clock) -> None:
    kept = keeper(Target())
    kept.join("a", lambda: None)
    kept.breaker = Breaker(state=S.RECOVERING, since=0.0)
    kept.join("b", lambda: None)
    kept.back("a")
    kept.failed("a replay")
    assert kept.state is S.OPEN
    kept.breaker = Breaker(state=S.RECOVERING, since=0.0)
    kept.back("b")
    assert kept.state is S.RECOVERING


async def test_listeners_hear_of_changes_of_state_only_and_until_they_leave(
    autojump_clock: Clock,
) -> None:
    kept, heard = keeper(Target()), list[str]()
    leave = kept.join("a", lambda: heard.append(kept.state))
    kept.succeeded()
    kept.failed("a deadline")
    kept.failed("another of the same stall")
    assert heard == ["suspect"]
    leave()
    kept.open("an operator")
    assert heard == ["suspect"]


async def test_leaving_late_does_not_take_the_place_of_a_successor(autojump_clock: Clock) -> None:
    kept, heard = keeper(Target()), list[str]()
    leave = kept.join("a", lambda: heard.append("old"))
    kept.join("a", lambda: heard.append("new"))
    leave()
    kept.failed("a deadline")
    assert heard == ["new"]


async def test_operator_opens_closes_and_releases(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    target = Target()
    kept = keeper(target)
    nursery.start_soon(kept.run)
    kept.open("maintenance")
    await trio.sleep(1000)
    assert (kept.state, kept.breaker.reason) == (S.FORCED_OPEN, "maintenance")
    assert target.probed == []
    kept.close("done")
    await trio.sleep(5)
    assert kept.state is S.FORCED_CLOSED
    kept.failed("a deadline")
    assert kept.state is S.FORCED_CLOSED
    kept.release("as usual")
    assert kept.state is S.CLOSED


async def test_without_a_tigerbeetle_it_is_unconfigured_for_ever(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    kept = BreakerKeeper(None, draw=lambda: 0.0, limits=BreakerLimits())
    nursery.start_soon(kept.run)
    kept.failed("nothing")
    await trio.sleep(1000)
    assert kept.state is S.UNCONFIGURED
    with pytest.raises(OperatorRefused):
        kept.close("please")
