"""A provider behind a breaker and a rate limit: what counts, what is held back, how long."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import pytest
import trio
import trio.testing

from fluxiq.domain.circuit import CircuitState
from fluxiq.domain.contest import Contest, ContestAnswer, ContestWord
from fluxiq.domain.infraction import InfractionStatus
from fluxiq.domain.reconciliation import Flow, Window
from fluxiq.domain.records import Notice, Payout, Recipient, Refund
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports import Callback, OrderAnswer, StatementPage
from fluxiq.ports.locations import LocationWanted
from fluxiq.providers.guarded import GuardedProvider
from fluxiq.settings.providers import LinkLimits
from tests.support.provider_links import END_TO_END_ID, NOW, Watch, a_payout, call

LIMITS = LinkLimits(breaker_failures=3, breaker_pause_seconds=2.0, breaker_pause_seconds_max=8.0)
AWAY = Unavailable("the provider", "is away")
LOST = Unknown("the provider", END_TO_END_ID, "no answer")
REJECTED = OrderAnswer(state="rejected", reason_code="AC03")
SETTLED = OrderAnswer(state="settled")


class Scripted:
    """`ports.Provider` that does what it was told to, call after call."""

    def __init__(self) -> None:
        self.answer: OrderAnswer | Exception = SETTLED
        self.calls = 0
        self.gate: trio.Event | None = None

    async def send(self, payout: Payout) -> OrderAnswer:
        return await self._answer()

    async def send_refund(self, refund: Refund) -> OrderAnswer:
        return await self._answer()

    async def enquire(self, order_id: str) -> OrderAnswer:
        return await self._answer()

    async def look_up(self, key: str) -> Recipient | None:
        await self._answer()
        return None

    async def acknowledge_infraction(self, number: str) -> InfractionStatus | None:
        await self._answer()
        return InfractionStatus.ACKNOWLEDGED

    async def close_infraction(self, number: str, *, agreed: bool) -> InfractionStatus | None:
        await self._answer()
        return InfractionStatus.AGREED if agreed else InfractionStatus.DISAGREED

    async def find_infraction(self, number: str) -> InfractionStatus | None:
        await self._answer()
        return None

    async def report_contest(self, contest: Contest) -> ContestAnswer:
        await self._answer()
        return ContestAnswer(ContestWord.OPEN)

    async def cancel_contest(self, contest_id: str) -> ContestAnswer:
        await self._answer()
        return ContestAnswer(ContestWord.CANCELLED)

    async def find_contest(self, contest_id: str) -> ContestAnswer:
        await self._answer()
        return ContestAnswer(ContestWord.UNKNOWN)

    offers_locations = True

    async def open_location(self, wanted: LocationWanted) -> str:
        await self._answer()
        return f"psp.example/{wanted.txid}"

    async def close_location(self, txid: str) -> None:
        await self._answer()

    @property
    def statement_flows(self) -> frozenset[Flow]:
        return frozenset({Flow.RECEIVED})

    async def statement(self, window: Window, cursor: str) -> StatementPage:
        await self._answer()
        return StatementPage(lines=(), next_cursor=cursor)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        raise Refused("signature_invalid", "not ours")

    def parse_notices(self, body: bytes) -> list[Notice]:
        return []

    async def _answer(self) -> OrderAnswer:
        self.calls += 1
        answer = self.answer
        if self.gate is not None:
            await self.gate.wait()
        await trio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Link:
    def __init__(self, limits: LinkLimits = LIMITS) -> None:
        self.inner, self.watch = Scripted(), Watch()
        self.guard = GuardedProvider(self.inner, limits, name="psp", watcher=self.watch)

    async def send(self) -> OrderAnswer | None:
        return await self.guard.send(a_payout())

    async def fail(self, times: int, error: Exception = AWAY) -> None:
        self.inner.answer = error
        for _ in range(times):
            with pytest.raises(type(error)):
                await self.send()


@pytest.fixture
def link() -> Link:
    return Link()


async def test_what_the_provider_answers_is_handed_on_and_counted(link: Link) -> None:
    assert await link.send() == SETTLED
    assert await link.guard.enquire(END_TO_END_ID) == SETTLED
    assert await link.guard.look_up("somebody@example.com") is None
    assert link.watch.calls == {
        ("send", "answered"): 1,
        ("enquire", "answered"): 1,
        ("look_up", "answered"): 1,
    }


async def test_the_fraud_desk_and_the_host_of_charges_are_guarded_too(link: Link) -> None:
    wanted = LocationWanted(
        txid="T" * 26, amount=1, pix_key="k", lasts_seconds=1, payer=None, description=""
    )
    guard = link.guard
    assert guard.offers_locations
    assert await guard.open_location(wanted) == f"psp.example/{wanted.txid}"
    assert await guard.acknowledge_infraction("1") is InfractionStatus.ACKNOWLEDGED
    assert await guard.close_infraction("1", agreed=False) is InfractionStatus.DISAGREED
    assert await guard.find_infraction("1") is None
    await guard.close_location(wanted.txid)
    assert set(link.watch.calls.values()) == {1}

    await link.fail(3)
    for asked in (
        guard.open_location(wanted),
        guard.close_location("1"),
        guard.acknowledge_infraction("1"),
        guard.close_infraction("1", agreed=True),
        guard.find_infraction("1"),
    ):
        with pytest.raises(Unavailable, match="left alone"):
            await asked


@pytest.mark.parametrize("error", [AWAY, LOST])
async def test_outages_in_a_row_open_it_and_then_nothing_leaves(
    link: Link, error: Exception
) -> None:
    await link.fail(3, error)
    assert link.guard.circuit.state is CircuitState.OPEN

    with pytest.raises(Unavailable, match="left alone after 3 failures") as held:
        await link.send()

    assert 1.5 < held.value.retry_after <= 2.0
    assert link.inner.calls == 3
    assert link.watch.calls["send", "held_back"] == 1
    assert link.watch.states == [CircuitState.OPEN]


async def test_rejections_are_answers_however_many_there_are(link: Link) -> None:
    link.inner.answer = REJECTED
    for _ in range(20):
        assert await link.send() == REJECTED

    assert link.guard.circuit.state is CircuitState.CLOSED


async def test_a_statement_that_does_not_come_stops_no_payment(link: Link) -> None:
    window = Window(NOW, NOW + timedelta(hours=1))
    link.inner.answer = AWAY
    for _ in range(9):
        with pytest.raises(Unavailable):
            await link.guard.statement(window, "")
    assert link.guard.circuit.state is CircuitState.CLOSED

    link.inner.answer = SETTLED
    assert (await link.guard.statement(window, "7")).next_cursor == "7"
    assert link.guard.statement_flows == {Flow.RECEIVED}
    assert await link.send() == SETTLED
    assert link.watch.calls["statement", "unavailable"] == 9
    assert link.watch.calls["statement", "answered"] == 1


async def test_a_statement_is_no_probe_of_a_provider_that_is_away(
    link: Link, autojump_clock: object
) -> None:
    await link.fail(3)
    await trio.sleep(2.1)
    assert link.guard.circuit.state is CircuitState.HALF_OPEN

    with pytest.raises(Unavailable, match="left alone"):
        await link.guard.statement(Window(NOW, NOW), "")
    assert link.inner.calls == 3
    assert link.watch.calls["statement", "held_back"] == 1


async def test_a_refusal_of_ours_neither_opens_nor_closes_it(
    link: Link, autojump_clock: object
) -> None:
    refusal = Refused("invalid_pix_key", "no key")
    await link.fail(5, refusal)
    assert link.guard.circuit.state is CircuitState.CLOSED

    await link.fail(3)
    await trio.sleep(2.0)
    await link.fail(1, refusal)

    assert link.guard.circuit.state is CircuitState.HALF_OPEN
    assert link.watch.calls["send", "refused"] == 6


async def test_an_answer_in_between_starts_the_count_over(link: Link) -> None:
    await link.fail(2)
    link.inner.answer = SETTLED
    await link.send()
    await link.fail(2)

    assert link.guard.circuit.state is CircuitState.CLOSED


async def test_after_the_pause_one_probe_goes_out_and_the_others_come_again(
    link: Link, autojump_clock: object, nursery: trio.Nursery
) -> None:
    await link.fail(3)
    await trio.sleep(2.0)
    link.inner.answer, link.inner.gate = SETTLED, trio.Event()

    nursery.start_soon(link.send)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(Unavailable):
        await link.send()
    assert link.inner.calls == 4

    link.inner.gate.set()
    await trio.testing.wait_all_tasks_blocked()
    assert link.guard.circuit.state is CircuitState.CLOSED
    assert await link.send() == SETTLED


async def test_a_probe_that_fails_doubles_the_pause(link: Link, autojump_clock: object) -> None:
    await link.fail(3)
    await trio.sleep(2.0)
    await link.fail(1)

    with pytest.raises(Unavailable) as held:
        await link.send()
    assert held.value.retry_after == pytest.approx(4.0)


async def test_a_provider_that_says_when_to_come_again_is_left_alone_for_so_long(
    link: Link, autojump_clock: object
) -> None:
    await link.fail(3, Unavailable("psp", "answered 429", retry_after=6.0))

    with pytest.raises(Unavailable) as held:
        await link.send()
    assert held.value.retry_after == pytest.approx(6.0)


async def test_a_probe_whose_caller_leaves_makes_room_for_another(
    link: Link, autojump_clock: object
) -> None:
    await link.fail(3)
    await trio.sleep(2.0)
    link.inner.answer, link.inner.gate = SETTLED, trio.Event()
    with trio.move_on_after(0.5):
        await link.send()

    link.inner.gate = None
    assert await link.send() == SETTLED
    assert link.guard.circuit.state is CircuitState.CLOSED


async def test_calls_that_left_before_it_opened_do_not_fail_the_probe(
    link: Link, autojump_clock: object, nursery: trio.Nursery
) -> None:
    late = trio.Event()
    link.inner.gate, link.inner.answer = late, AWAY

    async def old() -> None:
        with pytest.raises(Unavailable):
            await link.send()

    nursery.start_soon(old)
    await trio.testing.wait_all_tasks_blocked()
    link.inner.gate = None
    await link.fail(3)
    await trio.sleep(2.0)
    assert link.guard.circuit.state is CircuitState.HALF_OPEN

    late.set()
    await trio.testing.wait_all_tasks_blocked()

    assert link.guard.circuit.state is CircuitState.HALF_OPEN


# The rate.


async def calls_in(
    seconds: float, ask: Callable[[], Awaitable[object]], at_once: int
) -> Mapping[str, int]:
    """How many of so many calls at once are answered in time, and how many are held back."""
    done = {"answered": 0, "held_back": 0}

    async def one() -> None:
        try:
            await ask()
        except Unavailable:
            done["held_back"] += 1
        else:
            done["answered"] += 1

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for _ in range(at_once):
                nursery.start_soon(one)
    return done


async def test_more_than_the_rate_waits_its_turn_and_no_longer_than_the_limit(
    autojump_clock: object,
) -> None:
    link = Link(LinkLimits(requests_per_second=10, wait_seconds_max=1.0))

    done = await calls_in(60, link.send, 25)

    # Ten at once, ten more within the second that may be waited.
    assert done == {"answered": 20, "held_back": 5}
    assert link.watch.calls["send", "held_back"] == 5


async def test_the_rate_is_kept_over_time(autojump_clock: object) -> None:
    link = Link(LinkLimits(requests_per_second=10, wait_seconds_max=5.0))
    before = trio.current_time()

    for _ in range(40):
        await link.send()

    assert trio.current_time() - before == pytest.approx(3.0, abs=0.2)


async def test_who_is_held_back_is_told_when_to_come_again(autojump_clock: object) -> None:
    link = Link(LinkLimits(requests_per_second=1, wait_seconds_max=0.5))
    await link.send()

    with pytest.raises(Unavailable, match="more than 1 times a second") as held:
        await link.send()

    assert held.value.retry_after == pytest.approx(1.0, abs=0.01)
    assert link.guard.circuit.state is CircuitState.CLOSED


def test_callbacks_are_neither_counted_nor_held_back(link: Link) -> None:
    with pytest.raises(Refused):
        link.guard.verify_callback(call(), NOW)

    assert link.guard.parse_notices(b"") == []
    assert not link.watch.calls
