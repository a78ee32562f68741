"""The README of the runtime: every promise has its test, and its example does what it says."""

import ast
import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

HERE = Path(__file__).parent
ROOM = HERE.parents[2] / "supervisors"
README = ROOM / "README.md"
GUARANTEES = HERE / "guarantees"

SECTIONS = (
    "Specs",
    "Start",
    "Strategies",
    "Restart budget",
    "Backoff",
    "Quarantine",
    "Stop",
    "Mailboxes",
    "Calls",
    "Inline calls",
    "Crash of a message",
    "Names, monitors, groups",
    "Behaviours",
    "Inspection",
    "Crash reports",
    "Diagnostics",
    "Determinism",
)

SENTENCE = re.compile(r"[^.!?]+[.]")
CODE = re.compile(r"`[^`]*`")
EXPECTATION = re.compile(r"\bassert\b|pytest\.raises|pytest\.fail|fail_after")
LINK = re.compile(r"\[`(\w+)`\]\[([\w-]+)\]")


@dataclass(frozen=True)
class Promise:
    """One sentence of the README, and the tests it names, each as file and function."""

    sentence: str
    tests: tuple[tuple[Path | None, str], ...]


def promises(readme: str, folder: Path) -> Iterator[Promise]:
    """Read the list items below "Guarantees"; paths of links are relative to `folder`."""
    files = dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", readme, re.MULTILINE))
    guarantees = section(readme, "## Guarantees")
    for item in re.findall(r"^- (.*(?:\n  .*)*)", guarantees, re.MULTILINE):
        text = " ".join(line.strip() for line in item.splitlines())
        tests = tuple(
            (folder / files[label] if label in files else None, name)
            for name, label in LINK.findall(text)
        )
        yield Promise(LINK.sub("", text).strip(), tests)


def section(readme: str, heading: str) -> str:
    level = heading.partition(" ")[0]
    after = readme.partition(f"\n{heading}\n")[2]
    return re.split(rf"^{level} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def named_tests(path: Path) -> dict[str, str]:
    """Return the tests of a file by name, read and not imported."""
    return {name: code for name, code in functions(path).items() if name.startswith("test_")}


@cache
def functions(path: Path) -> dict[str, str]:
    return {
        node.name: ast.unparse(node)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def helpers(path: Path, code: str) -> Iterator[str]:
    """Give the code of what a test calls in its own file, which may expect something for it."""
    called = re.findall(r"\b(\w+)\(", code)
    return (other for name, other in functions(path).items() if name in called)


def problems(readme: str, folder: Path, guarantees: Path) -> Iterator[str]:
    """Say what is wrong between the sentences of a README and their tests."""
    linked: set[tuple[Path, str]] = set()
    for promise in promises(readme, folder):
        if not SENTENCE.fullmatch(CODE.sub("code", promise.sentence)):
            yield f"not one sentence: {promise.sentence!r}"
        if not promise.tests:
            yield f"no test is named for: {promise.sentence}"
        for path, name in promise.tests:
            if path is None or not path.is_file():
                yield f"{name} leads to no file, for: {promise.sentence}"
            elif name not in named_tests(path):
                yield f"there is no {name} in {path.name}, for: {promise.sentence}"
            else:
                linked.add((path.resolve(), name))
                yield from doubts(path, name)
    for path in sorted(guarantees.glob("test_*.py")):
        for name in named_tests(path):
            if (path.resolve(), name) not in linked:
                yield f"no sentence promises what {path.name} tests: {name}"


def doubts(path: Path, name: str) -> Iterator[str]:
    """Say why a test might not test: it expects nothing, or does not run."""
    code = named_tests(path)[name]
    if not any(EXPECTATION.search(part) for part in (code, *helpers(path, code))):
        yield f"{name} in {path.name} expects nothing"
    if re.search(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b", code):
        yield f"{name} in {path.name} is skipped, or expected to fail"
    if re.search(r"^pytestmark\b.*(skip|xfail)", path.read_text(encoding="utf-8"), re.MULTILINE):
        yield f"{path.name} is skipped, or expected to fail"


def test_every_sentence_has_its_test_and_every_test_its_sentence() -> None:
    found = list(problems(README.read_text(encoding="utf-8"), ROOM, GUARANTEES))
    assert found == []


def test_no_section_of_the_guarantees_is_missing() -> None:
    guarantees = section(README.read_text(encoding="utf-8"), "## Guarantees")
    assert tuple(re.findall(r"^### (.*)$", guarantees, re.MULTILINE)) == SECTIONS
    for heading in SECTIONS:
        assert "\n- " in section(guarantees, f"### {heading}"), f"{heading} promises nothing"


def test_table_of_rooms_is_the_folder() -> None:
    rows = re.findall(r"^\| `([\w./]+)` \|", section(README.read_text(), "## Rooms"), re.MULTILINE)
    modules = {path.name for path in ROOM.glob("*.py")} - {"__init__.py"}
    packages = {f"{path.parent.name}/" for path in ROOM.glob("*/__init__.py")}
    assert sorted(rows) == sorted(modules | packages)


def test_example_does_what_its_comments_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)[0]
    example = tmp_path / "example.py"
    example.write_text(code, encoding="utf-8")
    on_virtual_clock = partial(trio.run, clock=MockClock(autojump_threshold=0))
    monkeypatch.setattr(trio, "run", on_virtual_clock)
    runpy.run_path(str(example), run_name="__main__")
    said = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == said
    assert len(said) == code.count("print(")


GOOD_TEST = "def test_it_holds() -> None:\n    assert 1 + 1 == 2\n"
GOOD_README = "\n## Guarantees\n\n- It holds.\n  [`test_it_holds`][it]\n\n[it]: test_it.py\n"


@pytest.mark.parametrize(
    ("readme", "test", "problem"),
    [
        (GOOD_README, GOOD_TEST, None),
        (GOOD_README.replace("  [`test_it_holds`][it]\n", ""), GOOD_TEST, "no test is named for"),
        (GOOD_README.replace("It holds.", "It holds. Ever."), GOOD_TEST, "not one sentence"),
        (GOOD_README.replace("It holds.", "`a.b` holds."), GOOD_TEST, None),
        (GOOD_README.replace("It holds.", "It holds"), GOOD_TEST, "not one sentence"),
        (GOOD_README.replace("[it]:", "[at]:"), GOOD_TEST, "leads to no file"),
        (GOOD_README.replace("test_it.py", "test_at.py"), GOOD_TEST, "leads to no file"),
        (GOOD_README, GOOD_TEST.replace("holds", "is"), "there is no test_it_holds in test_it.py"),
        (GOOD_README, GOOD_TEST + "def test_more() -> None: assert True\n", "no sentence promises"),
        (GOOD_README, "def test_it_holds() -> None:\n    '''It does.'''\n", "expects nothing"),
        (GOOD_README, "@pytest.mark.skip\n" + GOOD_TEST, "is skipped"),
        (GOOD_README, "@pytest.mark.xfail(reason='later')\n" + GOOD_TEST, "is skipped"),
        (GOOD_README, GOOD_TEST + "    pytest.skip('later')\n", "is skipped"),
        (GOOD_README, "pytestmark = pytest.mark.skip\n" + GOOD_TEST, "test_it.py is skipped"),
    ],
)
def test_broken_promise_is_found(
    tmp_path: Path, readme: str, test: str, problem: str | None
) -> None:
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    found = list(problems(readme, tmp_path, tmp_path))
    if problem is None:
        assert found == []
    else:
        assert any(problem in one for one in found), found
