"""What must never reach a log: documents, PIX keys, names and secrets.

They are known by the name of their field, or by their shape in a text (`shapes`). The processor of
the logs, the operators' socket, the crash book and the answers to refused requests go by it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fluxiq.domain.documents import mask_document
from fluxiq.domain.keys import mask_key
from fluxiq.telemetry.shapes import HIDDEN, masked

DEPTH_MAX: Final = 6

_DOCUMENTS = frozenset({"document", "cpf", "cnpj", "payer_document", "recipient_document"})
_KEYS = frozenset({"pix_key", "pix_keys", "recipient_key", "email", "phone"})
# A `name` alone is mostly that of a process or an index: of somebody it is inside of one of these,
# or beside a document.
_PEOPLE = frozenset(
    {"payer", "recipient", "person", "owner", "payee", "holder", "user", "merchant"}
)
_NAMES = frozenset(
    {
        "payer_name", "recipient_name", "owner_name", "holder_name", "person_name", "legal_name",
        "trade_name", "full_name",
    }
)  # fmt: skip
_SECRETS = _NAMES | frozenset(
    {
        "api_key", "authorization", "cookie", "key_hash", "password", "pepper", "secret",
        "signature", "token", "access_token", "refresh_token", "password_hash", "totp_secret",
        "totp_pending", "recovery_codes", "current_password", "new_password", "totp", "set-cookie",
        "set_cookie", "previous_secret", "client_secret", "webhook_secret", "qr_code", "br_code",
        "private_key", "document_index", "key_index",
    }
)  # fmt: skip


def redact(fields: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A copy with every secret hidden and every document and PIX key masked."""
    # A key of a mapping is a text too, and may be a document.
    return {masked(name): _redact(name.lower(), value, depth) for name, value in fields.items()}


def redact_text(text: str) -> str:
    """`text` without the secrets and people that its shapes give away."""
    return masked(text)


def _redact(name: str, value: Any, depth: int) -> Any:
    if name in _SECRETS or depth > DEPTH_MAX:
        return None if value is None else HIDDEN
    match value:
        case None | bool() | int() | float():
            # A document that is a number has lost its zeros: it is like no other text.
            return HIDDEN if name in _DOCUMENTS and value is not None else value
        case msgspec.Struct():
            return _redact_record(name, msgspec.structs.asdict(value), depth)
        case Mapping():
            return _redact_record(name, value, depth)
        case list() | tuple() | set() | frozenset():
            return [_redact(name, one, depth + 1) for one in value]
        case _:
            return _redact_text_of(name, value)


def _redact_record(name: str, record: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    fields = {str(key): one for key, one in record.items()}
    if "name" in fields and (name in _PEOPLE or _DOCUMENTS & fields.keys()):
        fields["name"] = HIDDEN
    if {"branch", "number"} <= fields.keys():
        fields["number"] = HIDDEN  # of somebody's account
    return redact(fields, depth + 1)


def _redact_text_of(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"

    # Other things print their fields: a repr is a text like any other.
    text = value if isinstance(value, str) else repr(value)
    if name in _DOCUMENTS:
        return mask_document(text)
    if name in _KEYS:
        return mask_key(text)
    return masked(text)
