"""Each endpoint under generated requests: what the document allows, and what it forbids.

schemathesis draws them from our own OpenAPI document and sends them over real HTTP. Bounded and
derandomized: the same requests on every machine. `FLUXIQ_FUZZ_EXAMPLES=2000` looks longer.
"""

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fluxiq.api.contract import Endpoint
from fluxiq.domain.roles import INSTITUTION_ONLY, OWN
from tests.support.api_document import document, resolved, served
from tests.support.api_twin import bearer
from tests.support.fuzzed_world import fuzzed_world

EXAMPLES: Final = int(os.environ.get("FLUXIQ_FUZZ_EXAMPLES", "8"))
SECONDS_MAX: Final = 5.0

ALWAYS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Requests are drawn by a fixed rule and not kept: a failure is the same failure everywhere.
BOUNDED: Final = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Target:
    """The served twin, one connection to it, a key that may do everything of a merchant's, a token
    for what is the institution's, and ids of things.
    """

    url: str
    key: str
    chief: str
    ids: dict[str, str]
    owner: dict[str, str]
    client: httpx.Client
    session: requests.Session

    def token_for(self, endpoint: Endpoint) -> str:
        """What opens it: the key, or for what is a person's own a session that nobody has ended."""
        if endpoint.permission != OWN:
            return self.chief if endpoint.permission in INSTITUTION_ONLY else self.key
        answer = self.client.post("/api/v1/auth/login", json=self.owner)
        token: str = answer.json()["data"]["access_token"]
        return token


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with (
        fuzzed_world() as running,
        httpx.Client(
            base_url=running.url, headers=bearer(running.key), timeout=SECONDS_MAX
        ) as client,
        requests.Session() as session,
    ):
        ids = running.ids | _made(client, running.ids)
        yield Target(running.url, running.key, running.chief, ids, running.owner, client, session)


def _made(client: httpx.Client, ids: dict[str, str]) -> dict[str, str]:
    """POST every example, and remember the ids of what was made."""
    found: dict[str, str] = {}
    paths = document()["paths"]
    for path, methods in paths.items():
        body = methods.get("post", {}).get("requestBody")
        names = [one.removeprefix(f"{path}/{{").removesuffix("}") for one in paths]
        name = next((one for one in names if one.isidentifier()), None)
        if body is None or name is None or "{" in path:
            continue
        example = deepcopy(body["content"]["application/json"]["example"])
        example |= {"account_id": ids["account_id"]} if "account_id" in example else {}
        answer = client.post(path, json=example)
        made = answer.json().get("data")
        if answer.is_success and isinstance(made, dict):
            found[name] = made["id"]
    return found


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """By operation id. Without security: who may call is tested elsewhere, key by key."""
    told = deepcopy(document())
    for methods in told["paths"].values():
        for operation in methods.values():
            operation["security"] = []
    schema = openapi.from_dict(told)
    found = [one.ok() for one in schema.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found}


def send(case: Case, endpoint: Endpoint, target: Target, *, known: bool, checks: list[Any]) -> None:
    """Send a generated request, with ids of things that exist where `known`, and judge."""
    if known:
        here = {name: target.ids[name] for name in case.path_parameters if name in target.ids}
        case.path_parameters.update(here)
    case.headers["Authorization"] = f"Bearer {target.token_for(endpoint)}"
    answer = case.call(base_url=target.url, session=target.session, timeout=SECONDS_MAX)
    case.validate_response(answer, checks=checks)


@pytest.mark.parametrize("endpoint", served(), ids=lambda one: one.name)
@pytest.mark.parametrize("known", [True, False], ids=["known-ids", "any-ids"])
def test_what_the_document_allows_is_answered_as_it_says(
    endpoint: Endpoint, target: Target, operations: dict[str, Any], *, known: bool
) -> None:
    if known and not endpoint.parameters:
        pytest.skip("names nothing")

    @BOUNDED
    @given(case=operations[endpoint.name].as_strategy())
    def check(case: Case) -> None:
        send(case, endpoint, target, known=known, checks=ALWAYS)

    check()


