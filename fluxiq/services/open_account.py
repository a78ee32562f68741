"""A merchant opens another account: in the ledger first, then on paper.

The ledger's account has an id derived from ours, and holds nothing: one that a crash left without
its record is never paid into.
"""

import uuid

from fluxiq.domain import postings
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.keys import KeyKind
from fluxiq.domain.product import Product, product_named
from fluxiq.domain.records import Account, AccountStatus, Event, PixKey
from fluxiq.ports import Fresh, Idempotency
from fluxiq.ports.accounts import AccountOpening
from fluxiq.services.messages.accounts import OpenAccount, account_view
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant


async def open_account(
    tenant: Tenant,
    merchant_id: str,
    actor: str,
    request: OpenAccount,
    idempotency: Idempotency | None,
) -> Answer:
    """Raises Refused for an unknown product, or a key used for another body."""
    product = product_named(request.product_id)
    now = tenant.clock.now()
    account_id = tenant.ids.new(IdPrefix.ACCOUNT)
    account = Account(
        id=account_id,
        merchant_id=merchant_id,
        ledger_id=postings.customer_ledger_id(tenant.ispb, account_id),
        product_id=product.id,
        name=request.name,
        status=AccountStatus.ACTIVE,
        created_at=now,
        metadata=request.metadata,
    )
    keys = _keys(tenant, account, product)
    view = account_view(account, tuple(key.key for key in keys))
    body = encode(Data(view))
    event = Event(
        id=tenant.ids.new(IdPrefix.EVENT),
        merchant_id=merchant_id,
        type="account.created",
        created_at=now,
        data=view,
    )

    await tenant.ledger.create_accounts(
        [postings.customer_account(account.ledger_id, tenant.institution.ledger)]
    )
    opening = await tenant.accounts.open(
        AccountOpening(
            account=account,
            keys=keys,
            event=event,
            response=body,
            idempotency=idempotency,
            actor=actor,
        )
    )
    if not isinstance(opening, Fresh):
        return replay(opening)

    tenant.relay.ring()
    tenant.couriers.ring(opening.endpoint_ids)
    return Answer(body=body)


def _keys(tenant: Tenant, account: Account, product: Product) -> tuple[PixKey, ...]:
    """A random key, where the product can be paid by PIX."""
    if not product.has_pix_key:
        return ()

    key = str(uuid.UUID(bytes=tenant.ids.secret(16), version=4))
    return (
        PixKey(key=key, kind=KeyKind.EVP, account_id=account.id, created_at=account.created_at),
    )
