"""What the use cases and couriers of merchant webhooks need: the endpoints, and what they are owed.

Every method is one transaction, and twice is once. All raise Unavailable when the outside does not
answer.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Delivery, Event, Step, WebhookEndpoint
from fluxiq.domain.webhook import EndpointChange
from fluxiq.ports import Differs, Fresh, Idempotency, Page, Replay, Running

RESPONSE_BYTES_MAX = 1_000  # of what a receiver answers, kept in the log
REDELIVERIES_MAX = 10_000  # deliveries that one request for a range sends again


class Addresses(Protocol):
    """Where a name leads, and whether a merchant can be there."""

    async def check(self, host: str, port: int) -> None:
        """Raises Refused `webhook_url_forbidden` when `host` is in a network of our own. A name
        that does not resolve today passes: it is looked up again for each connection.
        """


class Asked(Struct, frozen=True, kw_only=True):
    """A request that makes or sends something: under which key, and what a replay answers. `actor`
    and `reason` are an operator's, who does it in the merchant's place.
    """

    merchant_id: str
    at: datetime
    idempotency: Idempotency | None = None
    response: bytes = b""
    actor: str | None = None  # None: the key or the person of the merchant who asks
    reason: str = ""


Again = Replay | Running | Differs


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up, after the last attempt of the schedule


class DeliveryAttempt(Struct, frozen=True, kw_only=True):
    """How one attempt ended. Neither delivered nor `retry_at`: given up."""

    delivery: Delivery
    at: datetime
    delivered: bool
    status: int | None  # HTTP status, None when there was no answer
    error: str = ""
    retry_at: datetime | None = None
    milliseconds: int = 0
    response: str = ""  # the beginning of the answer's body


class AttemptLogged(Struct, frozen=True, kw_only=True):
    """A line of the delivery log."""

    attempt: int
    at: datetime
    milliseconds: int
    delivered: bool
    status: int | None
    error: str
    response: str


class DeliveryLogged(Struct, frozen=True, kw_only=True):
    """A delivery as the log shows it, with its newest attempts, oldest first."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    created_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    log: tuple[AttemptLogged, ...] = ()

    @property
    def status(self) -> DeliveryStatus:
        if self.next_attempt_at is not None:
            return DeliveryStatus.PENDING
        return DeliveryStatus.FAILED if self.delivered_at is None else DeliveryStatus.DELIVERED


class DeliveriesWanted(Struct, frozen=True, kw_only=True):
    """Which deliveries of an endpoint: `since` is included, `until` is not."""

    status: DeliveryStatus | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Redelivered(Struct, frozen=True, kw_only=True):
    """So many are due now; `next_start` is where to go on when there are more."""

    scheduled: int
    next_start: datetime | None = None


class Claimed(Struct, frozen=True, kw_only=True):
    """An endpoint as it is now, with what it is due. None: there is no such endpoint."""

    endpoint: WebhookEndpoint | None
    deliveries: tuple[Delivery, ...] = ()


class Webhooks(Protocol):
    """The endpoints of one institution's merchants, and the deliveries owed to them."""

    # endpoints

    async def add_endpoint(
        self, endpoint: WebhookEndpoint, asked: Asked, endpoints_max: int
    ) -> Fresh | Again:
        """Raises Refused `too_many_webhooks` when the merchant has that many."""

    async def find_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """A deleted one too."""

    async def list_endpoints(
        self, merchant_id: str, page: Page
    ) -> tuple[list[WebhookEndpoint], int]:
        """A page of those that are not deleted, oldest first, and how many there are in all."""

    async def enabled_endpoints(self) -> list[str]:
        """The ids of all that something may be sent to."""

    async def change_endpoint(
        self, endpoint_id: str, change: EndpointChange, asked: Asked, event: Event | None = None
    ) -> WebhookEndpoint | Again | None:
        """The endpoint after `change`, which is written down with its audit line, and with `event`,
        only when it changes something. None: there is no such endpoint, or it is deleted.
        """

    # deliveries

    async def send_to_one(self, endpoint_id: str, event: Event, asked: Asked) -> Fresh | Again:
        """An event that is owed to this endpoint only, and announced to nobody else."""

    async def find_delivery(self, delivery_id: str) -> DeliveryLogged | None: ...

    async def list_deliveries(
        self, endpoint_id: str, wanted: DeliveriesWanted, page: Page
    ) -> tuple[list[DeliveryLogged], int]:
        """A page of the log, newest event first, and how many deliveries fit in all."""

    async def redeliver(self, delivery_id: str, asked: Asked) -> Fresh | Again:
        """Make it due now, with a schedule of its own. One that is under way is left to end."""

    async def redeliver_range(
        self,
        endpoint_id: str,
        wanted: DeliveriesWanted,
        asked: Asked,
        respond: Callable[[Redelivered], bytes],
    ) -> Redelivered | Again:
        """Make those that ended due now, oldest event first, at most REDELIVERIES_MAX. `respond`
        makes what a replay answers, which is known only now; it must be pure.
        """

    async def claim_deliveries(
        self, endpoint_id: str, now: datetime, lease_seconds: float, limit: int
    ) -> Claimed:
        """Due deliveries, each counted as one attempt and leased against a second sender: those
        due longest, or of an ordered endpoint only the first that has not ended. Nothing while the
        endpoint is disabled.
        """

    async def finish_deliveries(
        self, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
    ) -> None:
        """Write attempts into the log, and what they mean for delivery and endpoint."""

    async def next_delivery_at(self, endpoint_id: str) -> datetime | None:
        """When the next is due, leased ones at the end of their lease; None: nothing is owed."""

    async def prune_attempts(self, before: datetime, limit: int) -> int:
        """Forget up to `limit` attempts made before `before`; says how many there were."""
