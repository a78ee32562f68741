"""What operators see and order of the merchants' webhooks: who is behind, and sending again."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.tenants import tenant_of
from fluxiq.ports.endpoint_standings import EndpointStanding
from fluxiq.services.messages.webhooks import RedeliverRange
from fluxiq.services.redeliver import redeliver_as_operator
from fluxiq.services.tenant import Tenants
from supervisors import Node

if TYPE_CHECKING:
    from actors.admin.desk import Desk

LISTED = 100
LISTED_MAX = 1000
OPERATOR = "operator"


def webhook_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def webhooks(desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        limit = arguments.number("limit", LISTED)
        arguments.done()
        if not 1 <= limit <= LISTED_MAX:
            raise BadArguments(f"limit: must be 1 to {LISTED_MAX}")
        now = tenant.clock.now()
        backlog = await tenant.backlogs.look(now)
        senders = _senders(desk, tenant.ispb)
        seen = await tenant.endpoint_standings.look(now, limit)
        return {
            "institution": tenant.ispb,
            "deliveries": to_builtins(backlog.deliveries),
            "oldest_due_at": backlog.oldest_due_at,
            "endpoints_by_state": backlog.endpoints,
            "total": seen.total,
            "counted_since": seen.counted_since,
            "endpoints": [_endpoint(one, senders.get(one.id)) for one in seen.endpoints],
        }

    async def webhooks_resend(_desk: "Desk", arguments: Arguments) -> object:
        tenant, endpoint_id = tenant_of(tenants, arguments), arguments.text("id")
        since = _said(arguments.moment("since"), "since")
        until = _said(arguments.moment("until"), "until")
        every, reason = arguments.flag("all"), arguments.reason()
        arguments.done()
        wanted = RedeliverRange(start=since, end=until, status="all" if every else "failed")
        done = await redeliver_as_operator(tenant, OPERATOR, endpoint_id, wanted, reason)
        return to_builtins(done)

    return Hooks(
        looks={"webhooks": Verb(webhooks, ("institution", "limit"))},
        deeds={
            "webhooks_resend": Verb(
                webhooks_resend, ("institution", "id", "since", "until", "all", "reason")
            )
        },
    )


def _senders(desk: "Desk", ispb: str) -> dict[str, Node]:
    """Those who send now or would, by their endpoints."""
    branch = f"root/institutions/{ispb}/webhook_senders/"
    return {one.id: one for one in desk.tree.snapshot().nodes if one.path.startswith(branch)}


def _endpoint(standing: EndpointStanding, sender: Node | None) -> dict[str, Any]:
    """As it is on paper, with its sender as the tree knows it: null where there is none."""
    facts = {} if sender is None else sender.facts
    told: dict[str, Any] = to_builtins(standing)
    return told | {
        "sender": None if sender is None else sender.state,
        "breaker": facts.get("breaker"),
        "failures_in_a_row": facts.get("failures_in_a_row"),
    }


def _said(moment: datetime | None, field: str) -> datetime:
    if moment is None:
        raise BadArguments(f"{field}: must be a time in ISO 8601")
    return moment
