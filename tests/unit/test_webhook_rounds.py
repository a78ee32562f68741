"""A courier's rounds: what it sends, in which order, and when it leaves an endpoint alone."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.courier import Courier
from actors.doorbell import Doorbell
from fluxiq import settings as config
from fluxiq.couriers.sender import DeliveryResult
from fluxiq.domain.circuit import CircuitState
from fluxiq.domain.records import Delivery, DisabledReason, Event, Step, WebhookEndpoint
from fluxiq.domain.webhook import DISABLED_EVENT, Edited
from fluxiq.errors import Unavailable
from fluxiq.ports.webhooks import Asked, Claimed, DeliveryAttempt
from tests.support.memory_webhooks import MemoryWebhooks

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAY = 86_400.0
ENDPOINT = WebhookEndpoint(
    id="whk_1",
    merchant_id="mch_1",
    url="http://127.0.0.1:1/hooks",
    events=(),
    secret="whsec_AAAA",
    created_at=NOW,
)
ASKED = Asked(merchant_id="mch_1", at=NOW)
TAKEN = DeliveryResult(status=204)
BROKEN = DeliveryResult(status=500, error="answered 500")


class Paper(MemoryWebhooks):
    """Away for as many writes of attempts as `away` says."""

    away = 0

    async def finish_deliveries(
        self, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
    ) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("postgres", "is away")
        await super().finish_deliveries(attempts, steps)


class Sender:
    """A merchant who answers as `answer` says, event by event."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.answer: Callable[[str], DeliveryResult] = lambda _: TAKEN
        self.seconds = 0.0
        self.at_once = 0
        self.at_once_max = 0

    async def deliver(
        self, endpoint: WebhookEndpoint, delivery: Delivery, now: datetime
    ) -> DeliveryResult:
        self.told.append(delivery.event_id)
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        await trio.sleep(self.seconds)
        self.at_once -= 1
        return self.answer(delivery.event_id)


class Scene:
    """One endpoint, its courier, and a clock that goes with trio's."""

    def __init__(self, **said: Any) -> None:
        self.paper, self.sender, self.bell = Paper(), Sender(), Doorbell()
        self.paper.endpoints[ENDPOINT.id] = msgspec.structs.replace(ENDPOINT, **said)
        webhooks = msgspec.structs.replace(config.load({}).webhooks, concurrency=4)
        tenant = SimpleNamespace(
            webhooks=self.paper,
            clock=SimpleNamespace(now=self.now),
            settings=SimpleNamespace(webhooks=webhooks),
            ids=SimpleNamespace(new=lambda prefix: f"{prefix}_new"),
            relay=Doorbell(),
        )
        self.courier = Courier(
            lambda: cast("Any", tenant), cast("Any", self.sender), ENDPOINT.id, self.bell
        )
        self._started = trio.current_time()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=trio.current_time() - self._started)

    @property
    def endpoint(self) -> WebhookEndpoint:
        return self.paper.endpoints[ENDPOINT.id]

    def owe(self, *names: str, reference: str | None = None) -> None:
        for number, name in enumerate(names):
            at = NOW + timedelta(seconds=-1, milliseconds=number)
            event = Event(
                id=f"evt_{name}",
                merchant_id="mch_1",
                type="pix.charge.paid",
                created_at=at,
                data={},
            )
            self.paper.owe(event, b"{}", reference)

    async def go_on(self, seconds: float) -> bool:
        """Rounds for so long, as the bell and the breaker ask for them."""
        goes_on = True
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(seconds):
                while goes_on:
                    goes_on = await self.courier.round(nursery)
                    await self.bell.wait(self.courier.idle_seconds(5.0))
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        return goes_on


@asynccontextmanager
async def nursery_of() -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        yield nursery


