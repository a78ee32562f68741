"""The API's surface as lines that a person can read beside the papers that ask for it.

    python -m tests.support.surface > tests/contract/surface.txt

renews what `test_surface.py` pins; read the difference before you commit it. `!` marks a field that
must be sent or is always there, `…` a list, `*` any object.
"""

from collections.abc import Iterator
from typing import Any

from fluxiq.api.contract import JSON, Endpoint
from tests.support.api_document import document, resolved, served

DEPTH_MAX = 4


def surface() -> str:
    """Every endpoint in the order of its path, then every event."""
    blocks = [_block(one) for one in sorted(served(), key=lambda one: (one.path, one.method))]
    events = [
        f"event {name}\n  gives    {_said(_json(one['post']['requestBody'])['schema'])}"
        for name, one in document()["webhooks"].items()
    ]
    return "\n\n".join([*blocks, *events]) + "\n"


def fields(schema: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """The fields of a schema, of lists and choices too: name, whether it is required, schema."""
    schema = resolved(schema)
    for one in schema.get("anyOf", ()):
        if depth < DEPTH_MAX:
            yield from fields(one, depth + 1)
    if "items" in schema:
        yield from fields(schema["items"], depth + 1)
    for name, one in schema.get("properties", {}).items():
        yield name, name in schema.get("required", ()), one


def _block(endpoint: Endpoint) -> str:
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]
    success = operation["responses"][str(endpoint.status)]
    said = [resolved(one) for one in operation["parameters"]]
    query = " ".join(
        one["name"] + ("!" if one["required"] else "") for one in said if one["in"] == "query"
    )
    codes = sorted({*endpoint.refuses})
    lines = [
        f"{endpoint.method} {endpoint.path}",
        f"  who      {endpoint.permission}, {endpoint.rate}",
        f"  statuses {' '.join(operation['responses'])}",
        f"  query    {query}",
        f"  takes    {_said(_json(operation.get('requestBody', {})).get('schema', {}))}",
        f"  gives    {_said(_json(success).get('schema', {})) or _media(success)}",
        f"  refuses  {' '.join(codes)}",
    ]
    return "\n".join(line for line in lines if not line.endswith("  "))


def _json(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body.get("content", {}).get(JSON, {})
    return found


def _media(response: dict[str, Any]) -> str:
    return " ".join(response.get("content", {})) or "nothing"


def _said(schema: dict[str, Any], depth: int = 0) -> str:
    rows = list(fields(schema))
    if not rows and resolved(schema).get("additionalProperties") is True:
        return "*"
    return " ".join(
        name + ("!" if required else "") + _inside(one, depth) for name, required, one in rows
    )


def _inside(schema: dict[str, Any], depth: int) -> str:
    """What a field holds, where that is an object or a list of such."""
    is_list = resolved(schema).get("type") == "array"
    inner = "" if depth >= DEPTH_MAX else _said(schema, depth + 1)
    if inner == "*":
        return ""
    return (" …" if is_list else " ") + f"{{{inner}}}" if inner else ("…" if is_list else "")


if __name__ == "__main__":
    print(surface(), end="")  # noqa: T201 - this is a command
