"""The Counter of PIX out: account, limit and recipient of each order; nothing is written yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET

from fluxiq.domain import keys
from fluxiq.domain.documents import parse_document
from fluxiq.domain.identifiers import build_end_to_end_id
from fluxiq.domain.recipient_account import parse_account, parse_holder_name, parse_ispb
from fluxiq.domain.records import Account, Payout, PayoutStage, Recipient, Room, Step
from fluxiq.errors import Refused, Unavailable
from fluxiq.services.accounts import working_account
from fluxiq.services.dict_lookup import Owner, find_owners
from fluxiq.services.messages.payouts import OpenPayout, RecipientAccountSaid, RecipientSaid
from fluxiq.services.tenant import Tenant


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may go ahead: the payout as it is written down before money moves."""

    payout: Payout
    account: Account
    steps: tuple[Step, ...] = ()


Judged = Intent | Refused | Unavailable

_Paying = Account | Refused | Unavailable
_Key = tuple[keys.KeyKind, str]
_Payee = _Key | Recipient  # a key somebody owns, or an account with all that is known of it


async def judge_orders(
    tenant: Tenant, merchant_id: str, orders: Sequence[OpenPayout], arrived_at: datetime
) -> list[Judged]:
    """Each order's intent, or why there is none. All keys are looked up together; of an account
    nobody can be asked.
    """
    entered = tenant.clock.now()
    accounts = {
        account_id: await _account(tenant, merchant_id, account_id)
        for account_id in {order.account_id for order in orders}
    }
    limit = tenant.settings.pix.payout_amount_max
    looked_at = [_look_at(order, accounts[order.account_id], limit) for order in orders]
    payees = [one[1] for one in looked_at if isinstance(one, tuple)]
    owners = await find_owners(tenant, [one[1] for one in payees if isinstance(one, tuple)])

    now = tenant.clock.now()
    judged: list[Judged] = []
    for order, seen in zip(orders, looked_at, strict=True):
        if not isinstance(seen, tuple):
            judged.append(seen)
            continue
        account, payee = seen
        recipient = _recipient(tenant.ispb, payee, owners)
        if not isinstance(recipient, Recipient):
            judged.append(recipient)
            continue
        payout = _payout(tenant, order, account, recipient, now)
        steps = (
            Step(payout.end_to_end_id, Room.DOOR, arrived_at, entered, "payout"),
            Step(payout.end_to_end_id, Room.COUNTER, entered, now, payout.id),
        )
        judged.append(Intent(payout=payout, account=account, steps=steps))
    return judged


async def _account(tenant: Tenant, merchant_id: str, account_id: str | None) -> _Paying:
    try:
        return await working_account(tenant, merchant_id, account_id)
    except (Refused, Unavailable) as error:
        return error


def _look_at(
    order: OpenPayout, account: _Paying, limit: int
) -> tuple[Account, _Payee] | Refused | Unavailable:
    """What can be judged before anybody is asked."""
    if not isinstance(account, Account):
        return account
    if order.amount > limit:
        message = f"a payout may be at most {limit} centavos"
        return Refused("amount_above_limit", message, field="amount")
    try:
        return account, _payee(order.recipient)
    except Refused as refused:
        return refused


def _payee(said: RecipientSaid) -> _Payee:
    if said.account is not UNSET:
        if said.pix_key is not UNSET or said.pix_key_type is not None:
            message = "a recipient is a PIX key or an account, not both"
            raise Refused("validation_failed", message, field="recipient.account")
        return _holder(said.account)

    assert said.pix_key is not UNSET, "a recipient without either is not read"
    if said.pix_key_type is None:
        return keys.classify(said.pix_key, field="recipient.pix_key")
    key = keys.parse_key(said.pix_key_type, said.pix_key, field="recipient.pix_key")
    return keys.KeyKind(said.pix_key_type), key


def _holder(said: RecipientAccountSaid) -> Recipient:
    field = "recipient.account"
    _, document = parse_document(said.holder.document, field=f"{field}.holder.document")
    return Recipient(
        name=parse_holder_name(said.holder.name, field=f"{field}.holder.name"),
        document=document,
        ispb=parse_ispb(said.ispb, field=f"{field}.ispb"),
        account=parse_account(said.type, said.branch, said.number, field=field),
    )


def _recipient(
    ispb: str, payee: _Payee, owners: Mapping[str, Owner]
) -> Recipient | Refused | Unavailable:
    if isinstance(payee, Recipient):
        return _same_institution("recipient.account.ispb") if payee.ispb == ispb else payee

    kind, key = payee
    found = owners[key]
    if isinstance(found, Unavailable):
        return found
    if found is None:
        return Refused("pix_key_not_found", "nobody has this PIX key", field="recipient.pix_key")
    if found.ispb == ispb:
        return _same_institution("recipient.pix_key")
    return msgspec.structs.replace(found, pix_key=key, pix_key_type=kind.value)


def _same_institution(field: str) -> Refused:
    return Refused(
        "same_institution",
        "the recipient is a customer of this institution: use a transfer (AG12)",
        field=field,
    )


def _payout(
    tenant: Tenant, order: OpenPayout, account: Account, recipient: Recipient, now: datetime
) -> Payout:
    return Payout(
        id=tenant.ids.new("pay"),
        merchant_id=account.merchant_id,
        account_id=account.id,
        end_to_end_id=build_end_to_end_id(tenant.ispb, now, tenant.ids.letters(11)),
        amount=order.amount,
        description=order.description,
        recipient=recipient,
        stage=PayoutStage.CREATED,
        created_at=now,
        updated_at=now,
        metadata=order.metadata,
    )
