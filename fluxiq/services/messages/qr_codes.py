"""BR Codes beside charges: what merchants say, and what they are told."""

from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.domain.brcode import INFO_LENGTH_MAX, BrCode
from fluxiq.domain.keys import classify
from fluxiq.services.messages.words import Centavos


class StaticCode(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="type",
    tag="static",
):
    """Paid as often as somebody likes. Without `amount` the payer chooses; without `pix_key` it is
    the first one of the account.
    """

    pix_key: Annotated[str, Meta(min_length=1, max_length=77)] | None = None
    account_id: str | None = None
    amount: Centavos | None = None
    description: Annotated[str, Meta(min_length=1, max_length=INFO_LENGTH_MAX)] | None = None
    txid: Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,25}$")] | None = None


class DynamicCode(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="type",
    tag="dynamic",
):
    """`url` is where the payer's institution reads the signed charge; https goes without saying."""

    url: Annotated[str, Meta(min_length=1, max_length=85)]


OpenQrCode = StaticCode | DynamicCode


class ParseQrCode(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    qr_code: Annotated[str, Meta(min_length=1, max_length=4096)]


class QrCodeView(Struct, frozen=True, kw_only=True):
    """`qr_code` is the text to copy and paste, `qr_code_image` its picture as a data URI of media
    type `format`.
    """

    type: str
    qr_code: str
    qr_code_image: str
    format: str


class QrCodeRead(Struct, frozen=True, kw_only=True):
    """What a BR Code says. `type`: static (with a key), dynamic (with a URL), or recurrence (with
    nothing but the URL of a recurrence). `point_of_initiation` is EMV's: 11 many times, 12 once.
    """

    type: str
    crc_valid: bool
    pix_key: str | None
    pix_key_type: str | None
    url: str | None
    recurrence_url: str | None
    amount: int | None
    currency: str
    txid: str | None
    description: str | None
    merchant_name: str
    merchant_city: str
    merchant_category: str
    point_of_initiation: str | None


def qr_code_read(code: BrCode) -> QrCodeRead:
    """Of a code that was parsed, so its CRC is right."""
    kind = None if code.key is None else classify(code.key)[0]
    return QrCodeRead(
        type=_type(code),
        crc_valid=True,
        pix_key=code.key,
        pix_key_type=kind,
        url=code.url,
        recurrence_url=code.recurrence_url,
        amount=code.amount,
        currency="BRL",
        txid=code.txid,
        description=code.info,
        merchant_name=code.merchant_name,
        merchant_city=code.merchant_city,
        merchant_category=code.merchant_category,
        point_of_initiation=code.point_of_initiation,
    )


def _type(code: BrCode) -> str:
    if code.is_static:
        return "static"
    return "recurrence" if code.url is None else "dynamic"
