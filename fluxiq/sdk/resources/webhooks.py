"""Where you want to be told of events, and what you were told."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, delete, get, page_of, patch, path, post, said


class Endpoint(Struct, frozen=True, kw_only=True):
    """`secret` (`whsec_…`) is shown once, when it is made: None where that answer was lost on its
    way, and then `rotate_secret` makes another. `status`: enabled or disabled.
    """

    id: str
    url: str
    description: str
    events: tuple[str, ...]
    ordered: bool
    status: str
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    secret: str | None = None


class Secret(Struct, frozen=True, kw_only=True):
    """The one before it signs too until `previous_secret_until`. `secret` is None where the answer
    that showed it was lost on its way: rotate again.
    """

    id: str
    secret: str | None = None
    previous_secret_until: datetime | None


class Sent(Struct, frozen=True, kw_only=True):
    event_id: str
    delivery_id: str


class Redelivered(Struct, frozen=True, kw_only=True):
    """So many will be sent again; `next_start` is where to go on when there are more."""

    scheduled: int
    next_start: datetime | None


class Attempt(Struct, frozen=True, kw_only=True):
    """`response` is the first 1,000 bytes, as text."""

    attempt: int
    at: datetime
    milliseconds: int
    delivered: bool
    status: int | None
    error: str
    response: str


class Delivery(Struct, frozen=True, kw_only=True):
    """`attempts` lists the newest 20, oldest first."""

    id: str
    event_id: str
    event_type: str
    status: str
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    attempt_count: int
    attempts: tuple[Attempt, ...]


class Webhooks(Resource[C]):
    @Call
    def create(
        self,
        *,
        url: str,
        events: Sequence[str] | None = None,
        ordered: bool | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Endpoint]:
        """`events` are types, or `pix.*` for all that begin so; none means all of them."""
        body = said(url=url, events=events, ordered=ordered, description=description)
        return post("/webhooks", data(Endpoint), body, idempotency_key)

    @Call
    def get(self, webhook_id: str) -> Request[Endpoint]:
        return get(path("/webhooks/{}", webhook_id), data(Endpoint))

    @List
    def list(self) -> Request[Page[Endpoint]]:
        """Oldest first."""
        return page_of("/webhooks", Endpoint)

    @Call
    def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        enabled: bool | None = None,
        ordered: bool | None = None,
        description: str | None = None,
    ) -> Request[Endpoint]:
        """What is not given stays."""
        body = said(
            url=url, events=events, enabled=enabled, ordered=ordered, description=description
        )
        return patch(path("/webhooks/{}", webhook_id), data(Endpoint), body)

    @Call
    def delete(self, webhook_id: str) -> Request[None]:
        """Nothing more is sent; the log of deliveries stays."""
        return delete(path("/webhooks/{}", webhook_id))

    @Call
    def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> Request[Sent]:
        """Send a `webhook.test` event to this endpoint only."""
        return post(path("/webhooks/{}/test", webhook_id), data(Sent), key=idempotency_key)

    @Call
    def rotate_secret(
        self,
        webhook_id: str,
        *,
        overlap_seconds: int | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Secret]:
        """Make a new secret, shown once; both sign for `overlap_seconds`, a day unless given."""
        where = path("/webhooks/{}/secret/rotate", webhook_id)
        return post(where, data(Secret), said(overlap_seconds=overlap_seconds), idempotency_key)

    @List
    def deliveries(
        self,
        webhook_id: str,
        *,
        status: str | None = None,
        event_type: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[Page[Delivery]]:
        """What was sent, with every attempt and its answer; newest event first."""
        return page_of(
            path("/webhooks/{}/deliveries", webhook_id),
            Delivery,
            status=status,
            event_type=event_type,
            start_date=start_date,
            end_date=end_date,
        )

    @Call
    def delivery(self, webhook_id: str, delivery_id: str) -> Request[Delivery]:
        return get(path("/webhooks/{}/deliveries/{}", webhook_id, delivery_id), data(Delivery))

    @Call
    def redeliver(
        self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None
    ) -> Request[Sent]:
        """Send one delivery again, now."""
        where = path("/webhooks/{}/deliveries/{}/redeliver", webhook_id, delivery_id)
        return post(where, data(Sent), key=idempotency_key)

    @Call
    def redeliver_range(
        self,
        webhook_id: str,
        *,
        start: datetime,
        end: datetime,
        status: Literal["failed", "all"] = "failed",
        idempotency_key: str | None = None,
    ) -> Request[Redelivered]:
        """Send again what ended from `start` (included) to `end` (not), up to 10,000 deliveries."""
        where = path("/webhooks/{}/redeliver", webhook_id)
        body = said(start=start, end=end, status=status)
        return post(where, data(Redelivered), body, idempotency_key)
