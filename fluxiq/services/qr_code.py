"""BR Codes without a charge: a poster at the counter, or somebody else's code to be understood."""

from collections.abc import Mapping
from typing import Final

from fluxiq.domain import brcode, keys
from fluxiq.domain.brcode import PointOfInitiation
from fluxiq.domain.records import Merchant
from fluxiq.errors import Refused
from fluxiq.services.accounts import find_account, working_account
from fluxiq.services.merchants import own_merchant
from fluxiq.services.messages.qr_codes import (
    DynamicCode,
    OpenQrCode,
    ParseQrCode,
    QrCodeRead,
    QrCodeView,
    StaticCode,
    qr_code_read,
)
from fluxiq.services.qr_image import qr_image
from fluxiq.services.tenant import Tenant

FORMAT: Final = "image/png"

# What the builder calls its parts, in the caller's words. The template of the account holds key and
# description, and is named where both are too long together.
_FIELDS: Final = {"key": "pix_key", "info": "description", "26": "description"}


async def open_qr_code(tenant: Tenant, merchant_id: str, request: OpenQrCode) -> QrCodeView:
    """Nothing is written down: the same request gives the same code.

    Raises Refused: pix_key_not_found for a key that is not the merchant's, no_pix_key,
    account_not_found, or invalid_qr_code for what does not fit into a code.
    """
    merchant = await own_merchant(tenant, merchant_id, merchant_id)
    try:
        if isinstance(request, DynamicCode):
            kind, text = "dynamic", _dynamic(merchant, request)
        else:
            kind, text = "static", _static(merchant, request, await _key(tenant, merchant, request))
    except Refused as refused:
        raise _named(refused, _FIELDS) from None
    return QrCodeView(type=kind, qr_code=text, qr_code_image=qr_image(text), format=FORMAT)


def read_qr_code(request: ParseQrCode) -> QrCodeRead:
    """Everything a code says. Raises Refused: invalid_qr_code for one that was altered or cut, and
    what a value in it is refused for; `emv_field` is EMV's path of the culprit.
    """
    try:
        return qr_code_read(brcode.parse(request.qr_code))
    except Refused as refused:
        where = refused.details.get("field")
        raise Refused(
            refused.code, refused.message, field="qr_code", details={"emv_field": where}
        ) from None


def _static(merchant: Merchant, request: StaticCode, key: str) -> str:
    return brcode.build(
        key=key,
        amount=request.amount,
        info=request.description,
        txid=request.txid,
        merchant_name=brcode.fit_text(merchant.name, brcode.NAME_LENGTH_MAX, ascii_only=True),
        merchant_city=brcode.fit_text(merchant.city, brcode.CITY_LENGTH_MAX, ascii_only=True),
        ascii_only=True,  # as charges are: a QR code says nothing of its characters
    )


def _dynamic(merchant: Merchant, request: DynamicCode) -> str:
    return brcode.build(
        url=request.url.removeprefix("https://"),
        point_of_initiation=PointOfInitiation.ONCE,
        merchant_name=brcode.fit_text(merchant.name, brcode.NAME_LENGTH_MAX, ascii_only=True),
        merchant_city=brcode.fit_text(merchant.city, brcode.CITY_LENGTH_MAX, ascii_only=True),
        ascii_only=True,
    )


async def _key(tenant: Tenant, merchant: Merchant, request: StaticCode) -> str:
    """The key that is paid: the one named, if it is the merchant's, else the account's first."""
    if request.pix_key is None:
        account = await working_account(tenant, merchant.id, request.account_id)
        owned = await tenant.store.pix_keys_of(account.id)
        if not owned:
            raise Refused("no_pix_key", f"account {account.id} has no PIX key", field="account_id")
        return owned[0].key

    _, key = keys.classify(request.pix_key)
    found = await tenant.store.find_pix_key(key)
    if found is None or request.account_id not in {None, found.account_id}:
        raise _not_yours()
    try:
        await find_account(tenant, merchant.id, found.account_id)
    except Refused:
        raise _not_yours() from None
    return key


def _not_yours() -> Refused:
    """The same whether it is somebody else's or nobody's: a code must not tell."""
    return Refused("pix_key_not_found", "none of your accounts has this key", field="pix_key")


def _named(refused: Refused, names: Mapping[str, str]) -> Refused:
    details = dict(refused.details)
    field = details.pop("field", None)
    return Refused(
        refused.code, refused.message, field=names.get(str(field), field), details=details
    )
