"""`ports.backlogs.Backlogs` in memory: over the twins of webhooks and outbox."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from fluxiq.domain.records import DisabledReason
from fluxiq.ports.backlogs import Backlog, Backlogs, Waits
from tests.support.memory_webhooks import MemoryWebhooks


class MemoryBacklogs(Backlogs):
    """`outbox` lists when each of its messages is due."""

    def __init__(self, webhooks: MemoryWebhooks, outbox: Callable[[], list[datetime]]) -> None:
        self._webhooks = webhooks
        self._outbox = outbox

    async def look(self, now: datetime) -> Backlog:
        waiting = self._webhooks.waiting(now)
        due = [at for waits, at in waiting if waits is Waits.DUE]
        counted = Counter(waits for waits, _ in waiting)
        return Backlog(
            deliveries={one: counted[one] for one in Waits},
            oldest_due_at=min(due, default=None),
            endpoints=self._endpoints(),
            outbox_due=sum(at <= now for at in self._outbox()),
        )

    def _endpoints(self) -> Mapping[str, int]:
        known = [one for one in self._webhooks.endpoints.values() if one.deleted_at is None]
        counted = Counter(
            "enabled" if one.disabled_reason is None else one.disabled_reason.value for one in known
        )
        return {one: counted[one] for one in ("enabled", *(each.value for each in DisabledReason))}
