"""What must never reach a log: documents, PIX keys and secrets.

They are known by the name of their field, or by their shape in a text.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from fluxiq.domain.documents import mask_document
from fluxiq.domain.keys import mask_key

HIDDEN: Final = "***"
DEPTH_MAX: Final = 6

_DOCUMENTS = frozenset({"document", "cpf", "cnpj", "payer_document", "recipient_document"})
_KEYS = frozenset({"pix_key", "pix_keys", "recipient_key"})
_SECRETS = frozenset(
    {
        "api_key", "authorization", "cookie", "key_hash", "password", "pepper", "secret",
        "signature", "token", "access_token", "refresh_token",
    }
)  # fmt: skip

# API keys, webhook secrets, JWTs, passwords in URLs, documents as people write them.
_SHAPES = re.compile(
    r"(?P<hidden>\bsk_(?:live|test)_\w+|\bwhsec_[\w+/=]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
    r"|(?<=://)[^\s/@]*:[^\s/@]+(?=@))"
    r"|(?P<document>\b\d{3}\.\d{3}\.\d{3}-\d{2}\b|\b[\dA-Z]{2}\.[\dA-Z]{3}\.[\dA-Z]{3}/[\dA-Z]{4}-\d{2}\b)"
)


def redact(fields: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A copy with every secret hidden and every document and PIX key masked."""
    return {name: _redact(name.lower(), value, depth) for name, value in fields.items()}


def redact_text(text: str) -> str:
    """`text` without the secrets and documents that its shapes give away."""
    return _SHAPES.sub(_masked, text)


def _redact(name: str, value: Any, depth: int) -> Any:
    if name in _SECRETS or depth > DEPTH_MAX:
        return None if value is None else HIDDEN
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return redact(value, depth + 1)
        case list() | tuple() | set() | frozenset():
            return [_redact(name, one, depth + 1) for one in value]
        case bytes():
            return f"{len(value)} bytes"
        case _:
            # Records print their fields: a repr is a text like any other.
            return _redact_text_of(name, value if isinstance(value, str) else repr(value))


def _redact_text_of(name: str, text: str) -> str:
    if name in _DOCUMENTS:
        return mask_document(text)
    if name in _KEYS:
        return mask_key(text)
    return redact_text(text)


def _masked(found: re.Match[str]) -> str:
    return mask_document(found[0]) if found["document"] else HIDDEN
