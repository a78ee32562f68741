"""Texts that are meant to be read as something else: every text field of every endpoint gets them.

Each is stored as it is, or refused by name; none is ever a 500, a header, a line of the log that we
did not write, or a part of a stack trace. Which fields there are is what `/openapi.json` says.
"""

import io
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from fluxiq.api.contract import Endpoint
from fluxiq.domain.roles import INSTITUTION_ONLY, OWN
from tests.support.api_document import document, resolved, served
from tests.support.api_twin import bearer
from tests.support.fuzzed_world import fuzzed_world
from tests.support.written_logs import written_logs

FORGED: Final = "forged_event"
INJECTIONS: Final = {
    "sql": "'; DROP TABLE payouts; --",
    "union": "' UNION SELECT password_hash FROM users --",
    "header": "x\r\nX-Injected: yes",
    "log": f'x\n{{"event":"{FORGED}","level":"info"}}',
    "terminal": f"\x1b[2J\x1b[31m{FORGED}",
    "template": "{{7*7}}${7*7}<%= 7*7 %>#{7*7}%(levelname)s{0.__class__}",
    "html": "<script>alert(1)</script>",
    "path": "../../../../etc/passwd",
    "shell": "$(id); `id` | id",
    "formula": "=cmd|' /C calc'!A0",
    "bidi": "nota\u202efdp.exe\u2066",
    "zero width": "a\u200bb\u200dc\ufeff",
    "nul": "a\u0000b",
}
NEVER_RAW: Final = [one for one in INJECTIONS.values() if not one.isprintable()]

# A batch is accepted whatever its lines are; test_payout_accounts says that these are refused.
ANSWERED_BY_LINE: Final = {"payouts"}

# What is digits in another alphabet is no digit of ours.
ARABIC_INDIC: Final = {ord("0") + digit: 0x0660 + digit for digit in range(10)}
FULL_WIDTH: Final = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
IDENTIFIERS: Final = ("document", "ispb")


@dataclass(frozen=True)
class Target:
    """The served twin, one connection to it, and everything that it has logged."""

    client: httpx.Client
    key: str
    chief: str
    owner: dict[str, str]
    ids: dict[str, str]
    log: io.StringIO
    stored: set[str]  # fields that had a text of INJECTIONS, and told it again

    def headers_for(self, endpoint: Endpoint) -> dict[str, str]:
        if endpoint.permission != OWN:
            its_own = endpoint.permission in INSTITUTION_ONLY
            return bearer(self.chief if its_own else self.key)
        session = self.client.post("/api/v1/auth/login", json=self.owner)
        return bearer(session.json()["data"]["access_token"])


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with (
        written_logs("debug") as log,
        fuzzed_world() as running,
        httpx.Client(base_url=running.url, timeout=10) as client,
    ):
        yield Target(client, running.key, running.chief, running.owner, running.ids, log, set())


def texts(schema: dict[str, Any], example: Any, at: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Where the texts of a body are, by the schema; of a list, in its first element."""
    schema = _chosen(schema)
    if schema.get("type") == "string":
        yield list(at)
    elif isinstance(example, list) and example:
        yield from texts(schema.get("items", {}), example[0], (*at, "0"))
    elif isinstance(example, dict):
        for name, one in schema.get("properties", {}).items():
            # What the example leaves out is said alone: the rest of it is none the worse.
            yield from texts(one, example.get(name), (*at, name))


def _chosen(schema: dict[str, Any]) -> dict[str, Any]:
    schema = resolved(schema)
    for one in schema.get("anyOf", ()):
        if one != {"type": "null"}:
            return resolved(one)
    return schema


def bodies() -> Iterator[tuple[Endpoint, list[str]]]:
    for endpoint in served():
        if endpoint.body is not None:
            media = _media(endpoint)
            for place in texts(media["schema"], media["example"]):
                yield endpoint, place


def _media(endpoint: Endpoint) -> dict[str, Any]:
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]
    found: dict[str, Any] = operation["requestBody"]["content"]["application/json"]
    return found


def _example(endpoint: Endpoint, target: Target) -> Any:
    """The document's, about things that are there: what is refused as unknown stores nothing."""
    example = _media(endpoint)["example"]
    known = {name: value for name, value in target.ids.items() if name in example}
    return {**example, **known} if isinstance(example, dict) else example


def _path_of(endpoint: Endpoint, target: Target, **instead: str) -> str:
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]
    said = {one["name"]: one.get("example", "x") for one in map(resolved, operation["parameters"])}
    return endpoint.path.format_map(said | target.ids | instead)


def _put(body: Any, place: list[str], value: str) -> Any:
    """`body` with `value` at `place`."""
    changed = deepcopy(body)
    here = changed
    for name in place[:-1]:
        here = here[int(name)] if isinstance(here, list) else here.setdefault(name, {})
    here[int(place[-1]) if isinstance(here, list) else place[-1]] = value
    return changed


