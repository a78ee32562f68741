"""The whole document, and its bytes."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import msgspec

from fluxiq.api.contract import IDEMPOTENCY_KEY, Endpoint
from fluxiq.api.errors import STATUS_OF, ErrorEnvelope
from fluxiq.api.openapi import events
from fluxiq.api.openapi.operations import operation, tag_of
from fluxiq.api.openapi.refusals import REQUEST_ID, code_schema, example_of_code, response_with
from fluxiq.api.openapi.schemas import Schemas
from fluxiq.services.messages.envelope import Json

OPENAPI: Final = "3.1.1"

_INTRODUCTION: Final = files("fluxiq.api") / "assets" / "introduction.md"


def build(endpoints: Sequence[Endpoint]) -> Json:
    """The document of `endpoints`, as data."""
    names = [one.name for one in endpoints]
    assert len(set(names)) == len(names), "two endpoints have one name"
    schemas = Schemas(_types(endpoints))
    made: Json = {
        "openapi": OPENAPI,
        "info": {
            "title": "FluxiQ Core",
            "version": version("fluxiq"),
            "summary": "A PIX payments core",
            "description": _INTRODUCTION.read_text(encoding="utf-8"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "where this document came from"}],
        "tags": _tags(endpoints),
        "paths": _paths(endpoints, schemas),
        "webhooks": events.webhooks(schemas),
    }
    for query in {one.query for one in endpoints if one.query is not None}:
        schemas.drop(query)  # its fields are parameters, one by one
    return made | {"components": _components(schemas)}


def render(endpoints: Sequence[Endpoint]) -> bytes:
    """The document of `endpoints`, as it is served: the same bytes for the same endpoints."""
    return msgspec.json.encode(build(endpoints))


def _types(endpoints: Iterable[Endpoint]) -> Iterator[Any]:
    yield ErrorEnvelope
    yield from events.VIEWS.values()
    for one in endpoints:
        found = (one.reply, one.body, one.query, *one.parameters.values(), *one.also.values())
        yield from (kind for kind in found if kind is not None)


def _tags(endpoints: Iterable[Endpoint]) -> list[Json]:
    told = dict(tag_of(one) for one in endpoints)
    told["events"] = "What is sent to a merchant's webhook endpoints."
    return [{"name": name, "description": text} for name, text in told.items()]


def _paths(endpoints: Iterable[Endpoint], schemas: Schemas) -> Json:
    paths: Json = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = operation(one, schemas)
    return paths


def _components(schemas: Schemas) -> Json:
    error = schemas.components.pop("ErrorEnvelope")
    schemas.components["ErrorBody"]["properties"]["code"] = {
        "$ref": "#/components/schemas/ErrorCode"
    }
    return {
        "schemas": {
            **schemas.components,
            "Error": error,
            "ErrorCode": code_schema(),
        },
        "parameters": _PARAMETERS,
        "headers": _HEADERS,
        "responses": {code: response_with([code]) for code in STATUS_OF},
        "examples": {code: {"value": example_of_code(code)} for code in STATUS_OF},
        "securitySchemes": {
            "apiKey": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "sk_live_…",
                "description": "A merchant's API key. It is shown once, when it is made.",
            },
            "accessToken": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A person's access token, from logging in or refreshing.",
            },
        },
    }


_PARAMETERS: Final[Json] = {
    "IdempotencyKey": {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": False,
        "description": "Names this request: sent again under the same key, it is done once.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "example": "order-1042",
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "An id of your own, `req_` and a ULID; anything else is replaced by ours.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
}


def _header(text: str, schema: Json) -> Json:
    return {"description": text, "schema": schema}


_HEADERS: Final[Json] = {
    "RequestId": _header("Names this request in our records.", {"type": "string"}),
    "RateLimitLimit": _header("Calls per minute.", {"type": "integer"}),
    "RateLimitRemaining": _header("How many are left.", {"type": "integer"}),
    "RateLimitReset": _header("When it starts anew, in unix seconds.", {"type": "integer"}),
    "RateLimitPolicy": _header(
        "Present while the limits are counted by each of our processes alone.", {"const": "local"}
    ),
    "RetryAfter": _header("How many seconds to wait.", {"type": "integer"}),
    "IdempotencyReplayed": _header(
        "Present where the answer is one given before.", {"const": "true"}
    ),
    "Challenge": _header("How to authenticate.", {"type": "string"}),
}