async def test_what_a_merchant_took_while_postgres_was_away_was_forgotten_and_told_again(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.owe("1", reference="E1")
    scene.paper.away = 1
    async with nursery_of() as nursery:
        await scene.courier.round(nursery)
    async with nursery_of() as nursery:
        with pytest.raises(Unavailable):
            await scene.courier.round(nursery)
        await trio.sleep(60)  # the lease is over
        await scene.courier.round(nursery)

    [owed] = scene.paper.deliveries.values()
    assert owed.delivered_at is not None
    assert [step.end_to_end_id for step in scene.paper.steps] == ["E1"]
    assert scene.sender.told == ["evt_1"]


async def test_several_are_under_way_and_a_slow_one_holds_up_none(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.sender.seconds = 1.0
    scene.owe(*map(str, range(9)))

    await scene.go_on(3.5)

    assert sorted(scene.sender.told) == sorted(f"evt_{n}" for n in range(9))
    assert scene.sender.at_once_max == 4


async def test_an_ordered_endpoint_waits_for_the_earlier_one(autojump_clock: MockClock) -> None:
    scene = Scene(ordered=True)
    answers = iter([TAKEN, BROKEN, TAKEN, TAKEN])
    scene.sender.answer = lambda _: next(answers)
    scene.owe("1", "2", "3")

    await scene.go_on(4.0)
    assert scene.sender.told == ["evt_1", "evt_2"]
    await scene.go_on(10.0)

    assert scene.sender.told == ["evt_1", "evt_2", "evt_2", "evt_3"]
    assert scene.sender.at_once_max == 1


async def test_an_endpoint_that_keeps_failing_gets_one_probe_after_each_pause(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.sender.answer = lambda _: BROKEN
    scene.owe(*map(str, range(40)))

    await scene.go_on(4.0)
    tripped = len(scene.sender.told)
    assert scene.courier.breaker.state is CircuitState.OPEN
    await scene.go_on(3.0)  # the pause is 5 s

    assert 5 <= tripped <= 8, "five in a row trip it; those under way end"
    assert len(scene.sender.told) == tripped + 1
    assert sum(one.delivery.attempt == 0 for one in scene.paper.deliveries.values()) >= 31
    assert scene.courier.facts()["breaker"] == "open"


async def test_a_probe_that_arrives_lets_all_out_again(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.sender.answer = lambda _: BROKEN
    scene.owe(*map(str, range(20)))
    await scene.go_on(4.0)
    scene.sender.answer = lambda _: TAKEN

    await scene.go_on(20.0)

    assert all(one.delivered_at is not None for one in scene.paper.deliveries.values())
    assert scene.courier.facts()["breaker"] == "closed"
    assert scene.endpoint.failing_since is None


async def test_a_failure_is_tried_again_by_the_schedule_and_as_late_as_asked(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    late = msgspec.structs.replace(BROKEN, status=503, retry_after=600.0)
    scene.sender.answer = lambda name: late if name == "evt_late" else BROKEN
    scene.owe("soon", "late")

    await scene.go_on(1.0)

    due = {one.delivery.event_id: one.due_at for one in scene.paper.deliveries.values()}
    soon, after = (due[name] or NOW for name in ("evt_soon", "evt_late"))
    assert 5.0 <= (soon - NOW).total_seconds() <= 5.6
    assert 600.0 <= (after - NOW).total_seconds() <= 600.1


async def test_the_tenth_failure_gives_a_delivery_up_and_asking_again_starts_over(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.sender.answer = lambda _: BROKEN
    scene.owe("1")
    [owed] = scene.paper.deliveries.values()
    owed.delivery = msgspec.structs.replace(owed.delivery, attempt=9)

    await scene.go_on(1.0)
    assert owed.given_up_at is not None

    await scene.paper.redeliver(owed.delivery.id, msgspec.structs.replace(ASKED, at=scene.now()))
    await scene.go_on(1.0)
    assert owed.given_up_at is None
    assert owed.due_at is not None
    assert scene.sender.told == ["evt_1", "evt_1"]


async def test_an_endpoint_that_is_gone_is_disabled_and_its_courier_ends(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.sender.answer = lambda _: DeliveryResult(status=410, error="answered 410")
    scene.owe("1")

    assert not await scene.go_on(3.0)

    assert scene.endpoint.disabled_reason is DisabledReason.GONE
    [told] = scene.paper.told
    assert told.type == DISABLED_EVENT
    assert (told.data.id, told.data.disabled_reason) == (ENDPOINT.id, "gone")
    assert scene.sender.told == ["evt_1"]


@pytest.mark.parametrize(("days", "disabled"), [(4.9, False), (5.1, True)])
async def test_an_endpoint_that_only_failed_for_five_days_is_disabled(
    days: float, disabled: bool, autojump_clock: MockClock
) -> None:
    scene = Scene(failing_since=NOW - timedelta(days=days))
    scene.sender.answer = lambda _: BROKEN
    scene.owe("1")

    assert await scene.go_on(3.0) is not disabled

    wanted = DisabledReason.FAILING if disabled else None
    assert scene.endpoint.disabled_reason is wanted


async def test_a_verdict_outlives_an_outage(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    scene.sender.answer = lambda _: DeliveryResult(status=410, error="answered 410")
    scene.owe("1")
    change = scene.paper.change_endpoint

    async def away(*_: object) -> None:
        raise Unavailable("postgres", "is away")

    async with nursery_of() as nursery:
        await scene.courier.round(nursery)
    monkeypatch.setattr(scene.paper, "change_endpoint", away)
    async with nursery_of() as nursery:
        with pytest.raises(Unavailable):
            await scene.courier.round(nursery)
    monkeypatch.setattr(scene.paper, "change_endpoint", change)
    async with nursery_of() as nursery:
        await scene.courier.round(nursery)

    assert scene.endpoint.disabled_reason is DisabledReason.GONE


async def test_a_courier_ends_once_its_endpoint_is_disabled_and_all_is_on_paper(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.sender.seconds = 2.0
    scene.owe("1", "2")
    async with nursery_of() as nursery:
        assert await scene.courier.round(nursery)
        await scene.paper.change_endpoint(ENDPOINT.id, Edited(enabled=False), ASKED)
        assert await scene.courier.round(nursery), "two are under way"
    scene.owe("3")

    assert not await scene.go_on(10.0)

    assert all(one.delivered_at is not None for one in scene.paper.deliveries.values())
    assert len(scene.paper.deliveries) == 2, "a disabled endpoint is owed nothing new"


async def test_an_edit_is_heeded_by_the_next_delivery(autojump_clock: MockClock) -> None:
    scene = Scene()
    seen: list[str] = []

    class Looking(Sender):
        async def deliver(
            self, endpoint: WebhookEndpoint, delivery: Delivery, now: datetime
        ) -> DeliveryResult:
            seen.append(endpoint.url)
            return TAKEN

    scene.courier._sender = cast("Any", Looking())
    scene.owe("1")
    await scene.go_on(1.0)
    await scene.paper.change_endpoint(ENDPOINT.id, Edited(url="http://127.0.0.1:2/"), ASKED)
    scene.owe("2")
    await scene.go_on(6.0)

    assert seen == ["http://127.0.0.1:1/hooks", "http://127.0.0.1:2/"]


async def test_a_courier_of_an_endpoint_that_does_not_exist_ends(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.paper.endpoints.clear()

    assert await scene.paper.claim_deliveries(ENDPOINT.id, NOW, 30, 1) == Claimed(endpoint=None)
    assert not await scene.go_on(1.0)
