"""The catalogue of error codes is closed: what the product can say is what the table lists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import fluxiq
from fluxiq.api.errors import STATUS_OF, alone, failure_of
from fluxiq.domain.reasons import OUR_REASONS
from fluxiq.errors import Refused, Unavailable

PRODUCT = Path(fluxiq.__file__).parent

# They have doors of their own: an outside PSP, and the administrator's socket.
ELSEWHERE = ("providers/simulator", "admin", "ui")


def codes_in(source: str) -> Iterator[str]:
    """The literal codes of `Refused(…)` and `Refusal(code=…)`, and codes handed to helpers."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        said = [word.value for word in node.keywords if word.arg == "code"]
        if name == "Refused":
            said += node.args[:1]
        elif name.startswith("_"):
            said += [one for one in node.args if _looks_like_a_code(one)]
        for one in said:
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield one.value


def _looks_like_a_code(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"invalid_[a-z_]+", node.value) is not None
    )


def test_every_code_that_the_product_says_is_listed() -> None:
    said = {
        code: file.name
        for file in PRODUCT.rglob("*.py")
        if not file.relative_to(PRODUCT).as_posix().startswith(ELSEWHERE)
        for code in codes_in(file.read_text(encoding="utf-8"))
    }
    assert len(said) > 15, "the search finds nothing: it is the search that is broken"
    # A scheduled payout is refused when nobody waits: its failure is told as a reason.
    known = STATUS_OF.keys() | OUR_REASONS.keys()
    assert {code: where for code, where in said.items() if code not in known} == {}


def test_the_search_finds_codes_in_every_way_they_are_written() -> None:
    source = 'Refused("a_b", "x"); Refusal(code="c_d"); _parse("E", text, "invalid_e", f)'
    assert set(codes_in(source)) == {"a_b", "c_d", "invalid_e"}


def test_statuses_are_errors() -> None:
    assert all(400 <= status < 600 for status in STATUS_OF.values())


def test_a_code_that_is_not_listed_is_told_and_reported() -> None:
    with capture_logs() as logs:
        failure = failure_of(Refused("never_heard_of", "no", field="x"))
    assert (failure.status, failure.code, failure.details) == (
        422,
        "never_heard_of",
        {"field": "x"},
    )
    assert [one["event"] for one in logs] == ["error_code_not_listed"]


def test_groups_of_one_are_looked_into() -> None:
    inner = Unavailable("nats", "away", retry_after=0.1)
    nested = ExceptionGroup("outer", [ExceptionGroup("inner", [inner])])
    assert alone(nested) is inner
    assert failure_of(nested).headers == {"Retry-After": "1"}


def test_a_group_of_several_is_a_bug() -> None:
    group = ExceptionGroup("both", [ValueError(), Refused("forbidden", "no")])
    with capture_logs():
        assert failure_of(group).code == "internal_error"


@pytest.mark.parametrize("code", ["unauthorized"])
def test_a_challenge_comes_with_401(code: str) -> None:
    assert failure_of(Refused(code, "no")).headers == {"WWW-Authenticate": "Bearer"}
