"""The merchants of an institution, as its own people see them."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.documents import mask_document
from fluxiq.ports.customers import Customer
from fluxiq.services.messages.accounts import AccountView, BalanceView


class InstitutionMerchantView(Struct, frozen=True, kw_only=True):
    """A merchant, and how much there is of it. `document` is masked in lists, whole by itself.
    `users` are those not removed, `api_keys` those not revoked, `webhooks` those not deleted.
    """

    id: str
    name: str
    document: str
    city: str
    created_at: datetime
    accounts: int
    blocked_accounts: int
    users: int
    api_keys: int
    webhooks: int


class InstitutionAccountView(AccountView, frozen=True, kw_only=True):
    """An account with what is in it."""

    balance: BalanceView


def merchant_in_list(customer: Customer) -> InstitutionMerchantView:
    return _view(customer, mask_document(customer.merchant.document))


def merchant_alone(customer: Customer) -> InstitutionMerchantView:
    return _view(customer, customer.merchant.document)


def _view(customer: Customer, document: str) -> InstitutionMerchantView:
    merchant = customer.merchant
    return InstitutionMerchantView(
        id=merchant.id,
        name=merchant.name,
        document=document,
        city=merchant.city,
        created_at=merchant.created_at,
        accounts=customer.accounts,
        blocked_accounts=customer.blocked_accounts,
        users=customer.users,
        api_keys=customer.api_keys,
        webhooks=customer.webhooks,
    )
