"""Webhook senders: one per merchant endpoint, so that a slow merchant delays nobody else.

The watch starts a sender for each endpoint on record and for each new one; a sender whose endpoint
is disabled or deleted ends by itself. What a sender does is in `actors.courier`.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Literal

import trio

from actors.branch import Branch
from actors.courier import Courier
from actors.doorbell import Doorbell
from actors.pace import Pace
from actors.stopping import WEBHOOKS
from actors.weather import Weather
from fluxiq.api.hub import Topic
from fluxiq.couriers.sender import WebhookSender
from fluxiq.domain.circuit import CircuitState
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports.webhooks import DeliveryAttempt
from fluxiq.services.messages.live import DeliveryEnd, DeliveryTold
from supervisors import ChildRefused, ChildSpec, Context, Restart

LOOK_SECONDS_MAX = 5.0


class CourierBell:
    """`ports.Bell`: rings the senders of these endpoints; one nobody knows yet is looked up."""

    def __init__(self, branch: Branch) -> None:
        self._branch = branch

    def ring(self, names: Iterable[str] = ()) -> None:
        for name in names:
            self._branch.courier_bells.get(name, self._branch.endpoints_changed).ring()


def endpoint_watch(branch: Branch) -> ChildSpec:
    """Keeps a sender running for each endpoint that something may be sent to."""

    async def start(context: Context) -> None:
        weather = Weather(context.path)
        context.ready()
        while True:
            await context.turn()
            try:
                for endpoint_id in await branch.links.get().webhooks.enabled_endpoints():
                    with suppress(ChildRefused):  # it has one already
                        await context.tree.start_child(
                            f"{branch.path}/webhook_senders", endpoint_id
                        )
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            await branch.endpoints_changed.wait(LOOK_SECONDS_MAX)

    return ChildSpec(id="endpoint_watch", start=start, phase=WEBHOOKS)


def webhook_sender(branch: Branch, endpoint_id: str) -> ChildSpec:
    """Delivers what is owed to one endpoint, until that is disabled."""

    async def start(context: Context) -> None:
        bell = branch.courier_bells.setdefault(endpoint_id, Doorbell())
        settings = branch.platform.settings.webhooks
        async with WebhookSender.open(settings) as sender, trio.open_nursery() as nursery:
            courier = Courier(
                branch.tenant.get, sender, endpoint_id, bell, partial(_tell_end, branch)
            )
            context.ready()
            try:
                await _serve(context, courier, bell, nursery, partial(_show, branch, courier))
            finally:
                _count_breaker(branch, endpoint_id, is_open=False)
        # Whoever rings from now on is heard by the watch. One that crashed keeps its bell: it will
        # be back, or an operator is told.
        branch.courier_bells.pop(endpoint_id, None)

    return ChildSpec(id=endpoint_id, start=start, shutdown=20.0, restart=Restart.TRANSIENT)


def _tell_end(branch: Branch, merchant_id: str, attempt: DeliveryAttempt) -> None:
    """To whoever watches deliveries live, and to the series; the log is the truth."""
    delivery = attempt.delivery
    _observe(branch, attempt)
    said = DeliveryEnd(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        attempt=delivery.attempt,
        outcome=_outcome(attempt),
        status=attempt.status,
        error=attempt.error,
        at=attempt.at,
        retry_at=attempt.retry_at,
    )
    branch.platform.hub.tell(
        branch.ispb, merchant_id, Topic.DELIVERIES, DeliveryTold(delivery=said)
    )


def _observe(branch: Branch, attempt: DeliveryAttempt) -> None:
    metrics, delivery = branch.metrics, attempt.delivery
    seconds = attempt.milliseconds / 1000
    metrics.observe_delivery(branch.ispb, _outcome(attempt), attempt.status, seconds)
    is_first = delivery.attempts_before == 0
    if attempt.delivered and is_first and delivery.created_at is not None:
        waited = max(0.0, (attempt.at - delivery.created_at).total_seconds())
        metrics.webhook_latency.labels(branch.ispb).observe(waited)


def _outcome(attempt: DeliveryAttempt) -> Literal["delivered", "retrying", "failed"]:
    if attempt.delivered:
        return "delivered"
    return "failed" if attempt.retry_at is None else "retrying"


def _show(branch: Branch, courier: Courier) -> None:
    is_open = courier.breaker.state is not CircuitState.CLOSED
    _count_breaker(branch, courier.endpoint_id, is_open=is_open)


def _count_breaker(branch: Branch, endpoint_id: str, *, is_open: bool) -> None:
    """How many endpoints are left alone: never by name, as a label must not grow with them."""
    change = branch.open_breakers.add if is_open else branch.open_breakers.discard
    change(endpoint_id)
    branch.metrics.webhook_breakers.labels(branch.ispb).set(len(branch.open_breakers))


async def _serve(
    context: Context,
    courier: Courier,
    bell: Doorbell,
    nursery: trio.Nursery,
    show: Callable[[], None],
) -> None:
    """Rounds, until nothing will ever be sent again; `show` hears that one is over."""
    weather, pace, shown = Weather(context.path), Pace(), dict[str, object]()
    while True:
        await context.turn()
        await pace.wait()
        try:
            if courier.endpoint is None and (endpoint := await courier.look()) is not None:
                context.report(url=endpoint.url)
            goes_on = await courier.round(nursery)
            weather.cleared()
        except (Unavailable, Unknown) as error:
            await weather.ride_out(error)
            continue

        show()
        if (facts := courier.facts()) != shown:
            shown = facts
            context.report(**facts)
        if not goes_on:
            return
        await bell.wait(courier.idle_seconds(LOOK_SECONDS_MAX))
