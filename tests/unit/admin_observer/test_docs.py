"""docs/observer.md says what the observer shows and which keys it knows."""

import re
from pathlib import Path

import msgspec
import pytest

from fluxiq.admin.observer.control import Control
from fluxiq.admin.observer.detail import Inspection
from fluxiq.admin.observer.help import DEED_KEYS, KEYS
from fluxiq.admin.observer.keys import Key
from tests.unit.admin_observer.observer_kit import bank, control_of, event, inspection, rows_of

PAGE = (Path(__file__).parents[3] / "docs" / "observer.md").read_text(encoding="utf-8")
SENDER = "root/institutions/22222222/webhooks/whk_1"


def tree_screen() -> Control:
    """The sender in quarantine is selected."""
    control = control_of(*bank())
    control.model.set_admission(0)
    control.view.selected = SENDER
    return control


def detail_screen() -> Control:
    """The sender in detail."""
    control = tree_screen()
    control.press(Key.ENTER, 0)
    crash = event(
        "crashed",
        SENDER,
        reason="ConnectError: no such address",
        seconds_ago=5402.0,
        exception=[
            "ConnectError: no such address",
            "  in Courier.deliver (fluxiq/couriers/courier.py:88)",
            "gaierror: [Errno -2] Name or service not known",
            "  in getaddrinfo (socket.py:962)",
        ],
    )
    parked = event("quarantined", SENDER, reason="5 restarts within 60 s", seconds_ago=5400.0)
    said = inspection(
        events=[crash, parked],
        mailbox=None,
        stack=[],
        spec={"restart": "permanent", "shutdown": 5.0, "kind": "worker"},
    )
    assert control.detail is not None
    control.detail.inspection = msgspec.convert(said, Inspection)
    control.detail.why = tuple(reversed(control.detail.inspection.events))
    return control


@pytest.mark.parametrize("made", [tree_screen, detail_screen])
def test_the_screens_of_the_page_are_those_of_the_observer(made: object) -> None:
    control = tree_screen() if made is tree_screen else detail_screen()
    drawn = "\n".join(row.rstrip() for row in rows_of(control, now=1.0)).rstrip()

    assert f"```\n{drawn}\n```" in PAGE


def test_every_key_of_the_help_is_on_the_page_with_what_it_does() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    told = {keys.replace("`", ""): does for keys, does in rows}

    for keys, does in (*KEYS, *DEED_KEYS):
        assert told.get(keys) == does, keys
    assert len(told) == len(KEYS) + len(DEED_KEYS)


def test_the_page_is_found_from_the_readme() -> None:
    root = Path(__file__).parents[3]

    assert "docs/observer.md" in (root / "README.md").read_text(encoding="utf-8")