def _at(body: Any, place: list[str]) -> Any:
    """What an answer has at the place of a request; None where it is built otherwise."""
    for name in place:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def judge(answer: httpx.Response) -> None:
    """Whatever an answer says, it is one that we meant."""
    assert answer.status_code < 500, answer.text
    assert "x-injected" not in answer.headers
    assert "Traceback" not in answer.text
    if answer.is_client_error:
        assert answer.json()["error"]["code"], answer.text


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [pytest.param(*one, id=f"{one[0].name}-{'.'.join(one[1])}") for one in bodies()],
)
def test_a_text_in_a_body_is_stored_as_it_is_or_refused(
    endpoint: Endpoint, place: list[str], target: Target
) -> None:
    example, path = _example(endpoint, target), _path_of(endpoint, target)
    for kind, text in INJECTIONS.items():
        headers = target.headers_for(endpoint)
        body = _put(example, place, text)
        answer = target.client.request(endpoint.method, path, json=body, headers=headers)
        judge(answer)
        if kind == "nul":
            assert answer.is_client_error, "Postgres has no such text"
            assert text not in answer.text
        told = _at(answer.json().get("data"), place) if answer.is_success else None
        if isinstance(told, str):
            assert told == text, kind
            target.stored.add(f"{endpoint.name} {place[-1]}")


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        pytest.param(*one, id=f"{one[0].name}-{'.'.join(one[1])}")
        for one in bodies()
        if one[1][-1] in IDENTIFIERS and one[1][0] not in ANSWERED_BY_LINE
    ],
)
@pytest.mark.parametrize("alphabet", [ARABIC_INDIC, FULL_WIDTH], ids=["arabic", "full-width"])
def test_documents_and_ispbs_in_other_alphabets_are_refused(
    endpoint: Endpoint, place: list[str], alphabet: dict[int, int], target: Target
) -> None:
    right = {"document": "52998224725", "ispb": "12345678"}[place[-1]]
    for text in (right.translate(alphabet), right[:-1] + right[-1].translate(alphabet)):
        body = _put(_media(endpoint)["example"], place, text)
        answer = target.client.request(
            endpoint.method,
            _path_of(endpoint, target),
            json=body,
            headers=target.headers_for(endpoint),
        )
        judge(answer)
        assert answer.is_client_error, text


@pytest.mark.parametrize("alphabet", [ARABIC_INDIC, FULL_WIDTH], ids=["arabic", "full-width"])
def test_an_ispb_of_a_path_in_another_alphabet_is_nobody(
    alphabet: dict[int, int], target: Target
) -> None:
    ispb = target.ids["ispb"].translate(alphabet)
    answer = target.client.post(
        f"/api/v1/institutions/{quote(ispb)}/providers/{target.ids['provider']}/notices", json={}
    )
    judge(answer)
    assert answer.status_code in {404, 422}


@pytest.mark.parametrize("endpoint", served(), ids=lambda one: one.name)
def test_texts_in_paths_queries_and_headers_are_refused_or_mean_nothing(
    endpoint: Endpoint, target: Target
) -> None:
    if endpoint.path == "/metrics":
        pytest.skip("its answer is no JSON, and it reads nothing")
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]
    said = [resolved(one) for one in operation["parameters"]]
    names = {
        where: [one["name"] for one in said if one["in"] == where] for where in ("path", "query")
    }
    json_body = _media(endpoint)["example"] if endpoint.body is not None else None
    for text in INJECTIONS.values():
        requests: list[tuple[str, dict[str, str], dict[str, bytes]]] = [
            (_path_of(endpoint, target, **{name: quote(text, safe="")}), {}, {})
            for name in names["path"]
        ]
        plain = _path_of(endpoint, target)
        requests += [(plain, {name: text}, {}) for name in names["query"]]
        if "\n" not in text and "\0" not in text:  # no client could send them
            raw = text.encode()
            requests.append((plain, {}, {"X-Request-Id": raw, "Idempotency-Key": raw}))
        for path, query, more in requests:
            headers = {name: value.encode() for name, value in target.headers_for(endpoint).items()}
            answer = target.client.request(
                endpoint.method, path, params=query, json=json_body, headers=headers | more
            )
            judge(answer)


def test_no_line_of_the_log_is_anybody_elses_and_none_has_a_stack(target: Target) -> None:
    """Last in this file: it looks at what all the others have left."""
    answer = target.client.get("/api/v1/accounts/x", headers={"X-Request-Id": "x"})
    assert answer.status_code == 401
    assert len(target.stored) >= 8, "most texts have to get in somewhere"
    lines = target.log.getvalue().splitlines()
    assert lines, "nothing was logged: nothing was looked at"

    for line in lines:
        event = json.loads(line)
        assert event["event"] != FORGED
        assert "exception" not in event, line
    raw = target.log.getvalue()
    assert [one for one in NEVER_RAW if one in raw] == []
