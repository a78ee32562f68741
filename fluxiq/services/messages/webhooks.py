"""Webhook endpoints: what merchants say, and what they are told."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.records import WebhookEndpoint


class OpenEndpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Annotated[str, Meta(pattern=r"^https?://", max_length=2048)]
    events: Annotated[tuple[str, ...], Meta(max_length=50)] = ()


class EndpointView(Struct, frozen=True, kw_only=True):
    id: str
    url: str
    events: tuple[str, ...]
    created_at: datetime
    secret: str | UnsetType = UNSET  # shown once, when made


def endpoint_view(endpoint: WebhookEndpoint, *, with_secret: bool = False) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        events=endpoint.events,
        created_at=endpoint.created_at,
        secret=endpoint.secret if with_secret else UNSET,
    )
