"""The audit trail: who did what to which record. A merchant sees the lines of its own records, the
institution's people see all.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.api.contract import Call, Rate, Reply, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.errors import Refused
from fluxiq.ports.audit import LinesWanted
from fluxiq.services import show_audit as use
from fluxiq.services.messages.audit import AuditFormat, AuditLineView
from fluxiq.services.messages.envelope import Listing

routes = Routes("/api/v1/audit", institution=True)

READ = "audit:read"

Word = Annotated[str, Meta(min_length=1, max_length=128)]
Moment = Annotated[datetime, Meta(tz=True)]


class LinesAsked(
    PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"since": "from"}
):
    """`actor` is who is named, or whose key it was; an `action` that ends in a dot is all that
    begin so. `from` is included, `to` is not.
    """

    actor: Word | None = None
    action: Word | None = None
    subject: Word | None = None
    since: Moment | None = None
    to: Moment | None = None


class ExportAsked(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"since": "from"}
):
    """As `LinesAsked`, of all that fit, as a file."""

    actor: Word | None = None
    action: Word | None = None
    subject: Word | None = None
    since: Moment | None = None
    to: Moment | None = None
    format: AuditFormat = "jsonl"


@routes.get(permission=READ, rate=Rate.READ, reply=Listing[AuditLineView])
async def list_audit_lines(call: Call, query: LinesAsked) -> Listing[AuditLineView]:
    """Who did what, newest first."""
    return await use.list_lines(call.tenant.audit_chain, _wanted(call, query), query.wanted)


@routes.get(
    "/export",
    permission=READ,
    rate=Rate.READ,
    reply=None,
    refuses=("audit_export_too_long", "audit_trail_damaged"),
    media=("application/jsonl", "text/csv"),
)
async def export_audit_lines(call: Call, query: ExportAsked) -> Reply:
    """The same as a file, oldest first. As `jsonl` each line has its proof: the way up to the root
    of its seal, which stands before it with its signature.
    """
    tenant = call.tenant
    file = await use.export_lines(
        tenant.audit_chain, tenant.ispb, _wanted(call, query), query.format
    )
    return Reply(
        body=file.body,
        content_type=file.content_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )


def _wanted(call: Call, query: LinesAsked | ExportAsked) -> LinesWanted:
    if query.since is not None and query.to is not None and query.to <= query.since:
        raise Refused("validation_failed", "is not after from", field="to")
    return LinesWanted(
        merchant_id=call.known_caller.belongs_to,
        actor=query.actor,
        action=query.action,
        subject=query.subject,
        since=query.since,
        until=query.to,
    )
