"""`ports.webhooks.Webhooks` in memory: the Postgres adapter's promises, kept with dictionaries.

`owe` is what the store does as an event is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
import trio

from fluxiq.domain.records import Delivery, Event, Step, WebhookEndpoint
from fluxiq.domain.webhook import EndpointChange, changed, delivery_id, wants
from fluxiq.errors import Refused
from fluxiq.ports import Differs, Fresh, Page, Replay
from fluxiq.ports.backlogs import Waits
from fluxiq.ports.webhooks import (
    REDELIVERIES_MAX,
    Again,
    Asked,
    AttemptLogged,
    Claimed,
    DeliveriesWanted,
    DeliveryAttempt,
    DeliveryLogged,
    Redelivered,
)

T = TypeVar("T")

SHOWN_MAX = 20


class MemoryAddresses:
    """Every name is public but those in `forbidden`."""

    def __init__(self) -> None:
        self.forbidden: set[str] = {"localhost", "127.0.0.1", "10.0.0.1"}

    async def check(self, host: str, port: int) -> None:
        await trio.lowlevel.checkpoint()
        if host in self.forbidden:
            raise Refused("webhook_url_forbidden", f"{host}:{port} is ours", field="url")


@dataclass
class OwedDelivery:
    delivery: Delivery
    created_at: datetime
    due_at: datetime | None  # None: delivered, or given up
    leased_until: datetime | None = None
    delivered_at: datetime | None = None
    given_up_at: datetime | None = None
    log: list[AttemptLogged] = field(default_factory=list)

    @property
    def shown(self) -> DeliveryLogged:
        return DeliveryLogged(
            id=self.delivery.id,
            endpoint_id=self.delivery.endpoint_id,
            event_id=self.delivery.event_id,
            event_type=self.delivery.event_type,
            created_at=self.created_at,
            attempts=self.delivery.attempt,
            next_attempt_at=self.due_at,
            delivered_at=self.delivered_at,
            given_up_at=self.given_up_at,
            log=tuple(self.log[-SHOWN_MAX:]),
        )

    def again(self, at: datetime) -> None:
        self.due_at, self.delivered_at, self.given_up_at, self.leased_until = at, None, None, None
        attempts = self.delivery.attempt
        self.delivery = msgspec.structs.replace(self.delivery, attempts_before=attempts)


class MemoryWebhooks:
    """Public attributes are the tables, for tests to look at."""

    def __init__(self) -> None:
        self.endpoints: dict[str, WebhookEndpoint] = {}
        self.deliveries: dict[str, OwedDelivery] = {}
        self.told: list[Event] = []  # what endpoints' own changes tell
        self.steps: list[Step] = []
        self._keys: dict[tuple[str, str], tuple[bytes, bytes]] = {}

    def owe(self, event: Event, body: bytes, reference: str | None) -> tuple[str, ...]:
        """The ids of the endpoints that want the event."""
        wanting = [one for one in self.endpoints.values() if wants(one, event)]
        for endpoint in wanting:
            self._owe(endpoint.id, event, body, reference)
        return tuple(one.id for one in wanting)

    # endpoints

    async def add_endpoint(
        self, endpoint: WebhookEndpoint, asked: Asked, endpoints_max: int
    ) -> Fresh | Again:
        await trio.lowlevel.checkpoint()
        if (known := self._known(asked)) is not None:
            return known
        if len(self._own(endpoint.merchant_id)) >= endpoints_max:
            raise Refused("too_many_webhooks", f"a merchant has at most {endpoints_max} endpoints")
        self._remember(asked, asked.response)
        self.endpoints.setdefault(endpoint.id, endpoint)
        return Fresh()

    async def find_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        await trio.lowlevel.checkpoint()
        return self.endpoints.get(endpoint_id)

    async def list_endpoints(
        self, merchant_id: str, page: Page
    ) -> tuple[list[WebhookEndpoint], int]:
        await trio.lowlevel.checkpoint()
        own = self._own(merchant_id)
        return _page(own, page), len(own)

    async def enabled_endpoints(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [one.id for one in self.endpoints.values() if one.disabled_at is None]

    async def change_endpoint(
        self, endpoint_id: str, change: EndpointChange, asked: Asked, event: Event | None = None
    ) -> WebhookEndpoint | Again | None:
        await trio.lowlevel.checkpoint()
        before = self.endpoints.get(endpoint_id)
        if before is None or before.deleted_at is not None:
            return None
        if (known := self._known(asked)) is not None:
            return known
        self._remember(asked, asked.response)
        after = self.endpoints[endpoint_id] = changed(before, change, asked.at)
        if event is not None and after != before:
            self.told.append(event)
            self.owe(event, msgspec.json.encode(event), None)
        return after

    # deliveries

    async def send_to_one(self, endpoint_id: str, event: Event, asked: Asked) -> Fresh | Again:
        await trio.lowlevel.checkpoint()
        if (known := self._known(asked)) is not None:
            return known
        self._remember(asked, asked.response)
        self._owe(endpoint_id, event, msgspec.json.encode(event), None)
        return Fresh()

    async def find_delivery(self, wanted_id: str) -> DeliveryLogged | None:
        await trio.lowlevel.checkpoint()
        owed = self.deliveries.get(wanted_id)
        return None if owed is None else owed.shown

    async def list_deliveries(
        self, endpoint_id: str, wanted: DeliveriesWanted, page: Page
    ) -> tuple[list[DeliveryLogged], int]:
        await trio.lowlevel.checkpoint()
        own = [one.shown for one in self._in_order(endpoint_id)]
        fitting = [one for one in reversed(own) if _fits(one, wanted)]
        return _page(fitting, page), len(fitting)

    async def redeliver(self, wanted_id: str, asked: Asked) -> Fresh | Again:
        await trio.lowlevel.checkpoint()
        if (known := self._known(asked)) is not None:
            return known
        self._remember(asked, asked.response)
        owed = self.deliveries[wanted_id]
        if owed.leased_until is None or owed.leased_until <= asked.at:
            owed.again(asked.at)
        return Fresh()

    async def redeliver_range(
        self,
        endpoint_id: str,
        wanted: DeliveriesWanted,
        asked: Asked,
        respond: Callable[[Redelivered], bytes],
    ) -> Redelivered | Again:
        await trio.lowlevel.checkpoint()
        if (known := self._known(asked)) is not None:
            return known
        ended = [
            one
            for one in self._in_order(endpoint_id)
            if one.due_at is None and _fits(one.shown, wanted)
        ][:REDELIVERIES_MAX]
        for one in ended:
            one.again(asked.at)
        is_full = len(ended) == REDELIVERIES_MAX
        done = Redelivered(
            scheduled=len(ended), next_start=ended[-1].created_at if is_full else None
        )
        self._remember(asked, respond(done))
        return done

    async def claim_deliveries(
        self, endpoint_id: str, now: datetime, lease_seconds: float, limit: int
    ) -> Claimed:
        await trio.lowlevel.checkpoint()
        endpoint = self.endpoints.get(endpoint_id)
        if endpoint is None or endpoint.disabled_at is not None or limit < 1:
            return Claimed(endpoint=endpoint)

        open_ones = [one for one in self._in_order(endpoint_id) if one.due_at is not None]
        if endpoint.ordered:
            open_ones = open_ones[:1]
        due = sorted(
            (one for one in open_ones if one.due_at is not None and one.due_at <= now),
            key=lambda one: (one.due_at, one.delivery.id),
        )[:limit]
        for one in due:
            attempt = one.delivery.attempt + 1
            one.delivery = msgspec.structs.replace(one.delivery, attempt=attempt)
            one.due_at = one.leased_until = now + timedelta(seconds=lease_seconds)
        claimed = sorted(due, key=lambda one: (one.created_at, one.delivery.event_id))
        return Claimed(endpoint=endpoint, deliveries=tuple(one.delivery for one in claimed))

    async def finish_deliveries(
        self, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
    ) -> None:
        await trio.lowlevel.checkpoint()
        for one in attempts:
            self._finish(one)
        self.steps += steps

    async def next_delivery_at(self, endpoint_id: str) -> datetime | None:
        await trio.lowlevel.checkpoint()
        due = (one.due_at for one in self._in_order(endpoint_id) if one.due_at is not None)
        return min(due, default=None)

    async def prune_attempts(self, before: datetime, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [
            (owed, line)
            for owed in self.deliveries.values()
            for line in owed.log
            if line.at < before
        ]
        oldest = sorted(old, key=lambda one: one[1].at)[:limit]
        for owed, line in oldest:
            owed.log.remove(line)
        return len(oldest)

    # For `memory_backlogs`, which does not wait

    def waiting(self, now: datetime) -> list[tuple[Waits, datetime]]:
        """What has not ended, and when its next attempt is due."""
        return [
            (self._waits(one, one.due_at, now), one.due_at)
            for one in self.deliveries.values()
            if one.due_at is not None
        ]

    # Helpers, in call order. None of them waits.

    def _waits(self, owed: OwedDelivery, due_at: datetime, now: datetime) -> Waits:
        if owed.leased_until is not None and owed.leased_until > now:
            return Waits.UNDER_WAY
        if self.endpoints[owed.delivery.endpoint_id].disabled_at is not None:
            return Waits.HELD
        return Waits.DUE if due_at <= now else Waits.LATER

    def _owe(self, endpoint_id: str, event: Event, body: bytes, reference: str | None) -> None:
        name = delivery_id(event.id, endpoint_id)
        delivery = Delivery(
            id=name,
            endpoint_id=endpoint_id,
            event_id=event.id,
            event_type=event.type,
            body=body,
            attempt=0,
            reference=reference,
            created_at=event.created_at,
        )
        self.deliveries.setdefault(name, OwedDelivery(delivery, event.created_at, event.created_at))

    def _known(self, asked: Asked) -> Again | None:
        if asked.idempotency is None:
            return None
        known = self._keys.get((asked.merchant_id, asked.idempotency.key))
        if known is None:
            return None
        digest, body = known
        return Replay(False, body) if digest == asked.idempotency.digest else Differs()

    def _remember(self, asked: Asked, body: bytes) -> None:
        if asked.idempotency is not None:
            key = (asked.merchant_id, asked.idempotency.key)
            self._keys[key] = (asked.idempotency.digest, body)

    def _own(self, merchant_id: str) -> list[WebhookEndpoint]:
        return [
            one
            for one in self.endpoints.values()
            if one.merchant_id == merchant_id and one.deleted_at is None
        ]

    def _in_order(self, endpoint_id: str) -> list[OwedDelivery]:
        own = (d for d in self.deliveries.values() if d.delivery.endpoint_id == endpoint_id)
        return sorted(own, key=lambda one: (one.created_at, one.delivery.event_id))

    def _finish(self, made: DeliveryAttempt) -> None:
        owed = self.deliveries[made.delivery.id]
        line = AttemptLogged(
            attempt=made.delivery.attempt,
            at=made.at,
            milliseconds=made.milliseconds,
            delivered=made.delivered,
            status=made.status,
            error=made.error,
            response=made.response,
        )
        if all(one.attempt != line.attempt for one in owed.log):
            owed.log.append(line)
        self._judge(made)

        holds = made.delivery.attempt == owed.delivery.attempt and owed.given_up_at is None
        if owed.delivered_at is not None or not (made.delivered or holds):
            return
        owed.leased_until = None
        owed.due_at = None if made.delivered else made.retry_at
        owed.delivered_at = made.at if made.delivered else None
        owed.given_up_at = made.at if not made.delivered and made.retry_at is None else None

    def _judge(self, made: DeliveryAttempt) -> None:
        endpoint = self.endpoints[made.delivery.endpoint_id]
        since = None if made.delivered else endpoint.failing_since or made.at
        self.endpoints[endpoint.id] = msgspec.structs.replace(endpoint, failing_since=since)


def _fits(logged: DeliveryLogged, wanted: DeliveriesWanted) -> bool:
    return (
        wanted.status in {None, logged.status}
        and wanted.event_type in {None, logged.event_type}
        and (wanted.since is None or logged.created_at >= wanted.since)
        and (wanted.until is None or logged.created_at < wanted.until)
    )


def _page(found: list[T], page: Page) -> list[T]:
    first = (page.number - 1) * page.size
    return found[first : first + page.size]
