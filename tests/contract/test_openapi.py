"""The OpenAPI document is valid, complete, and the same wherever it comes from."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV31SpecValidator

from fluxiq.api.app import CONTRACTS
from fluxiq.api.contract import JSON, PUBLIC, Endpoint
from fluxiq.api.errors import STATUS_OF
from fluxiq.api.openapi.document import build
from fluxiq.api.openapi.events import view_of
from fluxiq.api.openapi.meanings import MEANINGS
from fluxiq.api.openapi.schemas import Schemas, walk
from fluxiq.commands.openapi import openapi
from fluxiq.domain.roles import OWN
from fluxiq.domain.webhook import EVENT_TYPES
from tests.support.api_document import document, errors_of, resolved, served
from tests.support.api_twin import World

METHODS = {"get", "post", "put", "patch", "delete"}
# Whose `data` is an object of the event's own, and of no resource.
OWN_DATA = {"webhook.disabled", "webhook.test"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def by_name() -> dict[str, dict[str, Any]]:
    return {operation["operationId"]: operation for _, _, operation in operations()}


def test_the_document_is_valid_openapi() -> None:
    assert [str(one) for one in OpenAPIV31SpecValidator(document()).iter_errors()] == []  # type: ignore[arg-type]


def test_every_reference_leads_somewhere() -> None:
    references = [one for one in walk(document()) if isinstance(one.get("$ref"), str)]
    assert len(references) > 100
    for one in references:
        assert resolved(one), one["$ref"]


def test_every_schema_is_used() -> None:
    used = {
        one["$ref"].rpartition("/")[2]
        for one in walk(document())
        if isinstance(one.get("$ref"), str) and one["$ref"].startswith("#/components/schemas/")
    }
    assert set(document()["components"]["schemas"]) - used == set()


def test_two_structs_of_one_name_are_told_apart_by_their_files() -> None:
    first = msgspec.defstruct("LineView", [("at", int)], module="messages.statements")
    second = msgspec.defstruct("LineView", [("index", int)], module="messages.payout_batches")
    assert set(Schemas([first, second]).components) == {"StatementsLine", "PayoutBatchesLine"}
    assert not {name for name in document()["components"]["schemas"] if "." in name}


def test_every_route_of_the_app_is_in_the_document_and_nothing_else() -> None:
    app = World().app()
    routes = {
        (method.lower(), rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.websocket
    }
    assert {(method, path) for path, method, _ in operations()} == routes
    assert len(app.extensions[CONTRACTS]) == len(routes)


def test_every_operation_is_named_after_its_handler_and_described() -> None:
    assert {one.name for one in served()} == set(by_name())
    tags = {one["name"]: one["description"] for one in document()["tags"]}
    for path, method, operation in operations():
        assert operation["summary"], f"{method} {path} has no docstring"
        assert tags[operation["tags"][0]], f"the file of {method} {path} has no docstring"


@pytest.mark.parametrize("endpoint", served(), ids=lambda one: one.name)
def test_the_document_tells_who_may_call(endpoint: Endpoint) -> None:
    operation = by_name()[endpoint.name]
    public = endpoint.permission == PUBLIC
    keys = [] if endpoint.permission == OWN else [{"apiKey": []}]
    assert operation["security"] == ([] if public else [*keys, {"accessToken": []}])
    own = {"signature_invalid", "login_failed", "unauthorized"}
    assert ("401" in operation["responses"]) is (not public or bool(own & _codes(operation)))
    assert operation["x-permission"] == endpoint.permission


@pytest.mark.parametrize("endpoint", served(), ids=lambda one: one.name)
def test_an_endpoint_names_only_codes_of_the_catalogue(endpoint: Endpoint) -> None:
    assert set(endpoint.refuses) <= set(STATUS_OF)


def test_every_post_of_a_merchant_accepts_an_idempotency_key() -> None:
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    accepting = {
        operation["operationId"]
        for _, _, operation in operations()
        if key in operation["parameters"]
    }
    posts = {one.name for one in served() if one.method == "POST"}
    assert posts - accepting == {"receive_notices"}
    assert accepting <= posts


@pytest.mark.parametrize(("path", "method", "operation"), list(operations()))
def test_path_parameters_are_required_and_query_parameters_are_not_null(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    del method
    parameters = [resolved(one) for one in operation["parameters"]]
    named = {one["name"] for one in parameters if one["in"] == "path"}
    assert {f"{{{name}}}" in path for name in named} <= {True}
    assert path.count("{") == len(named)
    assert all(one["required"] for one in parameters if one["in"] == "path")
    assert "null" not in json.dumps([one["schema"] for one in parameters])


def test_bodies_that_merchants_send_take_no_unknown_field() -> None:
    bodies = [one["requestBody"] for _, _, one in operations() if "requestBody" in one]
    schemas = [
        one["content"][JSON]["schema"] for one in bodies if "$ref" in one["content"][JSON]["schema"]
    ]
    assert len(schemas) >= 3
    for schema in schemas:
        assert resolved(schema)["additionalProperties"] is False, schema


# Errors.


def _codes(operation: dict[str, Any]) -> set[str]:
    """Every error code that an operation has a response for."""
    said: set[str] = set()
    for status, response in operation["responses"].items():
        if status < "400" or JSON not in resolved(response).get("content", {}):
            continue
        for one in walk(resolved(response)["content"][JSON]["schema"]):
            said |= set(one.get("enum", ()))
    return said


def test_the_catalogue_is_closed_and_every_code_has_its_sentence() -> None:
    assert document()["components"]["schemas"]["ErrorCode"]["enum"] == list(STATUS_OF)
    assert set(MEANINGS) == set(STATUS_OF)


@pytest.mark.parametrize("code", STATUS_OF)
def test_a_code_has_an_example_that_is_an_error(code: str) -> None:
    example = document()["components"]["examples"][code]["value"]
    assert errors_of(example, {"$ref": "#/components/schemas/Error"}) == []
    assert example["error"]["code"] == code


def test_codes_come_under_their_own_status() -> None:
    for _, _, operation in operations():
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            examples = resolved(response)["content"][JSON]["examples"]
            assert {STATUS_OF[code] for code in examples} == {int(status)}


def test_payouts_name_what_their_business_refuses() -> None:
    assert {
        "insufficient_funds",
        "pix_key_not_found",
        "idempotency_key_required",
        "rate_limited",
    } <= (_codes(by_name()["open_payout"]))
    assert "insufficient_funds" not in _codes(by_name()["show_payout"])


# Examples.


def examples() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every example of bodies, answers and parameters, with its schema."""
    events = [
        (name, method, one)
        for name, methods in document()["webhooks"].items()
        for method, one in methods.items()
    ]
    for path, method, operation in [*operations(), *events]:
        where = f"{method} {path}"
        for parameter in map(resolved, operation["parameters"]):
            if "example" in parameter:
                yield f"{where} {parameter['name']}", parameter["example"], parameter["schema"]
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for name, body in bodies.items():
            for media in resolved(body).get("content", {}).values():
                if "example" in media:
                    yield f"{where} {name}", media["example"], media["schema"]


