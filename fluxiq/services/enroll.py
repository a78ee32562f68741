"""A merchant moves in: its record, an account with its PIX keys, and the first API key."""

import uuid
from collections.abc import Sequence

import msgspec

from fluxiq.domain import keys as pix_keys
from fluxiq.domain import postings
from fluxiq.domain.documents import parse_document
from fluxiq.domain.fee import NO_FEE, AgreedFee, FeePlan
from fluxiq.domain.records import (
    Account,
    AccountStatus,
    ApiKey,
    Event,
    Merchant,
    PixKey,
)
from fluxiq.ports import Enrollment, Fresh, Idempotency
from fluxiq.services.authenticate import last_characters, new_key
from fluxiq.services.messages.accounts import account_view
from fluxiq.services.messages.envelope import encode
from fluxiq.services.replay import Refusal, replay, replay_if_known
from fluxiq.services.tenant import Tenant

PRODUCT = "prod_pix_merchant"


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as it starts. `api_key` is its text: it cannot be shown again."""

    merchant: Merchant
    account: Account
    pix_keys: tuple[str, ...]
    api_key: str


async def open_house(tenant: Tenant) -> None:
    """The institution's own ledger accounts, before its first payment. Twice is once."""
    await tenant.ledger.create_accounts(
        postings.house_accounts(tenant.ispb, tenant.institution.ledger)
    )


async def enroll_merchant(
    tenant: Tenant,
    *,
    name: str,
    document: str,
    city: str,
    keys: Sequence[str] = (),
    permissions: tuple[str, ...] = ("*",),
    idempotency: Idempotency | None = None,
) -> Enrolled:
    """Whole, or not at all. Raises Refused for a document that is malformed, for a key that is
    malformed or taken, and "merchant_enrolled" for an idempotency key that made one before: its
    API key was told then, and is on no paper from which it could be told again.
    """
    await replay_if_known(tenant, tenant.ispb, idempotency)  # raises: a replay is a refusal
    now = tenant.clock.now()
    _, bare = parse_document(document)
    merchant = Merchant(
        id=tenant.ids.new("mch"), name=name, document=bare, city=city, created_at=now
    )
    account_id = tenant.ids.new("acc")
    account = Account(
        id=account_id,
        merchant_id=merchant.id,
        ledger_id=postings.customer_ledger_id(tenant.ispb, account_id),
        product_id=PRODUCT,
        name=name,
        status=AccountStatus.ACTIVE,
        created_at=now,
    )
    owned = [_pix_key(account, key) for key in (*keys, str(uuid.UUID(bytes=tenant.ids.secret(16))))]
    text = new_key(tenant)

    await tenant.ledger.create_accounts(
        [postings.customer_account(account.ledger_id, tenant.institution.ledger)]
    )
    opening = await tenant.store.enroll(
        Enrollment(
            merchant=merchant,
            account=account,
            keys=owned,
            event=_event(tenant, account, owned),
            api_key=ApiKey(
                id=tenant.ids.new("key"),
                merchant_id=merchant.id,
                name="first key",
                key_hash=tenant.key_hash(text),
                permissions=permissions,
                created_at=now,
                last_characters=last_characters(text),
            ),
            refusal=encode(_made_before(account)),
            idempotency=idempotency,
            fee=_fee(tenant, merchant),
        )
    )
    if not isinstance(opening, Fresh):
        replay(opening)
    assert isinstance(opening, Fresh), "a replay is a refusal, and raised"
    return Enrolled(
        merchant=merchant,
        account=account,
        pix_keys=tuple(key.key for key in owned),
        api_key=text,
    )


def _fee(tenant: Tenant, merchant: Merchant) -> AgreedFee | None:
    """What the institution asks of everybody, agreed as the merchant moves in: what it asks of
    others later is not asked of this one.
    """
    plan = FeePlan(**msgspec.structs.asdict(tenant.institution.receiving_fee))
    if plan == NO_FEE:
        return None
    return AgreedFee(
        merchant_id=merchant.id,
        version=1,
        plan=plan,
        valid_from=merchant.created_at,
        set_by="platform",
    )


def _made_before(account: Account) -> Refusal:
    return Refusal(
        code="merchant_enrolled",
        message="this key has enrolled a merchant; its API key was told then, and only then",
        details={"merchant_id": account.merchant_id, "account_id": account.id},
    )


def _pix_key(account: Account, text: str) -> PixKey:
    kind, key = pix_keys.classify(text)
    return PixKey(key=key, kind=kind, account_id=account.id, created_at=account.created_at)


def _event(tenant: Tenant, account: Account, owned: Sequence[PixKey]) -> Event:
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=account.merchant_id,
        type="account.created",
        created_at=account.created_at,
        data=account_view(account, tuple(key.key for key in owned)),
    )
