"""PIX keys and their owners, as merchants are told."""

from msgspec import Struct

from fluxiq.domain.documents import mask_document
from fluxiq.domain.records import Recipient


class OwnerView(Struct, frozen=True, kw_only=True):
    """`document` is masked: enough to recognise somebody, not to learn who it is."""

    name: str
    document: str


class KeyView(Struct, frozen=True, kw_only=True):
    """`bank_name` is null where only the ISPB is known."""

    key: str
    key_type: str
    owner: OwnerView
    ispb: str
    bank_name: str | None


def key_view(key: str, owner: Recipient, bank_name: str | None) -> KeyView:
    return KeyView(
        key=key,
        key_type=owner.pix_key_type,
        owner=OwnerView(name=owner.name, document=mask_document(owner.document)),
        ispb=owner.ispb,
        bank_name=bank_name,
    )
