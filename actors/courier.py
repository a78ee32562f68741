"""What one endpoint's sender does: claims what is due, posts it, and writes down how it ended.

Several deliveries are under way at once, so that a slow one holds up none of its neighbours; of an
ordered endpoint it is one. A breaker leaves an endpoint alone that keeps failing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import trio

from actors.doorbell import Doorbell
from fluxiq.couriers.sender import DeliveryResult, WebhookSender
from fluxiq.domain.circuit import Circuit, CircuitPolicy, CircuitState
from fluxiq.domain.records import Delivery, DisabledReason, Room, Step, WebhookEndpoint
from fluxiq.domain.standard_webhooks import retry_delay
from fluxiq.domain.webhook import reason_to_disable
from fluxiq.ports.webhooks import DeliveryAttempt, Webhooks
from fluxiq.services.endpoints import give_endpoint_up
from fluxiq.services.tenant import Tenant

LEASE_MARGIN_SECONDS = 5.0  # beyond the longest delivery: then another sender may take it


@dataclass(slots=True)
class Ended:
    """Attempts that are over and not on paper yet: an outage in between must not forget them, or
    the merchant is told again what it has taken.
    """

    attempts: list[DeliveryAttempt] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    delivered: int = 0  # and on paper, since this sender started
    failed: int = 0

    async def write_down(self, webhooks: Webhooks) -> list[DeliveryAttempt]:
        """What is on paper now. Attempts may end while it is written: they wait for next time."""
        attempts, steps = list(self.attempts), list(self.steps)
        if not attempts:
            return []

        await webhooks.finish_deliveries(attempts, steps)
        del self.attempts[: len(attempts)], self.steps[: len(steps)]
        delivered = sum(one.delivered for one in attempts)
        self.delivered += delivered
        self.failed += len(attempts) - delivered
        return attempts


class Courier:
    """The deliveries of one endpoint. `bell` is rung by itself, too, as attempts end; `tell` hears
    of each, with its merchant, once it is on paper.
    """

    def __init__(
        self,
        tenant: Callable[[], Tenant],
        sender: WebhookSender,
        endpoint_id: str,
        bell: Doorbell,
        tell: Callable[[str, DeliveryAttempt], None] = lambda _merchant_id, _attempt: None,
    ) -> None:
        self.ended = Ended()
        self.breaker = Circuit()
        self.under_way = 0
        self.endpoint: WebhookEndpoint | None = None  # as it was when last looked at
        self._tenant = tenant
        self._sender = sender
        self.endpoint_id = endpoint_id
        self._bell = bell
        self._tell = tell
        self._verdict: DisabledReason | None = None

    async def look(self) -> WebhookEndpoint | None:
        """Which endpoint this is, before anything of it can fail. Raises Unavailable."""
        self.endpoint = await self._tenant().webhooks.find_endpoint(self.endpoint_id)
        return self.endpoint

    async def round(self, nursery: trio.Nursery) -> bool:
        """Write down, claim, and start what there is room for; False when nothing will ever be sent
        again. Raises Unavailable and Unknown; then the next round goes on where this one stopped.
        """
        tenant = self._tenant()
        settings = tenant.settings.webhooks
        written = await self.ended.write_down(tenant.webhooks)

        self.breaker = self.breaker.looked_at(trio.current_time())
        claimed = await tenant.webhooks.claim_deliveries(
            self.endpoint_id,
            tenant.clock.now(),
            settings.deliver_seconds_max + LEASE_MARGIN_SECONDS,
            self._room(settings.concurrency),
        )
        self.endpoint = claimed.endpoint
        if claimed.endpoint is not None:
            for attempt in written:
                self._tell(claimed.endpoint.merchant_id, attempt)
        for delivery in claimed.deliveries:
            assert claimed.endpoint is not None, "a delivery is owed to an endpoint"
            self.under_way += 1
            nursery.start_soon(self._attempt, tenant, claimed.endpoint, delivery)

        if claimed.endpoint is not None and claimed.endpoint.disabled_at is None:
            await self._judge(tenant, claimed.endpoint, written)
            return True
        return self.under_way > 0 or bool(self.ended.attempts)

    def facts(self) -> dict[str, object]:
        """What whoever looks at the tree sees of this endpoint."""
        facts: dict[str, object] = {
            "delivered": self.ended.delivered,
            "failed": self.ended.failed,
            "under_way": self.under_way,
            "breaker": self.breaker.state.value,
            "failures_in_a_row": self.breaker.failures,
        }
        if self.endpoint is not None:
            facts |= {"url": self.endpoint.url, "ordered": self.endpoint.ordered}
        return facts

    def idle_seconds(self, seconds_max: float) -> float:
        """How long there is nothing to do unless the bell rings."""
        if self.breaker.state is CircuitState.OPEN:
            return min(max(self.breaker.until - trio.current_time(), 0.0), seconds_max)
        return seconds_max

    def _room(self, concurrency: int) -> int:
        one_by_one = self.endpoint is not None and self.endpoint.ordered
        return self.breaker.room(self.under_way, 1 if one_by_one else concurrency)

    async def _judge(
        self, tenant: Tenant, endpoint: WebhookEndpoint, written: list[DeliveryAttempt]
    ) -> None:
        """Give an endpoint up, once its attempts say so. The verdict outlives an outage."""
        self._verdict = self._verdict or reason_to_disable(
            endpoint,
            [one.status for one in written],
            tenant.clock.now(),
            tenant.settings.webhooks.disable_after_seconds,
        )
        if self._verdict is not None:
            await give_endpoint_up(tenant, endpoint, self._verdict)
            self._verdict = None
            self._bell.ring()

    async def _attempt(self, tenant: Tenant, endpoint: WebhookEndpoint, delivery: Delivery) -> None:
        entered = tenant.clock.now()
        result = await self._sender.deliver(endpoint, delivery, entered)
        self._count(tenant, result)
        attempt = _attempt_of(tenant, delivery, result)
        self.ended.attempts.append(attempt)
        if delivery.reference and result.delivered:
            detail = f"{delivery.event_type} {delivery.id}"
            self.ended.steps.append(
                Step(delivery.reference, Room.COURIER, entered, attempt.at, detail)
            )
        self.under_way -= 1
        self._bell.ring()

    def _count(self, tenant: Tenant, result: DeliveryResult) -> None:
        now = trio.current_time()
        breaker = self.breaker.looked_at(now)
        if result.delivered:
            self.breaker = breaker.succeeded()
            return

        settings = tenant.settings.webhooks
        policy = CircuitPolicy(
            failures=settings.breaker_failures,
            pause_seconds=settings.breaker_pause_seconds,
            pause_seconds_max=settings.breaker_pause_seconds_max,
        )
        self.breaker = breaker.failed(now, policy, result.retry_after)


def _attempt_of(tenant: Tenant, delivery: Delivery, result: DeliveryResult) -> DeliveryAttempt:
    now = tenant.clock.now()
    retry_at = None
    if not result.delivered:
        jitter = random.random()  # noqa: S311  spreads retries, hides nothing
        delay = retry_delay(delivery.try_number, jitter=jitter, retry_after=result.retry_after)
        retry_at = None if delay is None else now + timedelta(seconds=delay)
    return DeliveryAttempt(
        delivery=delivery,
        at=now,
        delivered=result.delivered,
        status=result.status,
        error=result.error,
        retry_at=retry_at,
        milliseconds=result.milliseconds,
        response=result.response,
    )
