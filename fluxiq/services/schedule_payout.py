"""A merchant pays somebody on another day: judged now, written down with its job, not held."""

from datetime import datetime

import msgspec

from fluxiq.domain import schedule_pix
from fluxiq.domain.identifiers import IdPrefix, build_end_to_end_id
from fluxiq.domain.records import Event, Payout, PayoutStage, Step
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Fresh, Idempotency
from fluxiq.ports.scheduled import PayoutCalledOff, PayoutScheduling
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.payouts import OrderPayout, PayoutView, payout_view
from fluxiq.services.payout_counter import Intent, judge_orders
from fluxiq.services.replay import replay, replay_if_known
from fluxiq.services.run_jobs import new_job
from fluxiq.services.run_scheduled import RUN_SCHEDULED, RunScheduled, job_keys_of
from fluxiq.services.tenant import Tenant


async def schedule_payout(
    tenant: Tenant,
    merchant_id: str,
    request: OrderPayout,
    idempotency: Idempotency,
    arrived_at: datetime,
) -> Answer:
    """Accepted means: on paper, with the job that will make it. Account, recipient and the
    institution's limit are judged now and on the day, funds and the customer's limits on the day.
    Raises Refused, also invalid_schedule.
    """
    try:
        scheduling = await _judge(tenant, merchant_id, request, idempotency, arrived_at)
    except (Refused, Unavailable):
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is None:
            raise
        return answer

    opened = await tenant.scheduled.schedule(scheduling)
    if not isinstance(opened, Fresh):
        return replay(opened)

    tenant.relay.ring()
    tenant.couriers.ring(opened.endpoint_ids)
    return Answer(body=scheduling.response)


async def cancel_payout(tenant: Tenant, merchant_id: str, actor: str, payout_id: str) -> PayoutView:
    """Call off a payout whose day has not come; twice is once. Raises Refused: payout_not_found,
    payout_not_scheduled with its status.
    """
    payout = await _find(tenant, merchant_id, payout_id)
    if payout.stage is PayoutStage.SCHEDULED:
        cancelled = msgspec.structs.replace(
            payout, stage=PayoutStage.CANCELLED, updated_at=tenant.clock.now()
        )
        event = payout_event(tenant, cancelled, "pix.payout.cancelled")
        archived = await tenant.scheduled.call_off(
            PayoutCalledOff(payout=cancelled, event=event, actor=actor)
        )
        if archived is not None:
            tenant.relay.ring()
            tenant.couriers.ring(archived.endpoint_ids)
            return payout_view(cancelled)

        payout = await _find(tenant, merchant_id, payout_id)

    view = payout_view(payout)
    if payout.stage is not PayoutStage.CANCELLED:
        raise Refused(
            "payout_not_scheduled",
            f"the payout is {view.status}",
            details={"status": view.status},
        )
    return view


def payout_event(tenant: Tenant, payout: Payout, kind: str) -> Event:
    """The event `kind` of a payout as it is now."""
    return Event(
        id=tenant.ids.new(IdPrefix.EVENT),
        merchant_id=payout.merchant_id,
        type=kind,
        created_at=payout.updated_at,
        data=payout_view(payout),
    )


async def _judge(
    tenant: Tenant,
    merchant_id: str,
    request: OrderPayout,
    idempotency: Idempotency,
    arrived_at: datetime,
) -> PayoutScheduling:
    day = request.scheduled_for
    assert day is not None, "a payout for at once is not scheduled"
    schedule_pix.check_day(day, tenant.clock.now())
    [judged] = await judge_orders(tenant, merchant_id, [request.at_once], arrived_at)
    if not isinstance(judged, Intent):
        raise judged

    due_at = schedule_pix.first_try(day)
    end_to_end_id = build_end_to_end_id(tenant.ispb, due_at, tenant.ids.letters(11))
    payout = msgspec.structs.replace(
        judged.payout,
        end_to_end_id=end_to_end_id,
        stage=PayoutStage.SCHEDULED,
        scheduled_for=day,
    )
    return PayoutScheduling(
        payout=payout,
        idempotency=idempotency,
        response=encode(Data(payout_view(payout))),
        event=payout_event(tenant, payout, "pix.payout.scheduled"),
        job=new_job(
            tenant,
            RUN_SCHEDULED,
            RunScheduled(payout_id=payout.id),
            run_at=due_at,
            unique_key=job_keys_of(payout.id)[0],
        ),
        steps=tuple(
            Step(end_to_end_id, one.room, one.entered_at, one.left_at, one.detail)
            for one in judged.steps
        ),
    )


async def _find(tenant: Tenant, merchant_id: str, payout_id: str) -> Payout:
    payout = await tenant.store.find_payout(payout_id)
    if payout is None or payout.merchant_id != merchant_id:
        raise Refused("payout_not_found", f"no payout {payout_id}", field="payout_id")
    return payout
