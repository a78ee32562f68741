"""The audit trail: who did what to which of your records."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, get, page_of, raw


class AuditLine(Struct, frozen=True, kw_only=True):
    """`before` and `digest` are SHA-256 of the record before and after, in hexadecimal. `sealed`:
    the line cannot change unseen any more.
    """

    id: int
    at: datetime
    actor: str
    credential: str
    address: str
    request_id: str
    action: str
    subject: str
    before: str | None
    digest: str | None
    note: str
    sealed: bool


class AuditTrail(Resource[C]):
    @List
    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Request[Page[AuditLine]]:
        """Newest first. An `action` that ends in a dot is all that begin so."""
        return page_of(
            "/audit",
            AuditLine,
            actor=actor,
            action=action,
            subject=subject,
            **{"from": since, "to": until},
        )

    @Call
    def export(
        self,
        *,
        format: Literal["jsonl", "csv"] = "jsonl",  # noqa: A002 - the API's word
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Request[bytes]:
        """All of them as a file, oldest first; as jsonl with the proof of each line."""
        return get(
            "/audit/export",
            raw,
            format=format,
            actor=actor,
            action=action,
            subject=subject,
            **{"from": since, "to": until},
        )
