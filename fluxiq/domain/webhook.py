"""Merchants' endpoints: what may be asked for, and the life of an endpoint.

`enabled <-> disabled`, and either may be `deleted`, for ever. An endpoint is disabled by its
merchant, by answering 410 (Standard Webhooks: the receiver is gone), or by failing at everything
for too long.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.records import DisabledReason, Event, WebhookEndpoint
from fluxiq.errors import Refused

GONE_STATUS = 410
TEST_EVENT = "webhook.test"
DISABLED_EVENT = "webhook.disabled"

# Everything that merchants are told: a closed list, a test finds in it what the use cases say.
EVENT_TYPES = frozenset(
    {
        "account.blocked",
        "account.created",
        "account.limits_changed",
        "account.updated",
        "merchant.fee_changed",
        "pix.charge.cancelled",
        "pix.charge.created",
        "pix.charge.expired",
        "pix.charge.paid",
        "pix.charge.refunded",
        "pix.contest.accepted",
        "pix.contest.cancelled",
        "pix.contest.refused",
        "pix.contest.rejected",
        "pix.contest.reported",
        "pix.med.acknowledged",
        "pix.med.cancelled",
        "pix.med.closed",
        "pix.med.opened",
        "pix.med.return_failed",
        "pix.payout.cancelled",
        "pix.payout.confirmed",
        "pix.payout.failed",
        "pix.payout.processing",
        "pix.payout.returned",
        "pix.payout.scheduled",
        "pix.receipt.credited",
        "pix.refund.completed",
        "pix.refund.failed",
        "pix.refund.requested",
        "transfer.completed",
        "transfer.failed",
        DISABLED_EVENT,
        TEST_EVENT,
    }
)


class EndpointStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class EndpointAct(StrEnum):
    """What can be done to an endpoint's life."""

    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"


_S, _A = EndpointStatus, EndpointAct

TRANSITIONS: Mapping[tuple[EndpointStatus, EndpointAct], EndpointStatus] = MappingProxyType(
    {
        (_S.ENABLED, _A.DISABLE): _S.DISABLED,
        (_S.ENABLED, _A.DELETE): _S.DELETED,
        (_S.DISABLED, _A.ENABLE): _S.ENABLED,
        (_S.DISABLED, _A.DELETE): _S.DELETED,
    }
)


