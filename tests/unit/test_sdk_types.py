"""One method serves both clients, and a type checker still knows what each of them gives."""

from pathlib import Path

from mypy import api

ROOT = Path(__file__).parents[2]


def test_mypy_knows_arguments_and_results_of_both_clients() -> None:
    said, complaints, status = api.run(
        [
            "--strict",
            "--explicit-package-bases",
            "--warn-unused-ignores",
            f"--config-file={ROOT / 'pyproject.toml'}",
            str(ROOT / "tests" / "support" / "sdk_types.py"),
        ]
    )

    assert (status, complaints) == (0, ""), said
