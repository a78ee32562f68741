"""The API's own description, as a judge of answers: does the document say what the API does?"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from fluxiq.api.app import contracts
from fluxiq.api.contract import Endpoint
from fluxiq.api.openapi.document import render
from fluxiq.telemetry.metrics import Metrics

JSON = "application/json"
REF = "#/components/"

# Of the formats, those that the validator checks without other packages.
_FORMATS = FormatChecker(["date"])


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    """As our API writes moments: with a `Z`, and nothing else."""
    from datetime import datetime  # noqa: PLC0415 - of this check alone

    return not isinstance(value, str) or (
        value.endswith("Z") and datetime.fromisoformat(value) is not None
    )


@cache
def served() -> tuple[Endpoint, ...]:
    """Every endpoint of the API."""
    return contracts({}, Metrics(process=False))


@cache
def document() -> dict[str, Any]:
    """What `/openapi.json` says."""
    made: dict[str, Any] = json.loads(render(served()))
    return made


def errors_of(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Where `value` breaks `schema`, which may refer to the document's components."""
    rooted = {**schema, "components": document()["components"]}
    found = Draft202012Validator(rooted, format_checker=_FORMATS).iter_errors(value)
    return [f"{one.json_path}: {one.message}" for one in found]


def resolved(thing: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    if "$ref" not in thing:
        return thing
    found: dict[str, Any] = document()
    for name in thing["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def objections(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
) -> list[str]:
    """What is wrong with an answer, by the document; `path` is the template."""
    operation = document()["paths"][path][method.lower()]
    where = f"{method} {path} -> {status}"
    response = operation["responses"].get(str(status))
    if response is None:
        return [f"{where}: the document has no such status: {_start(body)}"]

    response = resolved(response)
    found = [
        f"{where}: no header {name}"
        for name in ("X-Request-Id",)
        if name in response["headers"] and name not in headers
    ]
    return [*found, *(f"{where}: {one}" for one in _of_body(response, headers, body))]


def _of_body(response: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> Iterable[str]:
    content = response.get("content", {})
    if not content:
        return [f"a body where the document has none: {_start(body)}"] if body else []

    kind = headers.get("Content-Type", "")
    media = content.get(kind) or content.get(kind.partition(";")[0])
    if media is None:
        return [f"sent as {kind!r}, the document has {sorted(content)}"]
    if kind != JSON:
        return []
    return [f"{one}: {_start(body)}" for one in errors_of(json.loads(body), media["schema"])]


def _start(body: bytes) -> str:
    return body[:300].decode(errors="replace")