class Edited(Struct, frozen=True, kw_only=True):
    """The merchant changes an endpoint; None leaves a field as it is."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    enabled: bool | None = None
    ordered: bool | None = None
    description: str | None = None


class Rotated(Struct, frozen=True, kw_only=True):
    """A new secret; the old one signs too for `overlap_seconds`."""

    secret: str
    overlap_seconds: int


class Disabled(Struct, frozen=True, kw_only=True):
    """The platform gives an endpoint up."""

    reason: DisabledReason


class Deleted(Struct, frozen=True):
    """The merchant does: nothing more is sent, what was sent stays on record."""


EndpointChange: TypeAlias = Edited | Rotated | Disabled | Deleted


def status_of(endpoint: WebhookEndpoint) -> EndpointStatus:
    if endpoint.deleted_at is not None:
        return EndpointStatus.DELETED
    return EndpointStatus.ENABLED if endpoint.disabled_at is None else EndpointStatus.DISABLED


def changed(endpoint: WebhookEndpoint, change: EndpointChange, at: datetime) -> WebhookEndpoint:
    """The endpoint after `change`; the same one where nothing changes, as in a deleted one."""
    if status_of(endpoint) is EndpointStatus.DELETED:
        return endpoint

    match change:
        case Edited():
            return _edited(endpoint, change, at)
        case Rotated(secret=secret, overlap_seconds=overlap):
            return replace(
                endpoint,
                secret=secret,
                previous_secret=endpoint.secret if overlap else None,
                previous_secret_until=at + timedelta(seconds=overlap) if overlap else None,
            )
        case Disabled(reason=reason):
            return advance(endpoint, EndpointAct.DISABLE, at, reason)
        case Deleted():
            return advance(endpoint, EndpointAct.DELETE, at, DisabledReason.MERCHANT)


def advance(
    endpoint: WebhookEndpoint, act: EndpointAct, at: datetime, reason: DisabledReason | None = None
) -> WebhookEndpoint:
    """The endpoint after `act`; the same one where it means nothing. `reason` is of disabling."""
    match TRANSITIONS.get((status_of(endpoint), act)):
        case EndpointStatus.ENABLED:
            return replace(endpoint, disabled_at=None, disabled_reason=None, failing_since=None)
        case EndpointStatus.DISABLED:
            assert reason is not None, "an endpoint is disabled for a reason"
            return replace(endpoint, disabled_at=at, disabled_reason=reason)
        case EndpointStatus.DELETED:
            return replace(
                endpoint,
                deleted_at=at,
                disabled_at=endpoint.disabled_at or at,
                disabled_reason=endpoint.disabled_reason or reason,
            )
    return endpoint


def reason_to_disable(
    endpoint: WebhookEndpoint, statuses: Sequence[int | None], now: datetime, seconds_max: float
) -> DisabledReason | None:
    """Whether an endpoint that has just answered so (None: not at all) is given up."""
    if GONE_STATUS in statuses:
        return DisabledReason.GONE

    failing_since = endpoint.failing_since
    failed_only = bool(statuses) and not any(one and 200 <= one < 300 for one in statuses)  # noqa: PLR2004
    if not failed_only or failing_since is None:
        return None
    return DisabledReason.FAILING if (now - failing_since).total_seconds() >= seconds_max else None


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    """What signs now: during a rotation the new secret and the one before it."""
    until = endpoint.previous_secret_until
    if endpoint.previous_secret is None or until is None or until <= now:
        return (endpoint.secret,)
    return (endpoint.secret, endpoint.previous_secret)


def wants(endpoint: WebhookEndpoint, event: Event) -> bool:
    """Whether an event is owed to an endpoint. `stores.telling` says the same in SQL."""
    if endpoint.merchant_id != event.merchant_id or endpoint.disabled_at is not None:
        return False
    return not endpoint.events or any(_fits(event.type, one) for one in endpoint.events)


def check_event_names(names: Iterable[str]) -> tuple[str, ...]:
    """The same names, each once: event types, or `pix.*` for all that begin so, or `*`.

    Raises Refused naming the one that nothing could ever match.
    """
    unique = tuple(dict.fromkeys(names))
    for index, name in enumerate(unique):
        if not _is_known(name):
            raise Refused(
                "webhook_event_unknown", f"no event is called {name!r}", field=f"events.{index}"
            )
    return unique


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """The id of what an endpoint is owed of an event: the event's time, and 64 bits of a hash.

    Upper-case hexadecimal, all of whose digits are Crockford's too. `stores.telling` says the same
    in SQL.
    """
    digest = sha256(f"{event_id}:{endpoint_id}".encode()).hexdigest()
    return f"dlv_{event_id[4:14]}{digest[:16].upper()}"


def _edited(endpoint: WebhookEndpoint, change: Edited, at: datetime) -> WebhookEndpoint:
    said = {
        name: value
        for name in ("url", "events", "ordered", "description")
        if (value := getattr(change, name)) is not None
    }
    edited = replace(endpoint, **said)
    if change.enabled is None:
        return edited
    act = EndpointAct.ENABLE if change.enabled else EndpointAct.DISABLE
    return advance(edited, act, at, DisabledReason.MERCHANT)


def _is_known(name: str) -> bool:
    if name == "*" or name in EVENT_TYPES:
        return True
    return name.endswith(".*") and any(one.startswith(name[:-1]) for one in EVENT_TYPES)


def _fits(event_type: str, wanted: str) -> bool:
    return event_type == wanted or (wanted.endswith("*") and event_type.startswith(wanted[:-1]))
