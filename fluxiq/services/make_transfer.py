"""A book transfer: between two accounts of the institution, at once, or held for approval.

The intent is on paper before money moves, and the ledger's answer after it. A crash between the two
is found by `resume_transfers`, which calls the same `carry_out`: ids are derived from the transfer,
so the ledger does it once.
"""

from datetime import timedelta

import msgspec

from fluxiq.domain import transfer_postings as postings
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.records import Account, AccountStatus, Event, Transfer, TransferStatus
from fluxiq.domain.transfer import (
    BookTransfer,
    FailureCode,
    TransferEvent,
    TransferStage,
    advance,
)
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Fresh, Idempotency
from fluxiq.ports.transfers import Moved, TransferMoved, TransferOpening
from fluxiq.services.accounts import account_not_found, remembered_account, working_account
from fluxiq.services.foreseen import left_to_the_sweep
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.transfers import (
    FAILURES,
    MakeTransfer,
    received_view,
    transfer_view,
)
from fluxiq.services.replay import Refusal, replay, replay_if_known
from fluxiq.services.tenant import Tenant

PLATFORM = "platform"  # who acts when nobody asked at this moment

_NO_FUNDS = {TransferStatus.EXCEEDS_CREDITS, TransferStatus.ID_ALREADY_FAILED}


async def make_transfer(
    tenant: Tenant,
    merchant_id: str,
    actor: str,
    request: MakeTransfer,
    idempotency: Idempotency,
) -> Answer:
    """Completed; or pending where it needs approval, or the ledger is slow to answer: the sweep
    carries it out then. Raises Refused (funds, account, key …), Unavailable: nothing is on paper,
    or Unknown when the ledger's answer is lost: then the sweep finds out.
    """
    try:
        transfer, source, destination = await _judge(tenant, merchant_id, actor, request)
    except (Refused, Unavailable):
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is None:
            raise
        return answer

    opening = await tenant.transfers.open(
        TransferOpening(transfer=transfer, idempotency=idempotency)
    )
    if not isinstance(opening, Fresh):
        return replay(opening)

    try:
        return await carry_out(tenant, transfer, source, destination)
    except Unavailable as error:
        return left_to_the_sweep(transfer_view(tenant.ispb, transfer), error)


async def carry_out(
    tenant: Tenant, transfer: BookTransfer, source: Account, destination: Account
) -> Answer:
    """Move or hold the money, and write down what the ledger said. Raises Refused if it said no."""
    asked = _posting(tenant, transfer, source.ledger_id, destination.ledger_id)
    [status] = await tenant.ledger.create_transfers([asked])
    if status in _NO_FUNDS:
        raise await _refuse(tenant, transfer)

    require_stands(status, transfer)
    event = TransferEvent.HELD if transfer.needs_approval else TransferEvent.EXECUTED
    now = tenant.clock.now()
    after = advanced(
        transfer,
        event,
        updated_at=now,
        completed_at=None if transfer.needs_approval else now,
    )
    body = encode(Data(transfer_view(tenant.ispb, after)))
    await file_move(
        tenant,
        transfer,
        after,
        transfer.created_by,
        response=body,
        payee_id=destination.merchant_id,
    )
    return Answer(body=body)


async def file_move(
    tenant: Tenant,
    before: BookTransfer,
    after: BookTransfer,
    actor: str,
    *,
    response: bytes | None = None,
    refused: bool = False,
    payee_id: str | None = None,
) -> Moved:
    """Put a change on paper, and tell the merchant of an end; of money that has come, also
    `payee_id`, the merchant that it came to.
    """
    moved = await tenant.transfers.move(
        TransferMoved(
            transfer=after,
            before=before.stage,
            actor=actor,
            events=_events(tenant, after, payee_id),
            response=response,
            refused=refused,
        )
    )
    if moved.happened:
        tenant.relay.ring()
        tenant.couriers.ring(moved.endpoint_ids)
    return moved


