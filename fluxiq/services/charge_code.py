"""The BR Code of a charge: dynamic where the provider hosts charges, else static.

A dynamic code leads to the charge as the provider has it: the payer's bank shows its amount, and
refuses it once it has expired, was paid or removed. When the provider does not make one, the code
is static, as it is everywhere else: what differs is who notices a payment that comes late, and that
is settled here in either case (docs/decisions/0002). To refuse the charge instead would have a
merchant not be paid because its provider was slow. Of a location that was made and whose answer was
lost nobody is ever told, so nobody can pay it; it expires by itself.
"""

from typing import Final

import structlog
from msgspec import Struct

from fluxiq.domain import brcode
from fluxiq.domain.brcode import PointOfInitiation
from fluxiq.domain.records import STATIC_TXID_LENGTH_MAX, Merchant, Person
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.locations import LocationWanted
from fluxiq.services.tenant import Tenant

NAME_LENGTH_MAX: Final = 25
CITY_LENGTH_MAX: Final = 15
ULID_LENGTH: Final = 26

_log = structlog.get_logger("charges")


class ToBePaid(Struct, frozen=True, kw_only=True):
    """What a code is made of. `amount` in centavos."""

    charge_id: str
    merchant: Merchant
    pix_key: str
    amount: int
    lasts_seconds: int
    payer: Person | None
    description: str


class Code(Struct, frozen=True):
    """The text of a BR Code, and the txid by which a receipt of it is matched."""

    txid: str
    text: str


async def draw_code(tenant: Tenant, wanted: ToBePaid) -> Code:
    """Waits for the provider, where it hosts charges. Raises Refused for a name or key that no code
    can carry.
    """
    if tenant.provider.offers_locations:
        try:
            return await _dynamic(tenant, wanted)
        except (Unavailable, Refused) as error:
            _log.warning("charge_not_hosted", charge=wanted.charge_id, reason=str(error))
    return _static(wanted)


async def _dynamic(tenant: Tenant, wanted: ToBePaid) -> Code:
    """Raises Unavailable, and Refused for a location that no code can carry."""
    txid = wanted.charge_id[-ULID_LENGTH:]
    location = await tenant.provider.open_location(
        LocationWanted(
            txid=txid,
            amount=wanted.amount,
            pix_key=wanted.pix_key,
            lasts_seconds=wanted.lasts_seconds,
            payer=wanted.payer,
            description=wanted.description,
        )
    )
    text = brcode.build(
        url=location,
        merchant_name=brcode.fit_text(wanted.merchant.name, NAME_LENGTH_MAX, ascii_only=True),
        merchant_city=brcode.fit_text(wanted.merchant.city, CITY_LENGTH_MAX, ascii_only=True),
        point_of_initiation=PointOfInitiation.ONCE,
        ascii_only=True,
    )
    return Code(txid, text)


def _static(wanted: ToBePaid) -> Code:
    txid = wanted.charge_id[-STATIC_TXID_LENGTH_MAX:]  # the ULID less its first character
    text = brcode.build(
        key=wanted.pix_key,
        amount=wanted.amount,
        merchant_name=brcode.fit_text(wanted.merchant.name, NAME_LENGTH_MAX, ascii_only=True),
        merchant_city=brcode.fit_text(wanted.merchant.city, CITY_LENGTH_MAX, ascii_only=True),
        txid=txid,
        ascii_only=True,  # a QR code says nothing of its characters: scanners guess
    )
    return Code(txid, text)
