"""Every role and every scope at every endpoint: the guard does what the table says."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
import pytest
from quart.wrappers import Response

from fluxiq.api.contract import PUBLIC, Endpoint, known_permissions
from fluxiq.api.permissions import HOLDERS, Holder, row_of, scopes_of
from fluxiq.domain.roles import OWN, RESERVED
from tests.support.api_document import document, served
from tests.support.api_people import Person
from tests.support.api_twin import World, bearer
from tests.support.permissions import page

DOCUMENTED: Final = Path("docs/permissions.md")
CPFS: Final = (
    "52998224725", "39053344705", "11144477735", "12345678909", "98765432100", "86288366757",
)  # fmt: skip
# Each has a reason to ask nobody; one more is read by somebody before it is added here.
NOBODY_IS_ASKED: Final = {
    "log_in", "refresh_session", "receive_notices", "livez", "readyz", "show_metrics",
    "show_openapi", "show_docs", "show_docs_style", "show_docs_script",
}  # fmt: skip

GUARDED: Final = [one for one in served() if one.permission != PUBLIC]


class Asker:
    """A world whose limits are wide, and one client of it."""

    def __init__(self, endpoint: Endpoint) -> None:
        many = 10_000
        self.world = World(reads_per_minute=many, writes_per_minute=many, logins_per_minute=many)
        self.client = self.world.app().test_client()
        self._endpoint = endpoint

    async def ask(self, headers: dict[str, str]) -> Response:
        """A request that is let in and comes to nothing: what it names is not there."""
        parameters = {name: _word(kind) for name, kind in self._endpoint.parameters.items()}
        if "merchant_id" in parameters:
            parameters["merchant_id"] = self.world.merchant_id
        path = self._endpoint.path.format_map(parameters)
        return await self.client.open(path, method=self._endpoint.method, headers=headers)

    async def ask_with(self, *scopes: str) -> tuple[int, Any]:
        return await said(await self.ask(bearer(self.world.key(*scopes))))

    async def ask_as(self, holder: Holder, cpf: str) -> tuple[int, Any]:
        merchant_id = None if holder.of_institution else self.world.merchant_id
        person = await Person.of(
            self.world, role=holder.role, document=cpf, merchant_id=merchant_id, client=self.client
        )
        await person.log_in()
        return await said(await self.ask(person.headers))


async def said(response: Response) -> tuple[int, Any]:
    """The status, and the missing permission where it is forbidden."""
    status = response.status_code
    if status not in {401, 403}:
        return status, None
    error = (await response.get_json())["error"]
    return status, error["details"].get("permission", error["code"])


def name_of(endpoint: Endpoint) -> str:
    return endpoint.name


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
async def test_a_role_opens_what_the_table_says_and_nothing_else(endpoint: Endpoint) -> None:
    asker = Asker(endpoint)
    for holder, cpf in zip(HOLDERS, CPFS, strict=True):
        answer = await asker.ask_as(holder, cpf)
        if holder.opens(endpoint):
            assert answer[0] not in {401, 403, 500}, (holder, answer)
        else:
            assert answer == (403, _missing(holder, endpoint)), holder


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
async def test_a_scope_opens_what_the_table_says_and_nothing_else(endpoint: Endpoint) -> None:
    asker = Asker(endpoint)
    scopes = row_of(endpoint).scopes
    for scope in scopes:
        answer = await asker.ask_with(scope)
        assert answer[0] not in {401, 403, 500}, (scope, answer)

    every = known_permissions()
    others = sorted((every | {f"{one.partition(':')[0]}:*" for one in every}) - set(scopes))
    assert await asker.ask_with(*others) == (403, endpoint.permission)
    if endpoint.permission in RESERVED or endpoint.permission == OWN:
        assert await asker.ask_with("*") == (403, endpoint.permission)


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
async def test_nobody_comes_in_without_a_key_or_a_token(endpoint: Endpoint) -> None:
    assert (await Asker(endpoint).ask({})).status_code == 401


def test_every_endpoint_names_its_permission_or_is_known_to_ask_nobody() -> None:
    for endpoint in served():
        if endpoint.permission == PUBLIC:
            assert endpoint.name in NOBODY_IS_ASKED, f"{endpoint.name} asks nobody: is that meant?"
        else:
            assert re.fullmatch(r"[a-z_]+:[a-z_]+", endpoint.permission), endpoint.name


def test_a_permission_of_the_whole_institution_is_in_no_star() -> None:
    for permission in RESERVED:
        assert "*" not in scopes_of(permission)


def test_the_document_says_who_may() -> None:
    for endpoint in GUARDED:
        operation = document()["paths"][endpoint.path][endpoint.method.lower()]
        row = row_of(endpoint)
        assert operation["x-permission"] == endpoint.permission
        assert operation["x-roles"] == {
            "merchant": list(row.merchant),
            "institution": list(row.institution),
        }
        if endpoint.permission != OWN:  # which is everybody's
            assert all(role in operation["description"] for role in row.merchant)


def test_the_page_is_what_the_table_says() -> None:
    """It changed? Read the difference: then `python -m tests.support.permissions > docs/…`."""
    assert DOCUMENTED.read_text(encoding="utf-8").splitlines() == page().splitlines()


def _word(kind: Any) -> str:
    """One that may stand there: a path is read before it is asked who sends it."""
    for word in ("nothing", "1", *get_args(kind)):
        with suppress(msgspec.ValidationError):
            found: str = msgspec.convert(word, kind)
            return found
    raise AssertionError(f"no word for {kind}")


def _missing(holder: Holder, endpoint: Endpoint) -> str:
    """What the refusal names: the permission, unless only the merchant is missing."""
    merchants = Holder(role=holder.role, of_institution=False, grants=holder.grants)
    return "forbidden" if merchants.opens(endpoint) else endpoint.permission
