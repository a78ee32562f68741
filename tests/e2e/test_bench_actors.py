"""`bench actors`: the shape of its report. The figures are for people, never for a test."""

import json
from pathlib import Path

from tests.support.commands import fluxiq

# What is measured of ours, and must be there whatever peers a machine has.
OURS = {
    "actor: call, 1 caller: share of bare": "at least 0.8",
    "actor: call, 64 callers: share of bare": "at least 0.8",
    "actor: call of a plain def, callee idle": "at least 300,000",
    "actor: cast, batches": "at least 300,000, or 0.5 of bare",
    "actor: start of 200, static children: share of bare": "at least 0.5",
    "actor: start of 200, keys of a dynamic supervisor: share of bare": "at least 0.5",
    "actor: crash to running, one child": "at most 0.5",
    "actor: crash to running, a group of 100 (one_for_all)": "at most 50",
    "snapshot of 200 actors, median": "under 50",
    "actor: memory of each of 2,000, idle": "at most 3,000",
}


def test_every_aim_of_the_runtime_has_a_figure(folder: Path) -> None:
    file = folder / "out.json"
    nothing = {"PATH": str(folder)}  # no erl: the same peers on every machine
    done = fluxiq(
        *("bench", "actors", "--quick", "--json", str(file)), data_dir=folder, environ=nothing
    )

    assert (done.status, done.stderr) == (0, "")
    report = json.loads(file.read_text())
    assert set(report) == {"machine", "figures"}
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert len(figures) == len(report["figures"])
    assert OURS.items() <= {name: figure["aim"] for name, figure in figures.items()}.items()
    for name, figure in figures.items():
        assert set(figure) == {"name", "value", "unit", "aim", "holds", "note"}
        assert (figure["holds"] is None) == (figure["aim"] == ""), figure
        if name.startswith("OTP: "):
            assert (figure["value"], "Erlang" in figure["note"]) == (None, True), figure
        elif not name.startswith("pykka: "):
            assert figure["value"] > 0, figure


def test_one_family_of_rows_can_be_measured_alone(folder: Path) -> None:
    done = fluxiq(
        *("bench", "actors", "--quick", "--rounds", "2", "--only", "snapshot"), data_dir=folder
    )

    assert (done.status, done.stderr) == (0, "")
    rows = [line for line in done.stdout.splitlines() if " ms " in line]
    assert len(rows) == 3
    assert "of 10" in rows[0]


def test_a_family_that_does_not_exist_is_refused_and_the_others_are_named(folder: Path) -> None:
    done = fluxiq("bench", "actors", "--only", "nothing", data_dir=folder)

    assert done.status == 2
    assert "'snapshot'" in done.stderr
    assert "Traceback" not in done.stderr
