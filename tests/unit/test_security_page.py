"""`docs/security.md` names a test for each threat: it is there, and it is a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
ROOMS = ("api", "admin", "services", "ledgers", "stores", "bus", "cache", "providers", "couriers")

_THREAT = re.compile(r"^\| (?P<letters>[STRIDE]{1,6}) \| (?P<rest>.+) \|$", re.MULTILINE)
_PROOF = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<test>\w+)`")


def threats(page: str) -> list[str]:
    """The rows of every table of threats: what is threatened, our answer, and its proofs."""
    return [found["rest"] for found in _THREAT.finditer(page)]


def problems(page: str) -> list[str]:
    """What is wrong with the proofs on `page`, in sentences."""
    unproven = [f"no proof: {one}" for one in threats(page) if not _PROOF.search(one)]
    missing = [
        f"no such test: {file}::{test}"
        for file, test in sorted(set(_PROOF.findall(page)))
        if not _is_there(file, test)
    ]
    return unproven + missing


def _is_there(file: str, test: str) -> bool:
    path = ROOT / "tests" / file
    if not (path.is_file() and test.startswith("test_")):
        return False
    return re.search(rf"^(?:async )?def {test}\(", path.read_text(), re.MULTILINE) is not None


def test_every_threat_has_a_proof_that_is_there() -> None:
    page = PAGE.read_text()

    assert len(threats(page)) >= 30
    assert not problems(page)


@pytest.mark.parametrize("letter", "STRIDE")
def test_every_kind_of_threat_is_thought_of(letter: str) -> None:
    assert any(letter in found["letters"] for found in _THREAT.finditer(PAGE.read_text()))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_with_a_boundary_is_on_the_page(room: str) -> None:
    assert f"`{room}`" in PAGE.read_text()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| S | somebody | an answer | |", "no proof: somebody | an answer |"),
        (
            "| S | somebody | an answer | `unit/test_security_page.py::test_gone` |",
            "no such test: unit/test_security_page.py::test_gone",
        ),
        (
            "| S | somebody | an answer | `unit/test_gone.py::test_it` |",
            "no such test: unit/test_gone.py::test_it",
        ),
        (
            "| S | somebody | an answer | `unit/test_security_page.py::threats` |",
            "no such test: unit/test_security_page.py::threats",
        ),
    ],
)
def test_a_threat_without_a_test_is_noticed(row: str, problem: str) -> None:
    assert problems(row) == [problem]
