"""How payouts end: as every order does, and their merchants are told."""

from collections.abc import Sequence

from fluxiq.domain import postings
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import Event, InboxEntry, Outcome, Payout, PayoutStage, Transfer
from fluxiq.ports import OutcomeArchived
from fluxiq.services.hold_payouts import order_draft
from fluxiq.services.messages.payouts import payout_view
from fluxiq.services.orders import Judged, OrderKind
from fluxiq.services.settle_orders import settle_order_notices
from fluxiq.services.tenant import Tenant


async def settle_notices(tenant: Tenant, entries: Sequence[InboxEntry]) -> list[Payout]:
    """The payouts that these notices ended. Raises Unavailable or Unknown: they come again."""
    return await settle_order_notices(tenant, PAYOUTS, entries)


def _resolve(tenant: Tenant, payout: Payout, event: PayoutEvent) -> Sequence[Transfer]:
    confirmed = event is PayoutEvent.CONFIRMED
    posting = postings.payout_post if confirmed else postings.payout_void
    return [posting(tenant.ispb, tenant.institution.ledger, payout.end_to_end_id, payout.amount)]


async def _archive(tenant: Tenant, judged: Sequence[Judged[Payout]]) -> Sequence[str]:
    owed = await tenant.store.archive_outcomes([_line(tenant, one) for one in judged])
    return owed.endpoint_ids


def _line(tenant: Tenant, judged: Judged[Payout]) -> OutcomeArchived:
    ended, inbox_id = judged.ended, judged.verdict.inbox_id
    if ended is None:
        return OutcomeArchived(
            inbox_id=inbox_id, outcome=None, event=None, steps=(), note=judged.note
        )

    assert judged.verdict.order is not None, "nothing ended something"
    return OutcomeArchived(
        inbox_id=inbox_id,
        outcome=Outcome(
            payout=judged.verdict.order,
            stage=ended.stage,
            at=ended.updated_at,
            failure_code=ended.failure_code,
            reason_code=ended.reason_code,
            inbox_id=inbox_id,
        ),
        event=_event(tenant, ended),
        steps=judged.steps,
    )


def _event(tenant: Tenant, ended: Payout) -> Event:
    kind = "confirmed" if ended.stage is PayoutStage.CONFIRMED else "failed"
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=ended.merchant_id,
        type=f"pix.payout.{kind}",
        created_at=ended.updated_at,
        data=payout_view(ended),
    )


PAYOUTS: OrderKind[Payout] = OrderKind(
    find=lambda tenant, ids: tenant.store.payouts(ids),
    unanswered=lambda tenant, before, limit: tenant.store.unanswered_payouts(before, limit),
    draft=order_draft,
    send=lambda tenant, payout: tenant.provider.send(payout),
    mark_sent=lambda tenant, payouts, steps: tenant.store.mark_sent(payouts, steps),
    resolve=_resolve,
    archive=_archive,
)
