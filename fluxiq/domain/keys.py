"""PIX keys: the aliases by which DICT finds an account.

Shapes are DICT's own (API DICT 2.x, schema `Key`); the kind follows from the text alone, since a
phone starts with a plus and an e-mail has an at sign.
"""

import re
from enum import StrEnum

from fluxiq.domain.documents import is_cnpj, is_cpf, mask_document
from fluxiq.errors import Refused

KEY_LENGTH_MAX = 77

_PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_PHONE_SHOWN = 4
_EVP = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DOCUMENT_PUNCTUATION = str.maketrans("", "", ".-/ ")
_PHONE_PUNCTUATION = str.maketrans("", "", "()- ")


class KeyKind(StrEnum):
    """DICT's five kinds, in DICT's words."""

    CPF = "CPF"
    CNPJ = "CNPJ"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    EVP = "EVP"


def classify(text: str, *, field: str = "pix_key") -> tuple[KeyKind, str]:
    """The kind of a key and the form DICT stores. Raises Refused `invalid_pix_key`.

    Accepts what people type: documents and phones with their punctuation, capitals in an e-mail or
    a random key. A phone needs its `+` and country: eleven digits are a CPF, or nothing.
    """
    for kind in KeyKind:
        normalised = _normalise(kind, text)
        if _VALID[kind](normalised):
            return kind, normalised

    meant = _meant(text)
    kind_meant = "any kind" if meant is None else f"kind {meant}"
    raise Refused("invalid_pix_key", f"not a PIX key of {kind_meant}", field=field)


def parse_key(kind: KeyKind | str, text: str, *, field: str = "pix_key") -> str:
    """The form DICT stores of a key that must be of `kind`. Raises Refused `invalid_pix_key`, or
    `invalid_pix_key_type` where the kind itself is not one of the five.
    """
    try:
        wanted = KeyKind(kind)
    except ValueError:
        raise Refused(
            "invalid_pix_key_type", f"expected one of {', '.join(KeyKind)}", field=f"{field}_type"
        ) from None

    normalised = _normalise(wanted, text)
    if not _VALID[wanted](normalised):
        raise Refused("invalid_pix_key", f"not a PIX key of kind {wanted}", field=field)

    return normalised


def mask_key(text: str) -> str:
    """A key for logs: enough to recognise, not enough to use. What is no key is hidden whole."""
    try:
        kind, key = classify(text)
    except Refused:
        return "***"

    match kind:
        case KeyKind.CPF | KeyKind.CNPJ:
            return mask_document(key)
        case KeyKind.PHONE:
            return f"+***{key[-_PHONE_SHOWN:]}" if len(key) > 2 * _PHONE_SHOWN else "+***"
        case KeyKind.EMAIL:
            name, _, host = key.partition("@")
            return f"{name[0]}***@{host}"
        case KeyKind.EVP:
            return f"{key[:8]}-***"


def _normalise(kind: KeyKind, text: str) -> str:
    if not text.isascii():
        # Changing case would turn a Kelvin sign into a k: somebody else's key.
        return text

    match kind:
        case KeyKind.CPF | KeyKind.CNPJ:
            return text.translate(_DOCUMENT_PUNCTUATION).upper()
        case KeyKind.PHONE:
            return text.translate(_PHONE_PUNCTUATION)
        case KeyKind.EMAIL | KeyKind.EVP:
            return text.strip().lower()


def _meant(text: str) -> KeyKind | None:
    """What somebody who wrote `text` wanted to write, for the refusal of what is none."""
    if text.startswith("+"):
        return KeyKind.PHONE
    if "@" in text:
        return KeyKind.EMAIL

    bare = text.translate(_DOCUMENT_PUNCTUATION)
    lengths = {11: KeyKind.CPF, 14: KeyKind.CNPJ, 32: KeyKind.EVP}
    return lengths.get(len(bare)) if bare.isalnum() else None


def _is_phone(key: str) -> bool:
    return _PHONE.fullmatch(key) is not None


def _is_evp(key: str) -> bool:
    return _EVP.fullmatch(key) is not None


def _is_email(key: str) -> bool:
    return len(key) <= KEY_LENGTH_MAX and _EMAIL.fullmatch(key) is not None


_VALID = {
    KeyKind.CPF: is_cpf,
    KeyKind.CNPJ: is_cnpj,
    KeyKind.PHONE: _is_phone,
    KeyKind.EMAIL: _is_email,
    KeyKind.EVP: _is_evp,
}
