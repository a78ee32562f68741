"""`bench payments`: the shape of its report. The figures are for people, never for a test."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.commands import fluxiq

pytestmark = pytest.mark.embedded

# What is measured of ours with its aim, and the bare counterpart that stands beside it.
ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "charges": {
        "bare echo, around charges accepted": "",
        "charges accepted, share of the echo": "at least 0.5",
        "charges paid and told by webhook, all at once": "",
    },
    "payouts": {
        "bare echo, around payouts accepted": "",
        "payouts accepted, share of the echo": "at least 0.5",
        "payouts confirmed at full load": "",
        "a payout from request to its end: our CPU": "",
        "a payout from request to its end: PostgreSQL's CPU": "",
    },
    "batch": {
        "bare echo of the same batches": "",
        "batch: payouts accepted": "at least 5,000",
        "batch: payouts carried out": "at least 2,000",
        "batch: a payout from request to its end: our CPU": "",
        "batch: a payout from request to its end: PostgreSQL's CPU": "",
    },
    "notices": {"bare echo at the same rate, p99": ""},
    "balances": {
        "bare echo, beside balance read, p99": "",
        "balance read, p99": "under 10",
    },
    "transfers": {"bare echo, beside transfer, p99": "", "transfer, p99": "under 10"},
    "guard": {
        "guard with an API key, p50": "under 1",
        "guard with an access token, p50": "under 1",
        "the whole request with an API key, p50": "",
    },
}


def measured(folder: Path, family: str) -> dict[str, Any]:
    """The figures by name, each complete."""
    file = folder / "out.json"
    done = fluxiq(
        *("bench", "payments", "--quick", "--only", family, "--json", str(file)), data_dir=folder
    )

    assert done.status == 0, done.stderr
    assert "Traceback" not in done.stderr  # the platform says there that it was told to stop
    report = json.loads(file.read_text())
    assert set(report) == {"machine", "figures"}
    assert {"cpu", "cores", "python", "build"} <= set(report["machine"])
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert len(figures) == len(report["figures"])
    for figure in figures.values():
        assert set(figure) == {"name", "value", "unit", "aim", "holds", "note"}
        assert (figure["holds"] is None) == (figure["aim"] == ""), figure
        # The kernel counts in hundredths of a second, and a quick run is short for a server.
        is_coarse = figure["name"].endswith("PostgreSQL's CPU")
        assert figure["value"] > 0 or (is_coarse and figure["value"] == 0), figure
    return figures


@pytest.mark.parametrize("family", ROWS)
def test_each_figure_stands_beside_its_bare_counterpart(folder: Path, family: str) -> None:
    figures = measured(folder, family)

    assert ROWS[family].items() <= {name: one["aim"] for name, one in figures.items()}.items()
    if family == "notices":
        [p99] = [name for name in figures if name.startswith("notice") and name.endswith("p99")]
        assert figures[p99]["aim"] == "under 250"


def test_a_family_that_does_not_exist_is_refused_and_the_others_are_named(folder: Path) -> None:
    done = fluxiq("bench", "payments", "--only", "nothing", data_dir=folder)

    assert done.status == 2
    assert "'batch'" in done.stderr
    assert "Traceback" not in done.stderr
