"""Webhook endpoints and their deliveries: what merchants say, and what they are told."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.records import DisabledReason, WebhookEndpoint
from fluxiq.domain.webhook import EndpointStatus, status_of
from fluxiq.ports.webhooks import AttemptLogged, DeliveryLogged, DeliveryStatus

OVERLAP_SECONDS = 86_400
OVERLAP_SECONDS_MAX = 604_800

Url = Annotated[str, Meta(pattern=r"^https?://", max_length=2048)]
EventNames = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)]
Description = Annotated[str, Meta(max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]


class OpenEndpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`events`: types, `pix.*` for all that begin so; none means all of them."""

    url: Url
    events: EventNames = ()
    ordered: bool = False
    description: Description = ""


class EditEndpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is."""

    url: Url | UnsetType = UNSET
    events: EventNames | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    ordered: bool | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class RotateSecret(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long the secret before the new one signs too."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=OVERLAP_SECONDS_MAX)] = OVERLAP_SECONDS


class RedeliverRange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Deliveries of events from `start` (included) to `end` (not) that ended, or ended badly."""

    start: Moment
    end: Moment
    status: Literal["failed", "all"] = "failed"


class At(Struct, frozen=True, kw_only=True):
    """What an idempotency key stands for where the path says as much as the body."""

    path: str
    body: Struct | None = None


class EndpointView(Struct, frozen=True, kw_only=True):
    id: str
    url: str
    description: str
    events: tuple[str, ...]
    ordered: bool
    status: EndpointStatus
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    secret: str | UnsetType = UNSET  # shown once, when made


class SecretView(Struct, frozen=True, kw_only=True):
    """`secret` is in the answer that makes it and never again, nor in a replay of that."""

    id: str
    secret: str | UnsetType = UNSET
    previous_secret_until: datetime | None


class SentView(Struct, frozen=True, kw_only=True):
    """A test event on its way."""

    event_id: str
    delivery_id: str


class AttemptView(Struct, frozen=True, kw_only=True):
    attempt: int
    at: datetime
    milliseconds: int
    delivered: bool
    status: int | None
    error: str
    response: str  # the first 1,000 bytes, as text


class DeliveryView(Struct, frozen=True, kw_only=True):
    """`attempts` lists the newest 20, oldest first."""

    id: str
    event_id: str
    event_type: str
    status: DeliveryStatus
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    attempt_count: int
    attempts: list[AttemptView]


class RedeliveredView(Struct, frozen=True, kw_only=True):
    """So many will be sent again; `next_start` is where to go on when there are more."""

    scheduled: int
    next_start: datetime | None


def endpoint_view(endpoint: WebhookEndpoint, *, with_secret: bool = False) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        events=endpoint.events,
        ordered=endpoint.ordered,
        status=status_of(endpoint),
        created_at=endpoint.created_at,
        disabled_at=endpoint.disabled_at,
        disabled_reason=endpoint.disabled_reason,
        failing_since=endpoint.failing_since,
        previous_secret_until=endpoint.previous_secret_until,
        secret=endpoint.secret if with_secret else UNSET,
    )


def delivery_view(logged: DeliveryLogged) -> DeliveryView:
    return DeliveryView(
        id=logged.id,
        event_id=logged.event_id,
        event_type=logged.event_type,
        status=logged.status,
        created_at=logged.created_at,
        next_attempt_at=logged.next_attempt_at,
        delivered_at=logged.delivered_at,
        given_up_at=logged.given_up_at,
        attempt_count=logged.attempts,
        attempts=[_attempt_view(one) for one in logged.log],
    )


def _attempt_view(made: AttemptLogged) -> AttemptView:
    return AttemptView(
        attempt=made.attempt,
        at=made.at,
        milliseconds=made.milliseconds,
        delivered=made.delivered,
        status=made.status,
        error=made.error,
        response=made.response,
    )
