"""Senders in a tree: one comes for each endpoint, goes with it, and a bad one delays nobody."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import trio

from actors.branch import Branch
from actors.couriers import CourierBell, endpoint_watch, webhook_sender
from actors.stopping import PHASES
from fluxiq import settings as config
from fluxiq.api.hub import Hub, Topic
from fluxiq.api.live_client import LiveClient
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.domain.records import DisabledReason, Event, WebhookEndpoint
from fluxiq.domain.webhook import Edited, Rotated
from fluxiq.http1 import Request, bind, port_of, serve_http
from fluxiq.ports.webhooks import Asked
from fluxiq.telemetry.metrics import Metrics
from supervisors import DynamicSpec, Strategy, SupervisorSpec, Tree, open_tree
from tests.support.memory_webhooks import MemoryWebhooks
from tests.support.patience import PATIENCE_SECONDS

ISPB = "12345678"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class House:
    """A branch with nothing in it but webhooks in memory, and a merchant on a real socket."""

    def __init__(self, sink: Sink) -> None:
        self.sink, self.webhooks = sink, MemoryWebhooks()
        self.metrics = Metrics(process=False)
        self.hub = Hub(self.metrics.connections)
        webhooks = msgspec.structs.replace(config.load({}).webhooks, breaker_pause_seconds=0.2)
        settings = SimpleNamespace(webhooks=webhooks)
        clock = SimpleNamespace(now=lambda: datetime.now(UTC))
        self.branch = Branch(
            platform=cast(
                "Any",
                SimpleNamespace(settings=settings, clock=clock, hub=self.hub, metrics=self.metrics),
            ),
            institution=cast("Any", SimpleNamespace(ispb=ISPB)),
        )
        self.bell = CourierBell(self.branch)
        self.tenant: Any = SimpleNamespace(
            webhooks=self.webhooks,
            clock=clock,
            settings=settings,
            ids=SimpleNamespace(new=lambda prefix: f"{prefix}_told"),
            relay=self.branch.relay,
        )
        self._events = 0

    def add(self, name: str, url: str) -> None:
        self.webhooks.endpoints[name] = WebhookEndpoint(
            id=name,
            merchant_id="mch_1",
            url=url,
            events=(),
            secret=SECRET,
            created_at=datetime.now(UTC),
        )
        self.bell.ring([name])

    def tell(self) -> str:
        self._events += 1
        event = Event(
            id=f"evt_{self._events:026d}",
            merchant_id="mch_1",
            type="pix.charge.paid",
            created_at=datetime.now(UTC) - timedelta(milliseconds=1),
            data={"id": "chg_1"},
        )
        self.bell.ring(self.webhooks.owe(event, msgspec.json.encode(event), None))
        return event.id

    def counted(self, name: str, **labels: str) -> float:
        said = {"institution": ISPB} | labels
        return self.metrics.registry.get_sample_value(name, said) or 0.0

    async def edit(self, name: str, change: Edited | Rotated) -> None:
        asked = Asked(merchant_id="mch_1", at=datetime.now(UTC))
        await self.webhooks.change_endpoint(name, change, asked)
        self.bell.ring([name])


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[House, Tree]]:
    async with trio.open_nursery() as nursery:
        sink: Sink = await nursery.start(serve_sink)
        sink.trust(SECRET)
        house = House(sink)
        branch = house.branch
        one_for_one = Strategy.ONE_FOR_ONE
        senders = DynamicSpec(
            id="webhook_senders",
            template=lambda name: webhook_sender(branch, name),
            max_children=10,
            child_max_restarts=5,
        )
        institution = SupervisorSpec(
            id=ISPB, strategy=one_for_one, children=[senders, endpoint_watch(branch)]
        )
        institutions = SupervisorSpec(
            id="institutions", strategy=one_for_one, children=[institution]
        )
        spec = SupervisorSpec(id="root", strategy=one_for_one, children=[institutions])
        links: Any = SimpleNamespace(webhooks=house.webhooks)
        with branch.links.filled(links), branch.tenant.filled(house.tenant):
            async with open_tree(spec, phases=PHASES) as tree:
                yield house, tree
        nursery.cancel_scope.cancel()


async def until(so: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while not so():  # noqa: ASYNC110 - neither tree nor sink has an event for each of these
            await trio.sleep(0.01)


def senders_of(tree: Tree) -> list[str]:
    """The names of the senders that the tree knows."""
    folder = f"root/institutions/{ISPB}/webhook_senders/"
    return [node.id for node in tree.snapshot().nodes if node.path.startswith(folder)]


async def test_a_sender_comes_for_a_new_endpoint_goes_when_it_is_disabled_and_comes_back() -> None:
    async with opened() as (house, tree):
        house.add("whk_1", house.sink.url)
        first = house.tell()
        await until(lambda: first in house.sink.told)

        await house.edit("whk_1", Edited(enabled=False))
        await until(lambda: senders_of(tree) == [])
        assert "whk_1" not in house.branch.courier_bells

        await house.edit("whk_1", Edited(enabled=True))
        second = house.tell()
        await until(lambda: second in house.sink.told)
        assert senders_of(tree) == ["whk_1"]


async def test_a_merchant_who_never_answers_delays_no_other() -> None:
    async with opened() as (house, _):

        async def silence(request: Request) -> None:
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            listeners = await bind("127.0.0.1", 0, name="a silent merchant")
            nursery.start_soon(serve_http, silence, listeners)
            house.add("whk_silent", f"http://127.0.0.1:{port_of(listeners)}/")
            house.add("whk_good", house.sink.url)
            started = perf_counter()
            told = [house.tell() for _ in range(50)]
            await until(lambda: set(told) <= set(house.sink.told))
            nursery.cancel_scope.cancel()

    assert perf_counter() - started < 10.0, "a silent merchant holds an attempt for 15 s"


async def test_a_merchant_who_says_gone_is_left_and_its_other_endpoint_told() -> None:
    async with opened() as (house, tree):
        house.sink.fail(1, 410)
        house.add("whk_gone", house.sink.url)
        house.tell()
        await until(lambda: senders_of(tree) == [] and house.sink.failed == 1)
        house.add("whk_other", house.sink.url)

        gone = house.webhooks.endpoints["whk_gone"]
        assert gone.disabled_reason is DisabledReason.GONE
        assert [one.type for one in house.webhooks.told] == ["webhook.disabled"]
        told = house.tell()
        await until(lambda: told in house.sink.told)


async def test_a_receiver_that_knows_one_of_two_secrets_believes_us_during_a_rotation() -> None:
    async with opened() as (house, _):
        house.add("whk_1", house.sink.url)
        await house.edit(
            "whk_1", Rotated(secret="whsec_bm90IGtub3duIHRvIHRoZW0=", overlap_seconds=60)
        )
        told = house.tell()

        await until(lambda: told in house.sink.told)

        assert house.sink.refused == 0


async def test_an_endpoint_that_comes_back_gets_all_that_waited() -> None:
    async with opened() as (house, _):
        house.sink.fail(7)
        house.add("whk_1", house.sink.url)
        told = [house.tell() for _ in range(30)]
        # What failed waits for its schedule (5 s); what was left alone goes out with the probe.
        await until(lambda: set(told) <= set(house.sink.told))

        attempts = [one.delivery.attempt for one in house.webhooks.deliveries.values()]
        assert sum(attempts) < 60
        assert house.webhooks.endpoints["whk_1"].failing_since is None


async def test_whoever_watches_deliveries_hears_how_each_attempt_ended() -> None:
    async with opened() as (house, _):
        house.sink.fail(1)
        with house.hub.subscribe(ISPB, "mch_1", [Topic.DELIVERIES]) as client:
            house.add("whk_1", house.sink.url)
            house.tell()
            told = [await next_frame(client) for _ in range(2)]
    assert {one["type"] for one in told} == {"delivery"}
    failed, delivered = (one["delivery"] for one in told)
    assert (failed["outcome"], failed["attempt"], failed["status"]) == ("retrying", 1, 500)
    assert failed["retry_at"] is not None
    assert (delivered["outcome"], delivered["attempt"], delivered["status"]) == (
        "delivered",
        2,
        204,
    )
    assert delivered["id"] == failed["id"]


async def test_attempts_are_counted_by_how_they_ended_and_deliveries_timed() -> None:
    async with opened() as (house, _):
        house.sink.fail(1)
        house.add("whk_1", house.sink.url)
        told = house.tell()
        await until(lambda: told in house.sink.told)
        name = "fluxiq_webhook_attempts_total"
        await until(lambda: house.counted(name, outcome="delivered", answer="2xx") == 1)

        assert house.counted(name, outcome="retrying", answer="5xx") == 1
        assert house.counted("fluxiq_webhook_attempt_duration_seconds_count") == 2
        assert house.counted("fluxiq_webhook_latency_seconds_count") == 1
        waited = house.counted("fluxiq_webhook_latency_seconds_sum")
        assert 4.0 < waited < PATIENCE_SECONDS, "the second attempt comes 5 s after the first"


async def test_endpoints_that_are_left_alone_are_counted_until_they_are_well_or_gone() -> None:
    breakers = "fluxiq_webhook_breakers_open"
    async with opened() as (house, _):
        house.sink.fail(1_000)
        house.add("whk_1", house.sink.url)
        for _ in range(10):
            house.tell()
        await until(lambda: house.counted(breakers) == 1)

        await house.edit("whk_1", Edited(enabled=False))
        await until(lambda: house.counted(breakers) == 0)


async def next_frame(client: LiveClient) -> Any:
    with trio.fail_after(PATIENCE_SECONDS):
        while (text := client.take()) is None:
            await client.wait()
    return msgspec.json.decode(text)