def test_every_example_fits_its_schema() -> None:
    found = list(examples())
    assert len(found) > 2 * len(served())
    wrong = {
        where: errors for where, value, schema in found if (errors := errors_of(value, schema))
    }
    assert wrong == {}


def test_every_json_answer_and_body_has_an_example() -> None:
    with_example = {where for where, _, _ in examples()}
    for endpoint in served():
        if endpoint.body is not None:
            assert f"{endpoint.method.lower()} {endpoint.path} body" in with_example
        if endpoint.reply is not None:
            assert f"{endpoint.method.lower()} {endpoint.path} {endpoint.status}" in with_example


# Events.


def test_every_event_type_is_a_webhook_of_the_document() -> None:
    assert set(document()["webhooks"]) == EVENT_TYPES
    for name, methods in document()["webhooks"].items():
        schema = methods["post"]["requestBody"]["content"][JSON]["schema"]
        assert schema["properties"]["type"] == {"const": name}


def test_the_data_of_every_event_is_a_view_of_its_record() -> None:
    assert {name for name in EVENT_TYPES if view_of(name) is None} == OWN_DATA


# Where it comes from.


def test_building_it_twice_makes_the_same_document() -> None:
    assert json.dumps(build(served())) == json.dumps(build(served()))


def test_two_endpoints_of_one_name_are_a_bug() -> None:
    with pytest.raises(AssertionError, match="one name"):
        build([served()[0], served()[0]])


async def test_it_is_served_and_not_sent_again_to_who_has_it() -> None:
    client = World().app().test_client()
    first = await client.get("/openapi.json")
    assert (first.status_code, first.headers["Content-Type"]) == (200, JSON)
    assert await first.get_json() == document()

    tag = first.headers["ETag"]
    known = await client.get("/openapi.json", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (known.status_code, await known.get_data()) == (304, b"")
    assert known.headers["ETag"] == tag
    other = await client.get("/openapi.json", headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


def test_the_command_prints_it_without_starting_anything() -> None:
    done = CliRunner().invoke(openapi)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == document()
