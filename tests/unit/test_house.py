"""The house rules that no linter knows: what is where, and that papers and code say the same."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from packaging.requirements import Requirement

from fluxiq.settings import Institution, Settings

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

TOP = {
    # one reason to change each
    "actors",
    "config",
    "deploy",
    "docs",
    "fluxiq",
    "supervisors",
    "tests",
    # files that a stranger, or a machine, looks for at the top
    ".ci",
    ".editorconfig",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "run.py",
}

# Written in two pieces, or this file would name what it forbids.
MACHINES = [f"/{name}/" for name in ("work", "root", "home/[a-z]", "Users/[A-Z]")]


def files() -> list[Path]:
    """What belongs to the project: tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = [ROOT / name for name in listed.stdout.splitlines()]
    return [file for file in found if file.is_file()]


def test_the_top_level_is_what_it_is_meant_to_be() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in files()} == TOP


def test_every_package_of_the_product_is_in_the_architecture() -> None:
    said = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {one.parent for one in (ROOT / "fluxiq").glob("*/__init__.py")}
    packages |= {ROOT / "actors", ROOT / "supervisors"}
    missing = {one.name for one in packages if not re.search(rf"\b{one.name}\b", said)}

    assert missing == set()


def test_every_package_of_the_product_has_a_place_in_the_import_rules() -> None:
    [layers] = [one for one in PYPROJECT["tool"]["importlinter"]["contracts"] if "layers" in one]
    placed = {name.strip() for row in layers["layers"] for name in row.split("|")}
    packages = {f"fluxiq.{one.parent.name}" for one in (ROOT / "fluxiq").glob("*/__init__.py")}
    modules = {f"fluxiq.{one.stem}" for one in (ROOT / "fluxiq").glob("[!_]*.py")}

    assert (packages | modules) - placed == set()


def test_no_file_names_a_place_of_somebodys_machine() -> None:
    place = re.compile("|".join(rf"(?<![\w.$}}/-]){one}" for one in MACHINES).encode())
    named = [
        f"{file.relative_to(ROOT)}: {found[0].decode()}"
        for file in files()
        if (found := place.search(file.read_bytes()))
    ]

    assert named == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "docs/architecture.md"])
def test_paths_that_a_page_names_exist(name: str) -> None:
    said = (ROOT / name).read_text(encoding="utf-8")
    folders = "|".join(sorted(one for one in TOP if (ROOT / one).is_dir()))
    paths = set(re.findall(rf"`((?:{folders})/[\w./-]+)`", said))

    assert {path for path in paths if not (ROOT / path).exists()} == set()


# Settings.


def declared(kind: Any = Settings, at: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(kind).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from declared(hint, f"{at}{name}.")
        elif f"{at}{name}" != "institutions":  # which have files of their own
            yield f"{at}{name}"


def written(table: dict[str, Any], at: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from written(value, f"{at}{name}.")
        else:
            yield f"{at}{name}"


def test_the_base_file_has_every_setting_and_no_other() -> None:
    base = tomllib.loads((ROOT / "config" / "base.toml").read_text(encoding="utf-8"))

    assert sorted(written(base)) == sorted(declared())


def test_every_setting_is_read_by_somebody() -> None:
    """A setting that changes nothing is a lie to the operator who sets it."""
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("actors", "fluxiq")
        for file in (ROOT / folder).rglob("*.py")
        if file.parent.name != "settings"
    )
    keys = {path.rpartition(".")[2] for path in declared()}

    assert {key for key in keys if not re.search(rf"\.{key}\b", code)} == set()


def test_the_demo_institutions_are_institutions() -> None:
    found = list((ROOT / "config" / "institutions").glob("*.toml"))

    assert len(found) >= 2
    for file in found:
        msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Institution)


# Versions.


def pinned() -> dict[str, str]:
    rows = (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [row.split("#")[0].strip() for row in rows]
    return {_bare(name): version for name, _, version in (p.partition("==") for p in pins if p)}


def _bare(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def required() -> list[Requirement]:
    project = PYPROJECT["project"]
    texts = [*project["dependencies"], *PYPROJECT["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        texts += extra
    made = [Requirement(text) for text in texts]
    return [one for one in made if one.name not in {project["name"], "hatchling"}]


def test_every_dependency_is_pinned_to_a_version_that_it_may_have() -> None:
    pins = pinned()
    wrong = [
        f"{one} but {pins.get(_bare(one.name))}"
        for one in required()
        if not one.specifier.contains(pins.get(_bare(one.name), "0"))
    ]

    assert wrong == []


def test_every_pin_is_one_exact_version() -> None:
    assert all(re.fullmatch(r"[0-9][0-9a-z.+!]*", version) for version in pinned().values())


def test_the_changelog_tells_of_the_version_that_this_is() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(
        rf"^## {re.escape(PYPROJECT['project']['version'])}\b", changelog, re.MULTILINE
    )


# Decisions.


def test_decisions_are_numbered_without_gaps_and_say_their_number() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for number, page in zip(numbers, pages, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. ")


def test_a_stranger_is_led_to_the_decisions() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert "`docs/decisions/`" in readme


def test_code_that_leans_on_a_decision_names_one_that_exists() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "decisions").glob("*.md")}
    named = {
        found
        for file in files()
        if file.suffix in {".py", ".toml", ".md"}
        for found in re.findall(r"docs/decisions/(\d{4}[\w-]*)", file.read_text(encoding="utf-8"))
    }

    assert {one for one in named if not any(page.startswith(one) for page in pages)} == set()
