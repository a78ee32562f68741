"""`ports.endpoint_standings.EndpointStandings` in memory: over the twin of the webhooks."""

from datetime import datetime, timedelta

from fluxiq.domain.records import WebhookEndpoint
from fluxiq.ports.endpoint_standings import EndpointStanding, EndpointStandings, Standings
from tests.support.memory_webhooks import MemoryWebhooks


class MemoryEndpointStandings(EndpointStandings):
    def __init__(self, webhooks: MemoryWebhooks) -> None:
        self._webhooks = webhooks

    async def look(self, now: datetime, limit: int) -> Standings:
        known = [one for one in self._webhooks.endpoints.values() if one.deleted_at is None]
        never = datetime.max.replace(tzinfo=now.tzinfo)
        standings = sorted(
            (self._standing(one, now) for one in known),
            key=lambda one: (-one.waiting, one.failing_since or never, one.id),
        )
        return Standings(endpoints=standings[:limit], total=len(known), counted_since=None)

    def _standing(self, endpoint: WebhookEndpoint, now: datetime) -> EndpointStanding:
        owed = [
            one
            for one in self._webhooks.deliveries.values()
            if one.delivery.endpoint_id == endpoint.id
        ]
        waiting = [one for one in owed if one.due_at is not None]
        day = [line for one in owed for line in one.log if _within(line.at, now, 24)]
        hour = [line for line in day if _within(line.at, now, 1)]
        return EndpointStanding(
            id=endpoint.id,
            merchant_id=endpoint.merchant_id,
            url=endpoint.url,
            ordered=endpoint.ordered,
            created_at=endpoint.created_at,
            disabled_at=endpoint.disabled_at,
            disabled_reason=endpoint.disabled_reason,
            failing_since=endpoint.failing_since,
            waiting=len(waiting),
            under_way=sum(
                one.leased_until is not None and one.leased_until > now for one in waiting
            ),
            oldest_waiting_at=min((one.created_at for one in waiting), default=None),
            attempts_hour=len(hour),
            delivered_hour=sum(line.delivered for line in hour),
            attempts_day=len(day),
            delivered_day=sum(line.delivered for line in day),
            milliseconds_day=round(sum(one.milliseconds for one in day) / len(day))
            if day
            else None,
            last_attempt_at=max((line.at for line in day), default=None),
        )


def _within(at: datetime, now: datetime, hours: int) -> bool:
    return now - timedelta(hours=hours) < at <= now
