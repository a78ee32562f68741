"""An example for any schema: words a reader recognizes where the name says what a field is.

Examples are made, not written, so that none is forgotten when a field changes; a test holds each
against its schema.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from fluxiq.services.messages.envelope import Json

DEPTH_MAX: Final = 40  # references and choices count too: deeper than this is a cycle

_ULID = "01KAP3Y8QCJZ0F0M3T2V9D8XKE"
_MOMENT = "2026-11-26T15:04:05.123456Z"
_CODE = (
    "00020126420014br.gov.bcb.pix0120padaria@example.com.52040000530398654061500.005802BR"
    "5917PADARIA DO BAIRRO6009SAO PAULO62070503***6304A1B2"
)

# By the name of the field. `id` is of what the schema shows; one without a name is an event.
_WORDS: Final[Mapping[str, Any]] = {
    "account_id": f"acc_{_ULID}",
    "amount": 15_000,
    "available": 70_000,
    "blocked": 0,
    "br_code": _CODE,
    "ca_file": "/etc/fluxiq/psp-ca.pem",
    "certificate_file": "/etc/fluxiq/psp.pem",
    "charge_id": f"chg_{_ULID}",
    "client_secret_file": "/run/secrets/client_secret",
    "code": "insufficient_funds",
    "currency": "BRL",
    "dead_letter_id": "17",
    "description": "two coffees and a book",
    "destination_account_id": "acc_01KAP3Y8QCJZ0F0M3T2V9D8XKF",
    "detail": "hold tb_01KAP3Y8QCJZ0F0M3T2V9D8XKE created",
    "difference_id": "17",
    "document": "00038166000105",
    "end_to_end_id": "E12345678202611261504abcDEF12345",
    "events": ["pix.charge.paid", "pix.payout.*"],
    "expiration": 3600,
    "idempotency_key": "order-1042",
    "ispb": "12345678",
    "institution": "12345678",
    "key": "sk_live_12345678EXAMPLEexampleEXAMPLEexample00003SS7NH",
    "key_file": "/run/secrets/psp.key",
    "line": "42",
    "merchant_id": f"mch_{_ULID}",
    "metadata": {"order": "1042"},
    "milliseconds": 1.25,
    "name": "Padaria do Bairro",
    "number": "3",
    "page": 1,
    "payout_id": f"pay_{_ULID}",
    "pending": 30_000,
    "per_page": 20,
    "permissions": ["pix:*", "accounts:read"],
    "pix_key": "somebody@example.com",
    "pix_key_type": "EMAIL",
    "pix_keys": ["padaria@example.com"],
    "product_id": "prod_pix_merchant",
    "provider": "simulator",
    "public_key_file": "/etc/fluxiq/psp.pub",
    "qr_code": _CODE,
    "qr_code_image": "data:image/png;base64,iVBORw0KGgo=",
    "reason_code": "AM04",
    "refund_id": f"ref_{_ULID}",
    "request_id": f"req_{_ULID}",
    "room": "vault",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "secret_file": "/run/secrets/psp",
    "source_account_id": f"acc_{_ULID}",
    "statement_path": "/statement",
    "status": "active",
    "time": "23:30",
    "token_url": "https://psp.example/oauth/token",
    "total": 100_000,
    "total_pages": 1,
    "transfer_id": f"xfer_{_ULID}",
    "txid": _ULID[1:],
    "url": "https://merchant.example/hooks",
}
_PREFIXES: Final[Mapping[str, str]] = {
    "Account": "acc",
    "ApiKey": "key",
    "Charge": "chg",
    "Delivery": "dlv",
    "Endpoint": "whk",
    "Merchant": "mch",
    "Payout": "pay",
    "PayoutBatch": "bat",
    "PayoutBatchWithLines": "bat",
    "Receipt": "pay",
    "Refund": "ref",
    "Request": "req",
    "Transfer": "xfer",
    "User": "usr",
    "WrittenPayoutBatch": "bat",
}
# What a name means in one schema only.
_THERE: Final[Mapping[tuple[str, str], Any]] = {
    ("Alive", "status"): "alive",
    ("Charge", "expiration"): _MOMENT,
    ("Charge", "status"): "pending",
    ("PageMeta", "total"): 1,
    ("Payout", "status"): "processing",
    ("Readiness", "status"): "ready",
    ("ServiceHealth", "status"): "up",
    ("Refund", "status"): "processing",
    ("Transfer", "status"): "completed",
}


def example_of(schema: Json, components: Json, name: str = "", inside: str = "") -> Any:
    """A value of `schema`; `name` is the field's, `inside` the component that has it."""
    return _Maker(components).make(schema, name, inside, 0)


class _Maker:
    def __init__(self, components: Json) -> None:
        self._components = components

    def make(self, schema: Json, name: str, inside: str, depth: int) -> Any:
        assert depth < DEPTH_MAX, f"the schema of {inside}.{name} is nested too deeply"
        if "$ref" in schema:
            inside = schema["$ref"].rpartition("/")[2]
            return self.make(self._components[inside], name, inside, depth + 1)
        for choices in (schema.get("anyOf"), schema.get("oneOf")):
            if choices:
                return self._first(choices, name, inside, depth)
        if (word := _word(schema, name, inside)) is not None:
            return word
        return self._by_type(schema, name, inside, depth)

    def _first(self, choices: list[Json], name: str, inside: str, depth: int) -> Any:
        """Of several, the first that is not null."""
        chosen = next((one for one in choices if one != {"type": "null"}), choices[0])
        return self.make(chosen, name, inside, depth + 1)

    def _by_type(self, schema: Json, name: str, inside: str, depth: int) -> Any:
        match schema.get("type"):
            case "object":
                return {
                    key: self.make(one, key, inside, depth + 1)
                    for key, one in schema.get("properties", {}).items()
                }
            case "array":
                items = schema.get("items")
                return [self.make(items, name, inside, depth + 1)] if items else []
        return _plain(schema)


def _word(schema: Json, name: str, inside: str) -> Any:
    """What we have a word for, if it may stand there."""
    for said in (schema.get("const"), *schema.get("enum", ())):
        if said is not None:
            return said
    if name == "id" and (prefix := _PREFIXES.get(inside, "" if inside else "evt")):
        return f"{prefix}_{_ULID}"

    word = _THERE.get((inside, name), _WORDS.get(name))
    kinds: Mapping[str, type] = {"string": str, "integer": int, "array": list, "number": float}
    kind = kinds.get(schema.get("type", ""), dict)
    if not isinstance(word, kind) or (kind is str and schema.get("format")):
        return None
    pattern = schema.get("pattern", "")
    return word if not isinstance(word, str) or re.search(pattern, word) else None


def _plain(schema: Json) -> Any:
    match schema.get("type"):
        case "integer":
            return schema.get("default") or max(1, schema.get("minimum", 1))
        case "number":
            return 1.5
        case "boolean":
            return schema.get("default", True)
        case "null":
            return None
    return _text(schema)


def _text(schema: Json) -> str:
    match schema.get("format"):
        case "date-time":
            return _MOMENT
        case "date":
            return _MOMENT[:10]
    shortest = schema.get("minLength", 0)
    return (schema.get("default") or "text").ljust(shortest, "x")[: schema.get("maxLength")]
