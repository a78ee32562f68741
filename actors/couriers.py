"""Webhook senders: one per merchant endpoint, so that a slow merchant delays nobody else.

The watch starts a sender for each endpoint on record and for each new one. A sender claims what is
due, signs and posts it, and writes down how each attempt ended.
"""

import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import trio

from actors.branch import Branch
from actors.doorbell import Doorbell
from actors.pace import Pace
from actors.stopping import WEBHOOKS
from actors.weather import Weather
from fluxiq.couriers.sender import WebhookSender
from fluxiq.domain.records import Delivery, Room, Step, WebhookEndpoint
from fluxiq.domain.standard_webhooks import retry_delay
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports import DeliveryAttempt, Store
from supervisors import ChildRefused, ChildSpec, Context

LOOK_SECONDS_MAX = 5.0
LEASE_MARGIN_SECONDS = 5.0  # beyond the longest delivery: then another sender may take it


class CourierBell:
    """`ports.Bell`: rings the senders of these endpoints; one nobody knows yet is looked up."""

    def __init__(self, branch: Branch) -> None:
        self._branch = branch

    def ring(self, names: Iterable[str] = ()) -> None:
        for name in names:
            self._branch.courier_bells.get(name, self._branch.endpoints_changed).ring()


def endpoint_watch(branch: Branch) -> ChildSpec:
    """Keeps a sender running for each endpoint on record."""

    async def start(context: Context) -> None:
        weather = Weather(context.path)
        context.ready()
        while True:
            await context.turn()
            try:
                for endpoint in await branch.links.get().store.endpoints():
                    if endpoint.disabled_at is None:
                        await _ensure_sender(branch, context, endpoint)
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            await branch.endpoints_changed.wait(LOOK_SECONDS_MAX)

    return ChildSpec(id="endpoint_watch", start=start, phase=WEBHOOKS)


async def _ensure_sender(branch: Branch, context: Context, endpoint: WebhookEndpoint) -> None:
    branch.endpoints[endpoint.id] = endpoint
    with suppress(ChildRefused):  # it has one already
        await context.tree.start_child(f"{branch.path}/webhook_senders", endpoint.id)


def webhook_sender(branch: Branch, endpoint_id: str) -> ChildSpec:
    """Delivers what is owed to one endpoint, several at a time."""

    async def start(context: Context) -> None:
        endpoint = branch.endpoints[endpoint_id]
        bell = branch.courier_bells.setdefault(endpoint_id, Doorbell())
        weather, pace = Weather(context.path), Pace()
        ended = _Ended()
        context.report(url=endpoint.url)
        async with WebhookSender.open(branch.platform.settings.webhooks) as sender:
            context.ready()
            while True:
                await context.turn()
                await pace.wait()
                try:
                    full = await _deliver(branch, sender, endpoint, ended)
                    ended.tell(context)
                    weather.cleared()
                except (Unavailable, Unknown) as error:
                    await weather.ride_out(error)
                    continue
                if not full:
                    await bell.wait(LOOK_SECONDS_MAX)

    return ChildSpec(id=endpoint_id, start=start, shutdown=20.0)


@dataclass(slots=True)
class _Ended:
    """Attempts that are over and not on paper yet: an outage in between must not forget them, or
    the merchant is told again what it has taken.
    """

    attempts: list[DeliveryAttempt] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    delivered: int = 0  # and on paper, since this sender started
    failed: int = 0
    told: tuple[int, int] = (0, 0)

    async def write_down(self, store: Store) -> None:
        if self.attempts:
            await store.finish_deliveries(self.attempts, self.steps)
            delivered = sum(one.delivered for one in self.attempts)
            self.delivered += delivered
            self.failed += len(self.attempts) - delivered
            self.attempts, self.steps = [], []

    def tell(self, context: Context) -> None:
        """Let whoever looks at the tree see what goes out."""
        if self.told != (self.delivered, self.failed):
            self.told = (self.delivered, self.failed)
            context.report(delivered=self.delivered, failed=self.failed)


async def _deliver(
    branch: Branch, sender: WebhookSender, endpoint: WebhookEndpoint, ended: _Ended
) -> bool:
    """One round; says whether there may be more to do at once."""
    settings, store = branch.platform.settings.webhooks, branch.links.get().store
    await ended.write_down(store)
    deliveries = await store.claim_deliveries(
        endpoint.id,
        branch.platform.clock.now(),
        settings.deliver_seconds_max + LEASE_MARGIN_SECONDS,
        settings.concurrency,
    )

    async def attempt(delivery: Delivery) -> None:
        entered = branch.platform.clock.now()
        result = await _attempt(branch, sender, endpoint, delivery)
        ended.attempts.append(result)
        if delivery.reference and result.delivered:
            ended.steps.append(
                Step(
                    delivery.reference,
                    Room.COURIER,
                    entered,
                    result.at,
                    f"{delivery.event_type} {delivery.id}",
                )
            )

    async with trio.open_nursery() as nursery:
        for delivery in deliveries:
            nursery.start_soon(attempt, delivery)

    await ended.write_down(store)
    return len(deliveries) == settings.concurrency


async def _attempt(
    branch: Branch, sender: WebhookSender, endpoint: WebhookEndpoint, delivery: Delivery
) -> DeliveryAttempt:
    result = await sender.deliver(endpoint, delivery, branch.platform.clock.now())
    now = branch.platform.clock.now()
    retry_at = None
    if not result.delivered:
        jitter = random.random()  # noqa: S311  spreads retries, hides nothing
        delay = retry_delay(delivery.attempt, jitter=jitter, retry_after=result.retry_after)
        retry_at = None if delay is None else now + timedelta(seconds=delay)
    return DeliveryAttempt(
        delivery=delivery,
        at=now,
        delivered=result.delivered,
        status=result.status,
        error=result.error,
        retry_at=retry_at,
    )
