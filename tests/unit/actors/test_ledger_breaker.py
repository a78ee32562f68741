"""The circuit breaker in a real tree, on a virtual clock: what it asks, when, and what it posts."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from typing import Any

import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from actors.ledger_board import Board, Member
from actors.ledger_breaker import LedgerBreaker, Operate
from fluxiq.errors import Unavailable
from fluxiq.ledgers.breaker import BreakerLimits, BreakerState, Event, OperatorRefused
from fluxiq.telemetry.metrics import Metrics
from supervisors import Strategy, SupervisorSpec, Tree, open_tree

LIMITS = BreakerLimits()
DEADLINE_SECONDS = 2.0
ISPB, OTHER = "12345678", "87654321"
S = BreakerState


class Server:
    """TigerBeetle, as far as a probe sees it."""

    def __init__(self) -> None:
        self.is_up = True
        self.seconds = 0.001
        self.asked: list[float] = []
        self.asked_at_once = self.asked_at_once_max = 0

    async def look_up(self) -> None:
        self.asked.append(trio.current_time())
        self.asked_at_once += 1
        self.asked_at_once_max = max(self.asked_at_once_max, self.asked_at_once)
        try:
            await trio.sleep(self.seconds if self.is_up else DEADLINE_SECONDS)
        finally:
            self.asked_at_once -= 1
        if not self.is_up:
            raise Unavailable("tigerbeetle", "did not answer within 2 s")


class House:
    def __init__(self, tree: Tree, board: Board, server: Server, metrics: Metrics) -> None:
        self.tree, self.board, self.server, self.metrics = tree, board, server, metrics

    @property
    def state(self) -> BreakerState:
        return self.board.breaker.state

    @property
    def states(self) -> list[BreakerState]:
        """Where it went from "suspect", in which it starts."""
        return [one.after for one in self.board.history]

    @property
    def gauge(self) -> float | None:
        return self.metrics.registry.get_sample_value("ledger_circuit_breaker_state")

    async def until(self, state: BreakerState, seconds: float = 400.0) -> float:
        """Wait for it; the seconds that it took."""
        began = trio.current_time()
        await wait_all_tasks_blocked()  # what was said before is heard
        await self.when(lambda: self.state is state, seconds)
        return trio.current_time() - began

    async def when(self, condition: Callable[[], bool], seconds: float = 400.0) -> None:
        with trio.fail_after(seconds):
            while not condition():  # noqa: ASYNC110 - of a virtual clock
                await trio.sleep(0.05)

    async def operate(self, event: Event, reason: str = "by hand") -> Any:
        return await self.tree.ref("breaker").call(Operate(event, reason), timeout=1)

    async def crash(self) -> None:
        """An error in the breaker itself; return when it is back."""
        before = self.incarnation
        self.tree.ref("breaker").cast_nowait(self)  # nobody knows this mail: see `Fragile`
        await self.when(lambda: self.incarnation > before)
        await wait_all_tasks_blocked()

    @property
    def incarnation(self) -> int:
        node = self.tree.snapshot().find("root/breaker")
        assert node is not None
        return node.incarnation if node.state == "running" else 0

    async def go_down(self) -> None:
        """TigerBeetle stops answering, and a writer is the first to see it."""
        self.server.is_up = False
        self.member(ISPB).failed("2 s without an answer")
        await wait_all_tasks_blocked()

    def member(self, institution: str) -> Member:
        return self.board.members[institution]


class Fragile(LedgerBreaker):
    def in_any_state(self, event: object) -> None:
        raise RuntimeError(f"no answer to {event}")


@asynccontextmanager
async def house(*, configured: bool = True) -> AsyncIterator[House]:
    metrics, server = Metrics(process=False), Server()
    board = Board(metrics, configured=configured)
    breaker = Fragile.spec(board, server.look_up, LIMITS, lambda: 0.0, id="breaker")
    root = SupervisorSpec(
        id="root", strategy=Strategy.ONE_FOR_ONE, max_restarts=100, children=[breaker]
    )
    async with open_tree(root, seed=1) as tree:
        here = House(tree, board, server, metrics)
        with board.enlist(ISPB) as member:
            # Always on TigerBeetle, as far as it may.
            leave = member.join(ISPB, lambda: member.back(ISPB))
            yield here
            leave()


@asynccontextmanager
async def closed_house() -> AsyncIterator[House]:
    async with house() as here:
        await here.until(S.CLOSED)
        here.board.history.clear()
        here.server.asked.clear()
        yield here


@contextmanager
def writing(board: Board, institution: str) -> Iterator[Member]:
    """A writer of `institution` at work. Who wants it back on TigerBeetle says so for it."""
    with board.enlist(institution) as member:
        leave = member.join(institution, lambda: None)
        try:
            yield member
        finally:
            leave()


# The start.


async def test_nothing_is_trusted_until_the_first_probe_has_come_back() -> None:
    async with house() as here:
        assert here.state is S.SUSPECT
        assert await here.until(S.CLOSED) < 0.1
        assert len(here.server.asked) == 1


async def test_a_tigerbeetle_that_is_away_at_the_start_is_left_within_the_suspicion() -> None:
    async with house() as here:
        here.server.is_up = False
        seconds = await here.until(S.OPEN)
        assert seconds <= LIMITS.suspect_seconds_max + 0.1
        assert here.gauge == 1


async def test_without_a_tigerbeetle_nothing_is_asked_and_nothing_can_be_operated() -> None:
    async with house(configured=False) as here:
        here.member(ISPB).failed("never")
        await trio.sleep(100)
        assert here.state is S.UNCONFIGURED
        assert here.server.asked == []
        with pytest.raises(OperatorRefused, match="there is no TigerBeetle"):
            await here.operate(Event.OPENED)


# Suspicion.


async def test_a_missed_deadline_is_a_suspicion_and_an_answer_ends_it() -> None:
    async with closed_house() as here:
        here.member(ISPB).failed("2 s without an answer")
        await here.until(S.CLOSED, 1.0)
        assert here.states == [S.SUSPECT, S.CLOSED]
        assert f"{ISPB}: 2 s without an answer" in here.board.history[0].reason


async def test_what_a_writer_hears_of_a_batch_in_flight_ends_a_suspicion_too() -> None:
    async with closed_house() as here:
        here.server.seconds = 1.5
        here.member(ISPB).failed("2 s without an answer")
        await here.until(S.SUSPECT, 1.0)
        here.member(ISPB).succeeded()
        assert await here.until(S.CLOSED, 1.0) < 0.1


async def test_one_stall_of_three_sessions_is_one_failure() -> None:
    async with closed_house() as here:
        for _ in range(3):
            here.member(ISPB).failed("2 s without an answer")
            await wait_all_tasks_blocked()
        assert here.board.breaker.failures == 1
        await here.until(S.CLOSED, 1.0)
        assert S.OPEN not in here.states


async def test_three_failures_in_a_row_open_it() -> None:
    async with closed_house() as here:
        began = trio.current_time()
        await here.go_down()
        seconds = await here.until(S.OPEN)
        assert 2 * DEADLINE_SECONDS <= seconds <= LIMITS.suspect_seconds_max
        assert here.states == [S.SUSPECT, S.OPEN]
        assert here.server.asked[:2] == pytest.approx([began, began + DEADLINE_SECONDS], abs=0.6)
        assert here.board.breaker.reason.startswith("3 failures: ")


async def test_no_two_probes_are_out_at_once_and_the_machine_answers_meanwhile() -> None:
    async with closed_house() as here:
        await here.go_down()
        await trio.sleep(1.0)
        with trio.fail_after(0.1):
            assert (await here.tree.get_state("root/breaker"))["state"] == "suspect"
        await here.until(S.OPEN)
        assert here.server.asked_at_once_max == 1


async def test_listeners_hear_of_a_change_when_it_is_made() -> None:
    async with closed_house() as here:
        heard: list[BreakerState] = []
        with here.board.enlist(OTHER) as member:
            member.join(OTHER, lambda: heard.append(here.state))
            await here.go_down()
            await here.until(S.OPEN)
        assert heard == [S.SUSPECT, S.OPEN]


# The way back.


async def test_it_comes_back_by_probes_and_by_every_institution() -> None:
    async with closed_house() as here:
        with writing(here.board, OTHER) as other:
            await here.go_down()
            await here.until(S.OPEN)
            assert here.gauge == 1
            here.server.is_up = True
            here.server.asked.clear()
            assert await here.until(S.HALF_OPEN) == pytest.approx(LIMITS.open_seconds, abs=0.1)
            assert here.gauge == 2
            await here.until(S.RECOVERING, 5.0)
            assert len(here.server.asked) == LIMITS.probes

            await trio.sleep(5.0)
            assert here.state is S.RECOVERING  # the other one is not back
            other.back(OTHER)
            assert await here.until(S.CLOSED) < 0.1
            assert here.gauge == 0
            assert here.states == [S.SUSPECT, S.OPEN, S.HALF_OPEN, S.RECOVERING, S.CLOSED]


async def test_nobody_waits_for_an_institution_whose_writer_has_stopped() -> None:
    async with closed_house() as here:
        with writing(here.board, OTHER):
            await here.operate(Event.OPENED)
            await here.operate(Event.RELEASED)
            await here.until(S.RECOVERING)
        assert await here.until(S.CLOSED) < 0.1


async def test_who_was_back_once_has_to_come_back_again() -> None:
    async with closed_house() as here:
        with writing(here.board, OTHER) as other:
            other.back(OTHER)
            await here.operate(Event.OPENED)
            await here.operate(Event.RELEASED)
            await here.until(S.RECOVERING)
            assert here.board.still_out() == [OTHER]


async def test_the_open_time_doubles_with_each_return_that_fails_up_to_its_limit() -> None:
    async with closed_house() as here:
        await here.go_down()
        waits = []
        for _ in range(5):
            await here.until(S.OPEN)
            waits.append(round(await here.until(S.HALF_OPEN)))
        assert waits == [30, 60, 120, 240, 300]


async def test_a_failure_while_recovering_opens_it_again() -> None:
    async with closed_house() as here:
        with writing(here.board, OTHER) as other:
            await here.operate(Event.OPENED)
            await here.operate(Event.RELEASED)
            await here.until(S.RECOVERING)
            other.failed("replay: 2 s without an answer")
            await here.until(S.OPEN, 1.0)
            assert "replay: 2 s without an answer" in here.board.breaker.reason


# Operators.


async def test_an_operator_opens_it_until_another_word() -> None:
    async with closed_house() as here:
        assert await here.operate(Event.OPENED, "maintenance") is S.FORCED_OPEN
        await trio.sleep(1000)
        assert (here.state, here.board.breaker.reason) == (S.FORCED_OPEN, "maintenance")
        assert here.server.asked == []
        assert await here.operate(Event.RELEASED) is S.HALF_OPEN
        await here.until(S.CLOSED, 5.0)


async def test_closed_by_an_operator_no_failure_opens_it() -> None:
    async with closed_house() as here:
        assert await here.operate(Event.CLOSED) is S.FORCED_CLOSED
        await here.go_down()
        await trio.sleep(1000)
        assert here.state is S.FORCED_CLOSED


async def test_closing_an_open_one_still_recovers_first() -> None:
    async with closed_house() as here:
        with writing(here.board, OTHER) as other:
            await here.operate(Event.OPENED)
            assert await here.operate(Event.CLOSED) is S.HALF_OPEN
            await here.until(S.RECOVERING, 5.0)
            other.back(OTHER)
            await here.until(S.FORCED_CLOSED, 5.0)


# Restarts of the actor.


async def test_a_restart_leaves_an_open_breaker_open_until_it_was_due() -> None:
    async with closed_house() as here:
        await here.go_down()
        await here.until(S.OPEN)
        here.server.is_up = True
        due = here.board.breaker.due
        for _ in range(3):
            await trio.sleep(5.0)
            await here.crash()
            assert here.state is S.OPEN
        await here.until(S.HALF_OPEN)
        assert trio.current_time() == pytest.approx(due, abs=0.1)


@pytest.mark.parametrize("event", [Event.OPENED, Event.CLOSED])
async def test_a_restart_keeps_what_an_operator_said(event: Event) -> None:
    async with closed_house() as here:
        said = await here.operate(event)
        await here.crash()
        await trio.sleep(100)
        assert here.state is said


async def test_a_closed_breaker_is_believed_after_a_restart_when_a_probe_came_back() -> None:
    async with closed_house() as here:
        await here.crash()
        await here.until(S.CLOSED, 1.0)
        assert here.states == [S.SUSPECT, S.CLOSED]

        # A failure that nobody heard, because the breaker was down.
        here.server.is_up = False
        await here.crash()
        await here.until(S.OPEN, LIMITS.suspect_seconds_max + 0.1)


async def test_a_return_half_proven_before_a_restart_is_proven_from_zero() -> None:
    async with closed_house() as here:
        await here.operate(Event.OPENED)
        await here.operate(Event.RELEASED)
        await here.when(lambda: here.board.breaker.probes >= 2)
        here.server.asked.clear()
        await here.crash()
        assert here.state is S.HALF_OPEN
        await here.until(S.CLOSED, 5.0)
        assert len(here.server.asked) >= LIMITS.probes


async def test_a_restart_while_recovering_still_waits_for_who_is_out() -> None:
    async with closed_house() as here:
        with writing(here.board, OTHER) as other:
            await here.operate(Event.OPENED)
            await here.operate(Event.RELEASED)
            await here.until(S.RECOVERING)
            await here.crash()
            await trio.sleep(5.0)
            assert here.state is S.RECOVERING
            other.back(OTHER)
            await here.until(S.CLOSED, 1.1)


# What it leaves.


async def test_each_change_is_logged_once_and_the_history_has_an_end() -> None:
    with structlog.testing.capture_logs() as logs:
        async with closed_house() as here:
            logs.clear()
            for _ in range(60):
                await here.operate(Event.OPENED, "drill")
                await here.operate(Event.RELEASED, "drill over")
                await here.until(S.CLOSED)
            assert len(here.board.history) == 50
    moves = [
        (one["before"], one["after"]) for one in logs if one["event"] == "ledger_breaker_moved"
    ]
    way = [S.CLOSED, S.FORCED_OPEN, S.HALF_OPEN, S.RECOVERING, S.CLOSED]
    assert moves == [*pairwise(way)] * 60


async def test_a_writer_that_leaves_is_told_nothing_more() -> None:
    async with closed_house() as here:
        heard: list[BreakerState] = []
        with here.board.enlist(OTHER) as member:
            leave = member.join(OTHER, lambda: heard.append(here.state))
            leave()
            await here.operate(Event.OPENED)
            assert heard == []
            member.join(OTHER, lambda: heard.append(here.state))  # its next writer
            await here.operate(Event.RELEASED)
            assert heard == [S.HALF_OPEN]
