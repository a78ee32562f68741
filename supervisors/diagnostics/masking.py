"""Texts without the secrets that their names or shapes give away.

A message is written by anybody and read by many. What is masked too often costs a guess; what is
masked too rarely cannot be taken back.
"""

import re

from supervisors.redaction import MASK, SECRET_WORDS

TEXT_CHARACTERS_MAX = 1000

_NAMES = "|".join(sorted(SECRET_WORDS))

# `password=…`, `"cpf": "…"`, `Key(pix_key='…')`; but KeyError: 'amount' is a name and no secret.
_NAMED = re.compile(
    rf"""(?P<name>(?<![\w.-])(?![\w.]*(?:Error|Exception|Group)\b)(?=[\w.-]*(?:{_NAMES}))[\w.-]++
         ["']?\s*[=:]\s*)
         (?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;)\]}}]+)""",
    re.IGNORECASE | re.VERBOSE,
)

# Possessive (`++`) or anchored at the start of a word, so that no text takes more than linear time.
_SHAPES = re.compile(
    r"""
    -----BEGIN\ [A-Z ]+-----(?:(?!-----END)[\s\S])*+(?:-----END\ [A-Z ]+-----)?
    | (?<=://)[^\s/@:]*:[^\s/@]+(?=@)                                # password in an address
    | (?<=\bBearer\ )\S+ | (?<=\bBasic\ )\S+
    | \beyJ[\w-]+\.[\w-]+\.[\w-]*                                    # JSON web token
    | \b[a-z]{2,10}_(?:live|test|prod)_\w+ | \b[a-z]{0,8}sec(?:ret)?_[\w+/=]+
    | \b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b       # random key
    | (?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+                      # e-mail
    | (?<!\w)\+\d{10,14}\b                                           # telephone
    | \b\d{3}\.\d{3}\.\d{3}-\d{2}\b | \b\d{11}\b                     # CPF
    | \b[\dA-Z]{2}\.[\dA-Z]{3}\.[\dA-Z]{3}/[\dA-Z]{4}-\d{2}\b | \b\d{14}\b   # CNPJ
    | \b[0-9a-f]{32,}\b                                              # key, digest
    | \b(?=\w*\d)(?=\w*[a-z])(?=\w*[A-Z])[A-Za-z0-9]{33,}={0,2}      # the same in base 64
    """,
    re.VERBOSE,
)


def masked_text(text: str) -> str:
    """Return at most TEXT_CHARACTERS_MAX characters of a text, what looks secret masked."""
    # Cut roughly first: the time is bounded, and what the cut left of a secret is not shown.
    rough = text[: 2 * TEXT_CHARACTERS_MAX]
    masked = _SHAPES.sub(MASK, _NAMED.sub(rf"\g<name>{MASK}", rough))
    if len(rough) < len(text) or len(masked) > TEXT_CHARACTERS_MAX:
        return masked[:TEXT_CHARACTERS_MAX] + "…"
    return masked
