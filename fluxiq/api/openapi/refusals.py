"""Which error codes an endpoint may answer, and what they look like in the document.

Codes that any endpoint may answer follow from its contract; the others it names itself
(`Endpoint.refuses`). A test holds every answer of the contract tests against this.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from fluxiq.api.contract import JSON, PUBLIC, Endpoint, Rate
from fluxiq.api.errors import STATUS_OF
from fluxiq.api.openapi.meanings import meaning_of
from fluxiq.domain.roles import OWN
from fluxiq.services.messages.envelope import Json

REQUEST_ID: Final = "req_01KAP3Y8QCJZ0F0M3T2V9D8XKE"
RETRY_SECONDS: Final = 12

# Their answers say when to come back.
_MAY_RETRY = frozenset({"rate_limited", "unavailable", "ledger_unavailable", "ledger_degraded"})
_NAMES_FIELD = frozenset({"validation_failed"})


def codes_of(endpoint: Endpoint) -> list[str]:
    """Every code that the endpoint may answer, in the catalogue's order."""
    codes = {*_generic(endpoint), *endpoint.refuses}
    return [code for code in STATUS_OF if code in codes]


def codes_by_status(endpoint: Endpoint) -> dict[str, list[str]]:
    """The same, under the status that they come with."""
    found: dict[str, list[str]] = defaultdict(list)
    for code in codes_of(endpoint):
        found[str(STATUS_OF[code])].append(code)
    return found


def response_to(codes: Sequence[str]) -> Json:
    """The response with one of these codes; a component where it is one alone."""
    if len(codes) == 1:
        return {"$ref": f"#/components/responses/{codes[0]}"}
    return response_with(codes)


def response_with(codes: Sequence[str]) -> Json:
    """The response, spelled out."""
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    narrowed = {"type": "object", "properties": {"error": code}}
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if _MAY_RETRY & set(codes):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if "unauthorized" in codes:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/Challenge"}
    return {
        "description": " ".join(f"`{one}`: {meaning_of(one)}." for one in codes),
        "headers": headers,
        "content": {
            JSON: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Error"}, narrowed]},
                "examples": {one: {"$ref": f"#/components/examples/{one}"} for one in codes},
            }
        },
    }


def example_of_code(code: str) -> Json:
    """An answer with this code, as in the envelope."""
    details: Json = {}
    if code in _MAY_RETRY:
        details["retry_after"] = RETRY_SECONDS
    if code in _NAMES_FIELD:
        details["field"] = "amount"
    error = {"code": code, "message": meaning_of(code), "details": details}
    return {"error": error, "meta": {"request_id": REQUEST_ID}}


def code_schema() -> Json:
    """The closed catalogue, as an enumeration with a sentence for each code."""
    rows = (f"* `{code}` ({status}): {meaning_of(code)}" for code, status in STATUS_OF.items())
    text = "What went wrong. A closed catalogue; codes are never renamed.\n\n" + "\n".join(rows)
    return {"type": "string", "enum": list(STATUS_OF), "description": text}


def _generic(endpoint: Endpoint) -> Iterator[str]:
    yield from ("internal_error", "unavailable", "sealed_data_unreadable")
    yield from _of_the_ledger(endpoint)
    if endpoint.permission != PUBLIC:
        yield from ("unauthorized", "forbidden", "address_not_allowed", "institution_suspended")
        if endpoint.permission != OWN:
            yield "password_change_required"
    if endpoint.rate is not Rate.NONE:
        yield "rate_limited"
    if endpoint.parameters or endpoint.query is not None:
        yield "validation_failed"
    if endpoint.body is not None or endpoint.raw:
        yield from ("body_too_large", "request_timeout")
    if endpoint.body is not None:
        yield from ("malformed_json", "unsupported_media_type", "validation_failed")
    if endpoint.takes_key:
        yield from ("idempotency_key_reused", "idempotency_in_progress")
    for name in endpoint.parameters:
        yield "route_not_found"  # what is not even a word, such as `a/b`
        # `charge_id` names a charge, and there may be none.
        if (code := f"{name.removesuffix('_id')}_not_found") in STATUS_OF:
            yield code


def _of_the_ledger(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.method != "GET":
        yield "outcome_unknown"
    if "outcome_unknown" in endpoint.refuses:
        yield "ledger_unavailable"  # it moves money
