"""A merchant pays somebody: Door and Counter have judged, Archive writes the intent, Vault holds.

The intent is on paper before money moves. A crash between the two is found by `resume_payouts`,
which calls the same `hold_payout`; every step is idempotent by the payout's end-to-end id.
"""

from datetime import datetime

import msgspec

from fluxiq.domain import keys, postings
from fluxiq.domain.identifiers import build_end_to_end_id, tb_id_text
from fluxiq.domain.records import (
    Account,
    Event,
    Hold,
    Payout,
    PayoutStage,
    Recipient,
    Room,
    Step,
    TransferStatus,
)
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Fresh, HoldSettled, Idempotency, OutboxDraft, PayoutOpening
from fluxiq.services.accounts import working_account
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.payouts import OpenPayout, PayoutView, payout_view
from fluxiq.services.replay import Refusal, replay, replay_if_known
from fluxiq.services.tenant import Tenant

DIRECTORY_SECONDS = 60  # how long an owner read from DICT is trusted

_NO_FUNDS = {TransferStatus.EXCEEDS_CREDITS, TransferStatus.ID_ALREADY_FAILED}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The message in the post room: this payout is held and wants to be sent."""

    end_to_end_id: str


async def open_payout(
    tenant: Tenant,
    merchant_id: str,
    request: OpenPayout,
    idempotency: Idempotency,
    arrived_at: datetime,
) -> Answer:
    """Accepted means: on paper and held. Raises Refused (funds, limit, key …) or Unknown."""
    try:
        payout, account, steps = await _judge(tenant, merchant_id, request, arrived_at)
    except (Refused, Unavailable):
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is None:
            raise
        return answer

    opening = await tenant.store.open_payout(
        PayoutOpening(payout=payout, idempotency=idempotency, steps=steps)
    )
    if not isinstance(opening, Fresh):
        return replay(opening)

    return await hold_payout(tenant, payout, account)


async def hold_payout(tenant: Tenant, payout: Payout, account: Account) -> Answer:
    """Hold the money and write down what the vault said. Raises Refused when it said no."""
    entered = tenant.clock.now()
    hold = postings.payout_hold(
        tenant.ispb,
        tenant.institution.ledger,
        payout.end_to_end_id,
        account.ledger_id,
        payout.amount,
    )
    [status] = await tenant.ledger.create_transfers([hold])
    if not (status.stands or status in _NO_FUNDS):
        raise AssertionError(f"the ledger answered {status} to the hold of {payout.id}")

    now = tenant.clock.now()
    steps = (
        Step(payout.end_to_end_id, Room.ARCHIVE, payout.created_at, entered, "intent"),
        Step(
            payout.end_to_end_id, Room.VAULT, entered, now, f"hold {tb_id_text(hold.id)} {status}"
        ),
    )
    if status in _NO_FUNDS:
        raise await _refuse(tenant, payout, now, steps)

    return await _accept(tenant, payout, now, steps)


async def show_payout(tenant: Tenant, merchant_id: str, payout_id: str) -> PayoutView:
    """Raises Refused("payout_not_found"), also for a payout of another merchant."""
    payout = await tenant.store.find_payout(payout_id)
    if payout is None or payout.merchant_id != merchant_id:
        raise Refused("payout_not_found", f"no payout {payout_id}", field="payout_id")
    return payout_view(payout)


async def _judge(
    tenant: Tenant, merchant_id: str, request: OpenPayout, arrived_at: datetime
) -> tuple[Payout, Account, tuple[Step, ...]]:
    """The Counter: account, limit and recipient; nothing is written yet."""
    entered = tenant.clock.now()
    account = await working_account(tenant, merchant_id, request.account_id)
    if request.amount > tenant.settings.pix.payout_amount_max:
        raise Refused(
            "amount_above_limit",
            f"a payout may be at most {tenant.settings.pix.payout_amount_max} centavos",
            field="amount",
        )
    recipient = await _recipient(tenant, request)

    now = tenant.clock.now()
    payout = Payout(
        id=tenant.ids.new("pay"),
        merchant_id=merchant_id,
        account_id=account.id,
        end_to_end_id=build_end_to_end_id(tenant.ispb, now, tenant.ids.letters(11)),
        amount=request.amount,
        description=request.description,
        recipient=recipient,
        stage=PayoutStage.CREATED,
        created_at=now,
        updated_at=now,
        metadata=request.metadata,
    )
    steps = (
        Step(payout.end_to_end_id, Room.DOOR, arrived_at, entered, "payout"),
        Step(payout.end_to_end_id, Room.COUNTER, entered, now, payout.id),
    )
    return payout, account, steps


async def _recipient(tenant: Tenant, request: OpenPayout) -> Recipient:
    said = request.recipient
    if said.pix_key_type is None:
        kind, key = keys.classify(said.pix_key, field="recipient.pix_key")
    else:
        key = keys.parse_key(said.pix_key_type, said.pix_key, field="recipient.pix_key")
        kind = keys.KeyKind(said.pix_key_type)

    found = await _look_up(tenant, key)
    if found is None:
        raise Refused("pix_key_not_found", "nobody has this PIX key", field="recipient.pix_key")
    if found.ispb == tenant.ispb:
        raise Refused(
            "same_institution",
            "the recipient is a customer of this institution: use a transfer (AG12)",
            field="recipient.pix_key",
        )
    return msgspec.structs.replace(found, pix_key=key, pix_key_type=kind.value)


async def _look_up(tenant: Tenant, key: str) -> Recipient | None:
    """DICT through the provider, remembered for a minute; without Redis it is asked every time."""
    name = f"dict:{key}"
    try:
        if known := await tenant.cache.get(name):
            return msgspec.json.decode(known, type=Recipient)
    except Unavailable:
        return await tenant.provider.look_up(key)

    found = await tenant.provider.look_up(key)
    if found is not None:
        try:
            await tenant.cache.put(name, encode(found), ttl_seconds=DIRECTORY_SECONDS)
        except Unavailable:
            return found  # the next caller asks again: slower, not wrong
    return found


async def _accept(tenant: Tenant, payout: Payout, now: datetime, steps: tuple[Step, ...]) -> Answer:
    held = msgspec.structs.replace(payout, stage=PayoutStage.HELD, updated_at=now)
    view = payout_view(held)
    body = encode(Data(view))
    archived = await tenant.store.settle_hold(
        HoldSettled(
            hold=Hold(payout_id=payout.id, at=now),
            event=_event(tenant, payout, "pix.payout.processing", now, view),
            response=body,
            order=OutboxDraft(
                subject=tenant.subject("pix", "out", tenant.partition(payout.account_id)),
                reference=payout.end_to_end_id,
                body=encode(Order(end_to_end_id=payout.end_to_end_id)),
            ),
            steps=steps,
        )
    )
    tenant.relay.ring()
    tenant.couriers.ring(archived.endpoint_ids)
    return Answer(body=body)


async def _refuse(
    tenant: Tenant, payout: Payout, now: datetime, steps: tuple[Step, ...]
) -> Refused:
    refusal = Refusal(
        code="insufficient_funds",
        message="the account's available balance does not cover this payout",
        details={"payout_id": payout.id},
    )
    failed = msgspec.structs.replace(
        payout, stage=PayoutStage.FAILED, updated_at=now, failure_code=refusal.code
    )
    archived = await tenant.store.settle_hold(
        HoldSettled(
            hold=Hold(payout_id=payout.id, at=now, failure_code=refusal.code),
            event=_event(tenant, payout, "pix.payout.failed", now, payout_view(failed)),
            response=encode(refusal),
            order=None,
            steps=steps,
        )
    )
    tenant.relay.ring()
    tenant.couriers.ring(archived.endpoint_ids)
    return refusal.raised()


def _event(tenant: Tenant, payout: Payout, kind: str, at: datetime, view: PayoutView) -> Event:
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=payout.merchant_id,
        type=kind,
        created_at=at,
        data=view,
    )
