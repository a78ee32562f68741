"""Money between two accounts of the institution, at once or once somebody else approves."""

from typing import Final

import msgspec

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked
from fluxiq.domain.transfer import TransferLifeStatus
from fluxiq.ports.transfers import TransferFilter
from fluxiq.services import decide_transfer, make_transfer, transfers
from fluxiq.services.messages.envelope import Data, Listing, encode
from fluxiq.services.messages.transfers import MakeTransfer, TransferView
from fluxiq.services.replay import once

routes = Routes("/api/v1/transfers")

_ACCEPTED: Final = 202
_DECISION = (
    "transfer_not_found",
    "account_not_found",
    "account_not_active",
    "maker_is_checker",
    "transfer_not_pending",
    "outcome_unknown",
)
_decode = msgspec.json.Decoder(Data[TransferView]).decode


class TransfersAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which transfers: `account_id` is on either side."""

    account_id: str | None = None
    status: TransferLifeStatus | None = None


@routes.post(
    permission="transfers:write",
    rate=Rate.WRITE,
    reply=Data[TransferView],
    status=201,
    also={_ACCEPTED: Data[TransferView]},
    refuses=(
        "account_not_found",
        "account_not_active",
        "insufficient_funds",
        "same_account",
        "idempotency_key_required",
        "idempotency_key_reused",
        "idempotency_in_progress",
        "outcome_unknown",
        "ledger_degraded",
    ),
)
async def open_transfer(call: Call, body: MakeTransfer) -> Reply:
    """Move money: 201 when it has moved, 202 when it is held and awaits approval; also, without a
    time to approve it in, when the ledger does not answer: then it moves once it does.
    """
    # As with payouts, the key is not part of what it stands for.
    order = msgspec.structs.replace(body, idempotency_key=None)
    idempotency = call.money_idempotency(order, body.idempotency_key)
    tenant, merchant_id, actor = call.tenant, call.merchant_id, call.actor
    answer = await once(
        tenant,
        merchant_id,
        idempotency,
        lambda: make_transfer.make_transfer(tenant, merchant_id, actor, order, idempotency),
    )
    reply = answered(answer)
    if _decode(answer.body).data.status == TransferLifeStatus.PENDING:
        return Reply(body=reply.body, headers=reply.headers, status=_ACCEPTED)
    return reply


@routes.get(permission="transfers:read", rate=Rate.READ, reply=Listing[TransferView])
async def list_transfers(call: Call, query: TransfersAsked) -> Listing[TransferView]:
    """The transfers that the merchant has made, newest first."""
    wanted = TransferFilter(
        merchant_id=call.merchant_id,
        account_id=query.account_id,
        status=query.status,
        since=query.since(),
        until=query.until(),
    )
    return await transfers.list_transfers(call.tenant, wanted, query.wanted)


@routes.get(
    "/{transfer_id}",
    permission="transfers:read",
    rate=Rate.READ,
    reply=Data[TransferView],
    refuses=("transfer_not_found",),
)
async def show_transfer(call: Call, transfer_id: PathText) -> Data[TransferView]:
    """One transfer."""
    return Data(await transfers.show_transfer(call.tenant, call.merchant_id, transfer_id))


@routes.post(
    "/{transfer_id}/approve",
    permission="transfers:approve",
    rate=Rate.WRITE,
    reply=Data[TransferView],
    status=200,
    also={_ACCEPTED: Data[TransferView]},
    refuses=_DECISION,
)
async def approve_transfer(call: Call, transfer_id: PathText) -> Reply:
    """Let a pending transfer go. By another key than the one that made it; twice is once. 202: it
    is decided, and the money moves once the ledger answers.
    """
    return _decided(
        await decide_transfer.approve_transfer(
            call.tenant, call.merchant_id, call.actor, transfer_id
        )
    )


@routes.post(
    "/{transfer_id}/reject",
    permission="transfers:approve",
    rate=Rate.WRITE,
    reply=Data[TransferView],
    status=200,
    also={_ACCEPTED: Data[TransferView]},
    refuses=_DECISION,
)
async def reject_transfer(call: Call, transfer_id: PathText) -> Reply:
    """Give a pending transfer's money back. By another key than its maker's; twice is once. 202: it
    is decided, and the money is free once the ledger answers.
    """
    return _decided(
        await decide_transfer.reject_transfer(
            call.tenant, call.merchant_id, call.actor, transfer_id
        )
    )


def _decided(view: TransferView) -> Reply:
    pending = view.status is TransferLifeStatus.PENDING
    return Reply(body=encode(Data(view)), status=_ACCEPTED if pending else None)
