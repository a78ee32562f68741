"""`bench ledger`: the shape of its report. The figures are for people, never for a test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.commands import environment, fluxiq
from tests.support.platform import ROOT
from tests.support.servers import tigerbeetle_binary

pytestmark = pytest.mark.embedded

SECONDS_MAX: Final = 240.0

# What is measured of ours, by family, with its aim. `driver` to `recovery` need TigerBeetle.
WITH_TIGERBEETLE: Final[Mapping[str, Mapping[str, str]]] = {
    "driver": {
        "driver: packed batches, 1 session: share of tigerbeetle benchmark": "at least 0.95",
        "driver: packed batches, 1 session: share of official Python client": "at least 4",
        "driver: a single transfer, p50": "",
        "driver: a single transfer, p99": "",
    },
    "bulk": {
        "writer: bulk batches, journal and mirror": "at least 120,000",
        "writer: bulk batches, journal and mirror: share of tigerbeetle benchmark": "at least 0.7",
        "writer: bulk batches, no mirror": "",
        "writer: bulk batches, neither journal nor mirror": "",
    },
    "awaited": {
        "writer: transfers awaited one by one, 1,000 tasks": "at least 25,000",
        "writer: a transfer, 10,000/s offered, p50": "",
        "writer: a transfer, 10,000/s offered, p99": "under 10",
    },
    "failover": {
        "failover: from breaker open to the first stand-in answer": "under 500",
        "failover: mirror's lag when TigerBeetle stops": "under 200",
    },
    "recovery": {
        "recovery: replay into TigerBeetle": "at least 60,000",
        "recovery: pause of writers at its end": "under 300",
        "recovery: differences found afterwards": "none",
    },
}
WITHOUT: Final[Mapping[str, Mapping[str, str]]] = {
    "standin": {
        "stand-in: one hot account, batches of 8189": "at least 40,000",
        "stand-in: a transfer, 2,000/s offered, p50": "",
        "stand-in: a transfer, 2,000/s offered, p99": "under 15",
    },
    "mirror": {
        "mirror: uniform over accounts, from a full journal": "at least 100,000",
        "mirror: one hot account, from a full journal": "at least 100,000",
    },
    "growth": {
        "growth: stand-in, 16,378 transfers in the journal: share of an empty one": "at least 0.8",
    },
}


def measured(folder: Path, environ: Mapping[str, str], *families: str) -> dict[str, Any]:
    """The figures by name, each complete."""
    file = folder / "out.json"
    only = [word for family in families for word in ("--only", family)]
    done = fluxiq(
        *("bench", "ledger", "--quick", *only, "--json", str(file)),
        data_dir=folder,
        environ=environ,
    )

    assert (done.status, done.stderr) == (0, "")
    report = json.loads(file.read_text())
    assert set(report) == {"machine", "figures"}
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert len(figures) == len(report["figures"])
    for figure in figures.values():
        assert set(figure) == {"name", "value", "unit", "aim", "holds", "note"}
        assert (figure["holds"] is None) == (figure["aim"] == ""), figure
    return figures


@pytest.mark.parametrize("family", WITHOUT)
def test_what_needs_no_tigerbeetle_is_measured_without_one(folder: Path, family: str) -> None:
    figures = measured(folder, {"PATH": str(folder)}, family)

    assert WITHOUT[family].items() <= {name: one["aim"] for name, one in figures.items()}.items()
    for name, figure in figures.items():
        if name.startswith("growth: bulk writer"):
            assert (figure["value"], figure["note"]) == (None, "no TigerBeetle server: see --help")
        else:
            assert figure["value"] > 0, figure


def test_each_row_that_needs_tigerbeetle_says_that_there_is_none(folder: Path) -> None:
    figures = measured(folder, {"PATH": str(folder)}, *WITH_TIGERBEETLE)

    rows = {name for family in WITH_TIGERBEETLE.values() for name in family}
    shares = {name for name in rows if name.startswith("driver: packed") and "share" in name}
    assert rows - shares <= set(figures)
    for figure in figures.values():
        assert figure["value"] is None, figure
        assert figure["note"].startswith("no TigerBeetle "), figure


@pytest.mark.tigerbeetle
@pytest.mark.parametrize("family", WITH_TIGERBEETLE)
def test_what_needs_tigerbeetle_is_measured_with_one(
    folder: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tigerbeetle_binary()
    if program is None:
        pytest.skip("put `tigerbeetle` (0.17) on the PATH, or name it in FLUXIQ_TIGERBEETLE_BIN")

    # A gigabyte of data file for each of up to seven servers takes its time on a slow disk.
    monkeypatch.setattr("tests.support.commands.COMMAND_SECONDS_MAX", SECONDS_MAX)
    environ = {"PATH": os.environ["PATH"], "FLUXIQ_TIGERBEETLE_BIN": program}
    figures = measured(folder, environ, family)

    wanted = WITH_TIGERBEETLE[family].items()
    assert wanted <= {name: one["aim"] for name, one in figures.items()}.items()
    found = figures.pop("recovery: differences found afterwards", None)
    assert found is None or found["value"] == 0, found
    for figure in figures.values():
        assert figure["value"] >= 0, figure


def test_sigterm_ends_it_in_order_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """It ended in a traceback, and a gigabyte stayed in the folder for temporary files."""
    words = ("run.py", "bench", "ledger", "--only", "standin", "--rounds", "1")
    environ = {"PATH": str(folder), "TMPDIR": str(tmp_path)}
    bench = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(folder, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + SECONDS_MAX
        while not list(tmp_path.glob("*/postgres/*/postmaster.pid")):
            assert bench.poll() is None, "it runs until it is told to end"
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.05)
        bench.terminate()
        said, _ = bench.communicate(timeout=SECONDS_MAX)
    finally:
        bench.kill()

    assert (bench.returncode, said) == (128 + signal.SIGTERM, "")
    assert not list(tmp_path.iterdir())


def test_a_family_that_does_not_exist_is_refused_and_the_others_are_named(folder: Path) -> None:
    done = fluxiq("bench", "ledger", "--only", "nothing", data_dir=folder)

    assert done.status == 2
    assert "'standin'" in done.stderr
    assert "Traceback" not in done.stderr
