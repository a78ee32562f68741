"""The webhooks of all merchants of an institution, as its operators read them."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fluxiq.domain.records import DisabledReason
from fluxiq.services.messages.webhooks import Moment


class ResendDeliveries(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Deliveries of events from `since` (included) to `until` (not) that ended, or ended badly; ten
    thousand at most.
    """

    since: Moment
    until: Moment
    status: Literal["failed", "all"] = "failed"
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class EndpointHealth(Struct, frozen=True, kw_only=True):
    """An endpoint. `waiting` deliveries have not ended, `under_way` of them are being sent;
    `oldest_waiting_at` is the time of the first one's event. Attempts are of the last hour and the
    last day; `milliseconds_day` is their mean. `sender` is the state of who sends, `breaker`
    whether the endpoint is left alone for a while: both null where nobody is at work.
    """

    id: str
    merchant_id: str
    url: str
    ordered: bool
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    waiting: int
    under_way: int
    oldest_waiting_at: datetime | None
    attempts_hour: int
    delivered_hour: int
    attempts_day: int
    delivered_day: int
    milliseconds_day: int | None
    last_attempt_at: datetime | None
    sender: str | None
    breaker: str | None
    failures_in_a_row: int | None


class DeliveriesWaiting(Struct, frozen=True, kw_only=True):
    """Deliveries that have not ended: due now, under way, at a later attempt, or held because their
    endpoint is disabled.
    """

    due: int
    under_way: int
    later: int
    held: int


class WebhooksHealth(Struct, frozen=True, kw_only=True):
    """Those in trouble first. `endpoints_by_state` counts those that are `enabled`, and the others
    by why they are disabled; `total` are all that are not deleted. `counted_since` is the oldest
    attempt that was counted, where the day had more than a hundred thousand.
    """

    institution: str
    deliveries: DeliveriesWaiting
    oldest_due_at: datetime | None
    endpoints_by_state: dict[str, int]
    total: int
    counted_since: datetime | None
    endpoints: list[EndpointHealth]


class DeliveriesResent(Struct, frozen=True, kw_only=True):
    """So many are due now; `next_start` is where to go on when there are more."""

    scheduled: int
    next_start: datetime | None
