"""`ports.webhooks.Webhooks` over an institution's own schema."""

from collections.abc import Callable, Sequence
from datetime import datetime

from fluxiq.domain.records import Event, Step, WebhookEndpoint
from fluxiq.domain.webhook import EndpointChange
from fluxiq.ports import Fresh, Page
from fluxiq.ports.sealing import Sealer
from fluxiq.ports.webhooks import (
    Again,
    Asked,
    Claimed,
    DeliveriesWanted,
    DeliveryAttempt,
    DeliveryLogged,
    Redelivered,
    Webhooks,
)
from fluxiq.stores import deliveries, delivery_log, endpoints
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealed import House


class PostgresWebhooks(Webhooks):
    """The endpoints and deliveries of institution `ispb`, whose role `postgres` logs in as."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    # endpoints

    async def add_endpoint(
        self, endpoint: WebhookEndpoint, asked: Asked, endpoints_max: int
    ) -> Fresh | Again:
        return await self._postgres.transaction(
            endpoints.add_endpoint, self._house, endpoint, asked, endpoints_max
        )

    async def find_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        return await self._postgres.run(endpoints.find_endpoint, self._house, endpoint_id)

    async def list_endpoints(
        self, merchant_id: str, page: Page
    ) -> tuple[list[WebhookEndpoint], int]:
        return await self._postgres.run(endpoints.list_endpoints, self._house, merchant_id, page)

    async def enabled_endpoints(self) -> list[str]:
        return await self._postgres.run(endpoints.enabled_endpoints)

    async def change_endpoint(
        self, endpoint_id: str, change: EndpointChange, asked: Asked, event: Event | None = None
    ) -> WebhookEndpoint | Again | None:
        return await self._postgres.transaction(
            endpoints.change_endpoint, self._house, endpoint_id, change, asked, event=event
        )

    # deliveries

    async def send_to_one(self, endpoint_id: str, event: Event, asked: Asked) -> Fresh | Again:
        return await self._postgres.transaction(
            delivery_log.send_to_one, self._house, endpoint_id, event, asked
        )

    async def find_delivery(self, delivery_id: str) -> DeliveryLogged | None:
        return await self._postgres.run(delivery_log.find_delivery, delivery_id)

    async def list_deliveries(
        self, endpoint_id: str, wanted: DeliveriesWanted, page: Page
    ) -> tuple[list[DeliveryLogged], int]:
        return await self._postgres.run(delivery_log.list_deliveries, endpoint_id, wanted, page)

    async def redeliver(self, delivery_id: str, asked: Asked) -> Fresh | Again:
        return await self._postgres.transaction(
            delivery_log.redeliver, self._house, delivery_id, asked
        )

    async def redeliver_range(
        self,
        endpoint_id: str,
        wanted: DeliveriesWanted,
        asked: Asked,
        respond: Callable[[Redelivered], bytes],
    ) -> Redelivered | Again:
        return await self._postgres.transaction(
            delivery_log.redeliver_range,
            self._house,
            endpoint_id,
            wanted,
            asked,
            respond=respond,
        )

    async def claim_deliveries(
        self, endpoint_id: str, now: datetime, lease_seconds: float, limit: int
    ) -> Claimed:
        claimed, broken = await self._postgres.run(
            deliveries.claim_deliveries,
            self._house,
            endpoint_id,
            now,
            lease_seconds,
            limit=limit,
        )
        if broken:
            await self.finish_deliveries(broken, [])
        return claimed

    async def finish_deliveries(
        self, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
    ) -> None:
        await self._postgres.run(deliveries.finish_deliveries, attempts, steps)

    async def next_delivery_at(self, endpoint_id: str) -> datetime | None:
        return await self._postgres.run(deliveries.next_delivery_at, endpoint_id)

    async def prune_attempts(self, before: datetime, limit: int) -> int:
        return await self._postgres.run(deliveries.prune_attempts, before, limit)