def advanced(transfer: BookTransfer, event: TransferEvent, **said: object) -> BookTransfer:
    """The transfer after an event that can happen to it."""
    stage = advance(transfer.stage, event)
    assert stage is not None, f"{transfer.id} is {transfer.stage}: {event} cannot happen"
    return msgspec.structs.replace(transfer, stage=stage, **said)


def require_stands(status: TransferStatus, transfer: BookTransfer) -> None:
    """The ledger's other refusals mean that paper and ledger contradict each other: a bug."""
    if not status.stands:
        raise AssertionError(f"the ledger answered {status} to {transfer.id}")


async def _judge(
    tenant: Tenant, merchant_id: str, actor: str, request: MakeTransfer
) -> tuple[BookTransfer, Account, Account]:
    """Both accounts, and whether somebody has to approve; nothing is written yet."""
    if request.source_account_id == request.destination_account_id:
        raise Refused(
            "same_account", "source and destination are one account", field="destination_account_id"
        )

    source = await working_account(
        tenant, merchant_id, request.source_account_id, field="source_account_id"
    )
    destination = await _destination(tenant, request.destination_account_id)
    tenant.admission.foresee({source.ledger_id: request.amount})
    now = tenant.clock.now()
    expires_at = None
    if request.amount > _approval_above(tenant):
        expires_at = now + timedelta(seconds=tenant.settings.transfers.approval_seconds)

    transfer = BookTransfer(
        id=tenant.ids.new(IdPrefix.TRANSFER),
        merchant_id=merchant_id,
        source_account_id=source.id,
        destination_account_id=destination.id,
        amount=request.amount,
        description=request.description,
        stage=TransferStage.CREATED,
        created_by=actor,
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
        metadata=request.metadata,
    )
    return transfer, source, destination


async def _destination(tenant: Tenant, account_id: str) -> Account:
    """Of any merchant here. A blocked account still receives, an inactive one does not: that may be
    remembered, as nothing makes an account inactive that was not (`domain.account`).
    """
    account = await remembered_account(tenant, account_id)
    if account is None:
        raise account_not_found(account_id, field="destination_account_id")
    if account.status is AccountStatus.INACTIVE:
        raise Refused(
            "account_not_active",
            f"account {account.id} is {account.status}",
            field="destination_account_id",
        )
    return account


def _approval_above(tenant: Tenant) -> int:
    own = tenant.institution.transfer_approval_above
    return tenant.settings.transfers.approval_above if own is None else own


def _posting(tenant: Tenant, transfer: BookTransfer, source: int, destination: int) -> Transfer:
    make = postings.transfer_hold if transfer.needs_approval else postings.transfer_move
    return make(
        tenant.ispb,
        tenant.institution.ledger,
        transfer.id,
        source=source,
        destination=destination,
        amount=transfer.amount,
    )


async def _refuse(tenant: Tenant, transfer: BookTransfer) -> Refused:
    code = FailureCode.INSUFFICIENT_FUNDS
    refusal = Refusal(code=code, message=FAILURES[code], details={"transfer_id": transfer.id})
    failed = advanced(
        transfer, TransferEvent.REFUSED, updated_at=tenant.clock.now(), failure_code=code
    )
    await file_move(
        tenant, transfer, failed, transfer.created_by, response=encode(refusal), refused=True
    )
    return refusal.raised()


def _events(tenant: Tenant, transfer: BookTransfer, payee_id: str | None) -> tuple[Event, ...]:
    """Merchants are told of ends only; the payee's of money that came, and of nothing else."""
    match transfer.stage:
        case TransferStage.COMPLETED:
            kind = "transfer.completed"
        case TransferStage.FAILED:
            kind = "transfer.failed"
        case _:
            return ()

    views = {transfer.merchant_id: transfer_view(tenant.ispb, transfer)}
    if transfer.stage is TransferStage.COMPLETED and payee_id is not None:
        views.setdefault(payee_id, received_view(tenant.ispb, transfer))
    return tuple(
        Event(
            id=tenant.ids.new(IdPrefix.EVENT),
            merchant_id=merchant_id,
            type=kind,
            created_at=transfer.updated_at,
            data=view,
        )
        for merchant_id, view in views.items()
    )