@pytest.mark.parametrize(
    "endpoint",
    [one for one in served() if one.body is not None or one.query is not None],
    ids=lambda one: one.name,
)
def test_what_the_document_forbids_is_refused(
    endpoint: Endpoint, target: Target, operations: dict[str, Any]
) -> None:
    @BOUNDED
    @given(case=operations[endpoint.name].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Case) -> None:
        send(case, endpoint, target, known=False, checks=[*ALWAYS, negative_data_rejection])

    check()


def test_the_fuzz_reaches_the_things_that_exist(target: Target) -> None:
    assert {"account_id", "charge_id", "webhook_id"} <= set(target.ids)
    for name, path in (("charge_id", "pix/charges"), ("account_id", "accounts")):
        assert target.client.get(f"/api/v1/{path}/{target.ids[name]}").status_code == 200


# A body that breaks its contract in one place is refused by the name of that place.

UNKNOWN: Final = "colour"
NOT_INTEGERS: Final = ("1.5", "1e3", "1.0", '"1"', "true", "[1]", '{"n": 1}')
NOT_TEXTS: Final = ("5", "1.5", "false", "[]", "{}")


def breakages() -> Iterator[tuple[Endpoint, str, str]]:
    """An endpoint, a body with one thing wrong, and the field that must be named."""
    for endpoint in served():
        if endpoint.body is None:
            continue
        operation = document()["paths"][endpoint.path][endpoint.method.lower()]
        media = operation["requestBody"]["content"]["application/json"]
        for raw, field in _broken(media["schema"], media["example"], ""):
            yield endpoint, raw, field


def _broken(schema: dict[str, Any], example: Any, at: str) -> Iterator[tuple[str, str]]:
    """Bodies of `schema` that are wrong in one place, as text; `at` is where we are."""
    schema = _object(schema)
    if not isinstance(example, dict) or schema.get("additionalProperties") is not False:
        return
    yield _text({**example, UNKNOWN: "red"}), f"{at}{UNKNOWN}"
    for name, one in schema["properties"].items():
        if name not in example:
            continue
        renamed = name.capitalize()
        rest = {key: value for key, value in example.items() if key != name}
        yield _text({**example, renamed: example[name]}), f"{at}{renamed}"
        if name in schema.get("required", ()):
            yield _text(rest), f"{at}{name}"
        for wrong in _wrong_for(one):
            yield _text(rest)[:-1] + f'{", " if rest else ""}"{name}": {wrong}}}', f"{at}{name}"
        for inner, field in _broken(one, example[name], f"{at}{name}."):
            yield _text(rest)[:-1] + f'{", " if rest else ""}"{name}": {inner}}}', field


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with fields in a reference, or in a choice of some."""
    schema = resolved(schema)
    for one in schema.get("anyOf", ()):
        if "$ref" in one:
            return resolved(one)
    return schema


def _wrong_for(schema: dict[str, Any]) -> tuple[str, ...]:
    choices = [one for one in schema.get("anyOf", [schema]) if one != {"type": "null"}]
    match [one.get("type") for one in choices]:
        case ["integer"]:
            return NOT_INTEGERS
        case ["string"]:
            return NOT_TEXTS
    return ()


def _path_examples(endpoint: Endpoint) -> dict[str, str]:
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]
    said = map(resolved, operation["parameters"])
    return {one["name"]: one["example"] for one in said if one["in"] == "path"}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("endpoint", "raw", "field"),
    [pytest.param(*one, id=f"{one[0].name}-{number}") for number, one in enumerate(breakages())],
)
def test_one_wrong_field_is_refused_by_its_name(
    endpoint: Endpoint, raw: str, field: str, target: Target
) -> None:
    path = endpoint.path.format_map(_path_examples(endpoint) | target.ids)
    headers = bearer(target.token_for(endpoint), **{"Content-Type": "application/json"})
    answer = target.client.request(endpoint.method, path, content=raw, headers=headers)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (422, "validation_failed"), raw
    assert told["details"]["field"] == field, raw
