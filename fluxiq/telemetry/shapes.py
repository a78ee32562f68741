"""What gives a secret or a person away in a text: the shapes of documents, PIX keys, BR Codes,
tokens and passwords, and values that are named in it.

A document is whatever `domain.documents` would take for one, however it is punctuated; check digits
keep amounts and numbers of payments readable. Every pattern takes linear time: gaps are possessive,
and what follows them is bounded.
"""

import re
import string
from collections.abc import Callable, Iterator
from typing import Final

from fluxiq.domain.documents import document_kind, mask_document
from fluxiq.domain.keys import mask_key

HIDDEN: Final = "***"

# API keys, webhook secrets, JWTs, refresh tokens, authenticators' secrets, passwords' hashes and
# passwords in URLs, private keys.
_SECRETS: Final = re.compile(
    r"""
    \bsk_(?:live|test)_\w+ | \bwhsec_[\w+/=]+ | \beyJ[\w-]+\.[\w-]+\.[\w-]+
    | \brt_[0-9A-Z]{8}\w+ | \bsecret=[A-Z2-7]+ | \$argon2id\$[\w+/=,$]+
    | (?<=\bBearer\ )\S+ | (?<=\bBasic\ )\S+
    | (?<=://)[^\s/@]*:[^\s/@]+(?=@)
    | -----BEGIN\ [A-Z ]+-----(?:(?!-----END)[\s\S])*+(?:-----END\ [A-Z ]+-----)?
    """,
    re.VERBOSE,
)

# A BR Code has the payee's key, name and city in it: it goes whole. One that was cut goes to where
# the text or its quotes end.
_CODES: Final = re.compile(
    r"000201(?=[^\n\"']{0,80}?br\.gov\.bcb\.pix)[^\n\"']{0,600}", re.IGNORECASE
)

# `name='Maria'`, `"document": "529…"`. Without quotes only after an equals sign, or prose would go;
# and no names, which mostly are those of processes.
_NAMES: Final = r"(?:person_|payer_|recipient_|owner_|holder_|legal_|trade_)?name"
_VALUES: Final = (
    r"(?:payer_|recipient_)?document|cpf|cnpj|e?mail|phone"
    r"|(?:recipient_|previous_)?pix_keys?|qr_code|br_code|recipient_key"
    r"|(?:\w*_)?(?:password|secret|token)|api_key|authorization|cookie|pepper"
)
_NAMED: Final = re.compile(
    rf"""
    (?P<name>(?<![\w.-])(?:["']?(?:{_NAMES}|{_VALUES})["']?\s*[=:]\s*(?=["'])|(?:{_VALUES})=))
    (?:"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[^\s,;)\]}}&]++)
    """,
    re.IGNORECASE | re.VERBOSE,
)

_PHONES: Final = re.compile(r"(?<!\w)\+[1-9](?:[() -]*+\d){9,14}(?!\d)")
_EMAILS: Final = re.compile(r"(?<![\w.+-])[\w.!#$%&'*+/?^`{|}~-]++@[\w-]++(?:\.[\w-]++)+")
_RANDOM: Final = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)

# Looked for at every place, also inside one another: hence the lookahead around them.
_GAP: Final = r"[.\-/ ]*+"
_CPFS: Final = re.compile(rf"(?<!\d)(?=(\d(?:{_GAP}\d){{10}})(?!\d))")
_CNPJS: Final = re.compile(rf"(?<!\d)(?=(\d(?:{_GAP}\d){{13}})(?!\d))")
_LETTERED: Final = re.compile(
    rf"(?<![0-9a-z])(?=([0-9a-z](?:{_GAP}[0-9a-z]){{11}}(?:{_GAP}[0-9]){{2}})(?![0-9a-z]))",
    re.IGNORECASE | re.ASCII,
)
_UNPUNCTUATED: Final = str.maketrans("", "", ".-/ ")
CPF_DIGITS: Final = 11
CNPJ_CHARACTERS: Final = 14

# What a text must have before a pattern is worth its time: most lines of a log have none of it.
_MARKS: Final = (
    "sk_", "whsec_", "eyJ", "rt_", "secret=", "$argon2id$", "Bearer ", "Basic ", "://",
    "-----BEGIN",
)  # fmt: skip
_SIGNS: Final = (("@", _EMAILS), ("+", _PHONES), ("-", _RANDOM))


def masked(text: str) -> str:
    """`text` without the people and secrets that it gives away."""
    if any(mark in text for mark in _MARKS):
        text = _SECRETS.sub(HIDDEN, text)
    if "=" in text or ":" in text:
        text = _NAMED.sub(rf"\g<name>{HIDDEN}", text)
    if "000201" in text:
        text = _CODES.sub(HIDDEN, text)
    for sign, shape in _SIGNS:
        if sign in text:
            text = shape.sub(_masked_key, text)
    spans = _documents(text)
    return _without(text, spans, mask_document) if spans else text


def _masked_key(found: re.Match[str]) -> str:
    return mask_key(found[0])


def _documents(text: str) -> list[tuple[int, int]]:
    """Where documents are; of two that overlap, both."""
    if len(text) < CPF_DIGITS:
        return []
    shapes = [_LETTERED] if len(text) >= CNPJ_CHARACTERS else []
    digits = sum(map(text.count, string.digits))
    if digits >= CPF_DIGITS:
        shapes.append(_CPFS)
    if digits >= CNPJ_CHARACTERS:
        shapes.append(_CNPJS)
    return sorted({found.span(1) for shape in shapes for found in _valid(shape, text)})


def _valid(shape: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    for found in shape.finditer(text):
        bare = found[1].translate(_UNPUNCTUATED)
        if bare.isascii() and document_kind(bare.upper()) is not None:
            yield found


def _without(text: str, spans: list[tuple[int, int]], mask: Callable[[str], str]) -> str:
    told, upto = [], 0
    for start, end in spans:
        if start >= upto:
            told += [text[upto:start], mask(text[start:end])]
        elif end > upto:
            told.append(HIDDEN)  # the end of one that begins inside another
        upto = max(upto, end)
    return "".join([*told, text[upto:]])
