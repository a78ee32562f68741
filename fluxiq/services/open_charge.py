"""A merchant asks to be paid: a charge with its BR Code, on paper in one transaction.

The code carries the charge's txid, by which the receipt is matched, or leads to it (`charge_code`).
Whoever shows the charge, the expiry is ours too: a payment that comes later is credited but leaves
the charge expired (`domain.receipt`).
"""

from datetime import timedelta

from fluxiq.domain.documents import parse_document
from fluxiq.domain.records import (
    Account,
    Charge,
    ChargeStatus,
    Event,
    Merchant,
    Person,
    PixKey,
)
from fluxiq.errors import Refused
from fluxiq.ports import ChargeOpening, Fresh, Idempotency
from fluxiq.services.accounts import working_account
from fluxiq.services.charge_code import ToBePaid, draw_code
from fluxiq.services.messages.charges import ChargeView, OpenCharge, charge_view
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.words import PersonSaid
from fluxiq.services.qr_image import qr_image
from fluxiq.services.replay import replay, replay_if_known
from fluxiq.services.tenant import Tenant


async def open_charge(
    tenant: Tenant, merchant_id: str, request: OpenCharge, idempotency: Idempotency | None
) -> Answer:
    """Raises Refused for the account, the payer's document, or a key used for another body."""
    if tenant.provider.offers_locations:  # it is not asked again for what was made before
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is not None:
            return answer

    try:
        charge = await _draw_up(tenant, merchant_id, request)
    except Refused:
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is None:
            raise
        return answer

    body = encode(Data(charge_view(charge, qr_image(charge.qr_code))))
    event = Event(
        id=tenant.ids.new("evt"),
        merchant_id=merchant_id,
        type="pix.charge.created",
        created_at=charge.created_at,
        data=charge_view(charge),
    )

    opening = await tenant.store.open_charge(
        ChargeOpening(charge=charge, event=event, response=body, idempotency=idempotency)
    )
    if not isinstance(opening, Fresh):
        return replay(opening)

    tenant.relay.ring()
    tenant.couriers.ring(opening.endpoint_ids)
    return Answer(body=body)


async def show_charge(tenant: Tenant, merchant_id: str, charge_id: str) -> ChargeView:
    charge = await find_charge(tenant, merchant_id, charge_id)
    return charge_view(charge, qr_image(charge.qr_code))


async def find_charge(tenant: Tenant, merchant_id: str, charge_id: str) -> Charge:
    """Raises Refused("charge_not_found"), also for a charge of another merchant."""
    charge = await tenant.store.find_charge(charge_id)
    if charge is None or charge.merchant_id != merchant_id:
        raise Refused("charge_not_found", f"no charge {charge_id}", field="charge_id")
    return charge


async def _draw_up(tenant: Tenant, merchant_id: str, request: OpenCharge) -> Charge:
    account = await working_account(tenant, merchant_id, request.account_id)
    payee = await tenant.recent_payees.get(account.id, lambda: _find_payee(tenant, account))
    if payee is None:
        raise Refused("no_pix_key", f"account {account.id} has no PIX key", field="account_id")

    merchant, key = payee
    now = tenant.clock.now()
    charge_id = tenant.ids.new("chg")
    payer = _person(request.payer)
    lasts = request.expiration or tenant.settings.pix.charge_expiration_seconds
    code = await draw_code(
        tenant,
        ToBePaid(
            charge_id=charge_id,
            merchant=merchant,
            pix_key=key.key,
            amount=request.amount,
            lasts_seconds=lasts,
            payer=payer,
            description=request.description,
        ),
    )
    return Charge(
        id=charge_id,
        merchant_id=merchant_id,
        account_id=account.id,
        txid=code.txid,
        amount=request.amount,
        description=request.description,
        payer=payer,
        pix_key=key.key,
        qr_code=code.text,
        status=ChargeStatus.PENDING,
        expires_at=now + timedelta(seconds=lasts),
        created_at=now,
        metadata=request.metadata,
    )


async def _find_payee(tenant: Tenant, account: Account) -> tuple[Merchant, PixKey] | None:
    """The merchant and the account's first key; None while it has none."""
    keys = await tenant.store.pix_keys_of(account.id)
    merchant = await tenant.store.find_merchant(account.merchant_id)
    assert merchant is not None, f"{account.id} belongs to a merchant that does not exist"
    return (merchant, keys[0]) if keys else None


def _person(said: PersonSaid | None) -> Person | None:
    if said is None:
        return None
    _, document = parse_document(said.document, field="payer.document")
    return Person(document=document, name=said.name)
