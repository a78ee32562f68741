"""One endpoint as an operation: what it takes, what it answers, and who may ask."""

import inspect
from typing import Any, Final

from fluxiq.api.contract import JSON, PUBLIC, Endpoint, Rate
from fluxiq.api.openapi.examples import example_of
from fluxiq.api.openapi.refusals import (
    codes_by_status,
    response_to,
    response_with,
)
from fluxiq.api.openapi.schemas import Schemas, without_null
from fluxiq.api.permissions import row_of
from fluxiq.domain.roles import OWN
from fluxiq.services.messages.envelope import Json

ANYTHING: Final[Json] = {"type": "object", "additionalProperties": True}
TEXT: Final[Json] = {"type": "string"}

_MEANS: Final = {
    200: "Done",
    201: "Made",
    202: "Accepted: it goes on, and its end comes as an event",
    204: "Done; there is nothing to say",
    304: "Not changed since the version that `If-None-Match` names",
    503: "Not ready",
}


def operation(endpoint: Endpoint, schemas: Schemas) -> Json:
    """What the document says of `endpoint`."""
    summary, _, more = endpoint.summary.partition("\n")
    made: Json = {
        "operationId": endpoint.name,
        "tags": [tag_of(endpoint)[0]],
        "summary": summary.rstrip("."),
        "description": "\n\n".join(one for one in (more.strip(), _terms(endpoint)) if one),
        "security": _security(endpoint),
        "parameters": [*_parameters(endpoint, schemas), *_headers(endpoint)],
        "responses": _responses(endpoint, schemas),
        "x-permission": endpoint.permission,
        "x-rate-class": endpoint.rate.value,
    }
    if endpoint.permission != PUBLIC:
        row = row_of(endpoint)
        made["x-roles"] = {"merchant": list(row.merchant), "institution": list(row.institution)}
    if endpoint.body is not None or endpoint.raw:
        made["requestBody"] = _body(endpoint, schemas)
    return made


def tag_of(endpoint: Endpoint) -> tuple[str, str]:
    """The resource that an endpoint belongs to, and a sentence about it: its file and docstring."""
    module = inspect.getmodule(endpoint.handler)
    assert module is not None, f"{endpoint.name} comes from no file"
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    return name, (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")


def _terms(endpoint: Endpoint) -> str:
    if endpoint.permission == PUBLIC:
        return ""
    if endpoint.permission == OWN:
        return f"For people who have logged in; counts as a {endpoint.rate.value}."
    needs = f"Needs the permission `{endpoint.permission}`; counts as a {endpoint.rate.value}."
    return f"{needs} {_roles(endpoint)}"


def _roles(endpoint: Endpoint) -> str:
    row = row_of(endpoint)
    people = [
        f"{', '.join(roles)} of {whose}"
        for roles, whose in ((row.merchant, "a merchant"), (row.institution, "the institution"))
        if roles
    ]
    return f"People who may: {'; '.join(people)}." if people else "No role of people has it."


def _security(endpoint: Endpoint) -> list[Json]:
    """Either of them; people's own affairs are no API key's."""
    if endpoint.permission == PUBLIC:
        return []
    keys: list[Json] = [] if endpoint.permission == OWN else [{"apiKey": []}]
    return [*keys, {"accessToken": []}]


def _parameters(endpoint: Endpoint, schemas: Schemas) -> list[Json]:
    """What the path and the query say."""
    found = [
        _parameter(name, "path", schemas.of(kind), schemas, required=True)
        for name, kind in endpoint.parameters.items()
    ]
    if endpoint.query is not None:
        query = schemas.fields(endpoint.query)
        found += [
            _parameter(name, "query", schema, schemas, required=name in query.get("required", ()))
            for name, schema in query["properties"].items()
        ]
    return found


def _parameter(name: str, where: str, schema: Json, schemas: Schemas, *, required: bool) -> Json:
    told = dict(without_null(schema))
    parameter: Json = {"name": name, "in": where, "required": required, "schema": told}
    if (text := told.pop("description", None)) is not None:
        parameter["description"] = text
    if required:
        parameter["example"] = example_of(told, schemas.components, name)
    return parameter


def _headers(endpoint: Endpoint) -> list[Json]:
    names = ["RequestId"]
    if endpoint.takes_key:
        names.insert(0, "IdempotencyKey")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _body(endpoint: Endpoint, schemas: Schemas) -> Json:
    if endpoint.raw:
        text = "As the provider sends it: its adapter verifies the bytes, then reads them."
        return {"required": True, "description": text, "content": {JSON: {"schema": ANYTHING}}}
    schema = schemas.of(endpoint.body)
    media = {"schema": schema, "example": example_of(schema, schemas.components)}
    return {"required": True, "content": {JSON: media}}


def _responses(endpoint: Endpoint, schemas: Schemas) -> Json:
    responses: Json = {
        str(endpoint.status): _success(endpoint, endpoint.status, endpoint.reply, schemas)
    }
    for status, kind in endpoint.also.items():
        responses[str(status)] = _success(endpoint, status, kind, schemas)
    for key, codes in codes_by_status(endpoint).items():
        known = responses.get(key)
        responses[key] = response_to(codes) if known is None else _either(known, codes)
    return dict(sorted(responses.items()))


def _success(endpoint: Endpoint, status: int, kind: Any, schemas: Schemas) -> Json:
    made: Json = {"description": _MEANS.get(status, "Answered"), "headers": _told(endpoint)}
    content: Json = {}
    for media in endpoint.media:
        if media != JSON:
            content[media] = {"schema": TEXT}
        elif kind is not None:
            schema = schemas.of(kind)
            content[JSON] = {"schema": schema, "example": example_of(schema, schemas.components)}
    if content and status != 304:  # noqa: PLR2004 - which has no body by its nature
        made["content"] = content
    return made


def _told(endpoint: Endpoint) -> Json:
    """The headers of a success."""
    names = {"X-Request-Id": "RequestId"}
    if endpoint.rate is not Rate.NONE:
        names |= {
            f"X-RateLimit-{one}": f"RateLimit{one}"
            for one in ("Limit", "Remaining", "Reset", "Policy")
        }
    if endpoint.takes_key:
        names["Idempotency-Replayed"] = "IdempotencyReplayed"
    return {name: {"$ref": f"#/components/headers/{one}"} for name, one in names.items()}


def _either(known: Json, codes: list[str]) -> Json:
    """A status that is both an answer of its own and a refusal."""
    refused = response_with(codes)
    choices = [one["content"][JSON]["schema"] for one in (known, refused)]
    text = f"{known['description']}; or {refused['description']}"
    media = {"schema": {"anyOf": choices}, "examples": refused["content"][JSON]["examples"]}
    return {**refused, "description": text, "content": {JSON: media}}
