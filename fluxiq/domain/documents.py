"""CPF and CNPJ: who somebody is, for the Receita Federal.

A CNPJ is alphanumeric since July 2026 (Instrução Normativa RFB 2.229/2024): twelve characters of
0-9 and A-Z, and two check digits, where a character counts as its ASCII code less 48. The rule is
the old one for the old numbers.
"""

import re
from enum import StrEnum

from fluxiq.errors import Refused

_CPF = re.compile(r"[0-9]{11}")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_PUNCTUATION = str.maketrans("", "", ".-/ ")
_CPF_WEIGHTS = (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)
_CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


class DocumentKind(StrEnum):
    """A natural person has a CPF, a company a CNPJ."""

    CPF = "CPF"
    CNPJ = "CNPJ"


def parse_document(text: str, *, field: str = "document") -> tuple[DocumentKind, str]:
    """The kind and the bare form (11 or 14 characters, upper case) of a CPF or CNPJ, written with
    or without its punctuation. Raises Refused `invalid_document`, which never repeats the text.
    """
    bare = text.translate(_PUNCTUATION)
    # Upper-casing first would turn letters that are not ASCII into some that are.
    kind = document_kind(bare := bare.upper()) if bare.isascii() else None
    if kind is None:
        raise Refused("invalid_document", "not a valid CPF or CNPJ", field=field)

    return kind, bare


def document_kind(bare: str) -> DocumentKind | None:
    """What a document in bare form is, check digits included; None when it is neither."""
    if is_cpf(bare):
        return DocumentKind.CPF

    if is_cnpj(bare):
        return DocumentKind.CNPJ

    return None


def is_cpf(bare: str) -> bool:
    """Whether eleven digits are a CPF: right check digits, and not all equal."""
    if _CPF.fullmatch(bare) is None or len(set(bare)) == 1:
        return False

    return _checked(bare, _CPF_WEIGHTS)


def is_cnpj(bare: str) -> bool:
    """Whether fourteen characters are a CNPJ: right check digits, and not all equal."""
    if _CNPJ.fullmatch(bare) is None or len(set(bare)) == 1:
        return False

    return _checked(bare, _CNPJ_WEIGHTS)


def mask_document(text: str) -> str:
    """A document for logs: three characters of eleven, or six of fourteen, still show. Anything
    that has not the length of a document is hidden whole.
    """
    bare = text.translate(_PUNCTUATION)
    if len(bare) == len("00000000000"):
        return f"***.***.{bare[6:9]}-**"

    if len(bare) == len("00000000000000"):
        return f"**.{bare[2:5]}.{bare[5:8]}/****-**"

    return "***"


def _checked(bare: str, weights: tuple[int, ...]) -> bool:
    """Whether both check digits are right. `weights` are the second digit's; the first digit's are
    the same without the leftmost one.
    """
    values = [ord(character) - 48 for character in bare]
    first = _check_digit(values[:-2], weights[1:])
    second = _check_digit(values[:-1], weights)
    return values[-2:] == [first, second]


def _check_digit(values: list[int], weights: tuple[int, ...]) -> int:
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    remainder = total % 11
    return 0 if remainder < 2 else 11 - remainder  # noqa: PLR2004 - the rule's own number
