"""Every screen at every size: exactly as big as the terminal, and readable."""

import msgspec
import pytest

from fluxiq.admin.observer.columns import tone
from fluxiq.admin.observer.control import Control
from fluxiq.admin.observer.detail import Detail, Inspection
from fluxiq.admin.observer.frame import Tone
from fluxiq.admin.observer.keys import Key, Typed
from fluxiq.admin.observer.model import Known, Link, Model
from fluxiq.admin.observer.screen import draw
from fluxiq.admin.observer.text import Look
from fluxiq.admin.observer.view import Screen
from tests.unit.admin_observer.observer_kit import (
    NASTY,
    bank,
    control_of,
    diff,
    event,
    inspection,
    node,
    rows_of,
    supervisor,
    tree,
)

SIZES = ((80, 24), (60, 10), (119, 30), (120, 30), (200, 60), (20, 3), (1, 1))
LOOKS = (Look(), Look(unicode=False), Look(colours=False))


def nasty_control() -> Control:
    """Everything that comes from outside is as bad as it can be."""
    nodes = [supervisor("root")]
    for number, text in enumerate(NASTY):
        nodes.append(
            node(
                f"root/{number}{text.replace('/', '')}",
                state="quarantined" if number % 2 else "running",
                reason=text,
                last_exit=text,
                facts={text: text},
                kind=text,
            )
        )
    control = control_of(*nodes)
    detail = Detail(nodes[2].path, asked_at=0.0)
    events = [event(text, text, reason=text, exception=[text, f"  {text}"]) for text in NASTY]
    said = inspection(
        events=events,
        stack=list(NASTY),
        spec=dict.fromkeys(NASTY, "x\x1b[2J"),
        mailbox_head=list(NASTY),
    )
    detail.inspection = msgspec.convert(said, Inspection)
    detail.why = detail.inspection.events
    detail.fault = NASTY[1]
    control.detail = detail
    control.view.selected = nodes[2].path
    return control


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", list(Screen))
def test_whatever_is_told_the_screen_fits_exactly_and_obeys_nobody(
    screen: Screen, size: tuple[int, int], look: Look
) -> None:
    control = nasty_control()
    control.view.screen = screen
    for _ in range(3):  # also further down
        rows_of(control, *size, look)
        control.press(Key.PAGE_DOWN, 0)


@pytest.mark.parametrize("look", LOOKS)
def test_questions_messages_and_a_lost_platform_fit_too(look: Look) -> None:
    control = nasty_control()
    for keys in ("R", "Ry" + "long reason " * 20, "/" + "x" * 90):
        for key in keys:
            control.press(Typed(key), 0)
        rows_of(control, 80, 24, look)
        control.press(Key.ESCAPE, 0)
    control.model.set_link(Link.LOST, 0, NASTY[1] * 9)
    assert "LOST" in rows_of(control, 80, 24, look)[0]


def test_the_tree_shows_who_is_whose_child_and_how_each_does() -> None:
    rows = rows_of(control_of(*bank()))

    assert rows[0].startswith("FluxiQ │ connected │ revision 1 │ 0 msg/s")
    assert rows[1].startswith("2 institutions: 2 running; 10 processes: 1 quarantined, 1 backing")
    assert rows[2].split() == ["PROCESS", "STATE", "FOR", "RST", "MBOX", "MSG/S", "HANDLED"]
    assert rows[3].startswith("root (rest_for_one)")
    assert rows[6].startswith("│  │  └─ ledger_writer")
    assert rows[6].split()[-6:] == ["running", "90m", "0", "4", "0", "900"]
    assert rows[8].split()[-6:] == ["suspended", "90m", "0", "9", "0", "100"]
    assert rows[11].split()[-6:] == ["backing_off", "1s", "2", "-", "-", "-"]
    assert rows[-1].rstrip() == "?:help q:quit Enter:open Tab:table /:filter n:unwell"


def test_a_closed_branch_tells_what_is_wrong_inside() -> None:
    control = control_of(*bank())
    control.press(Typed("z"), 0)
    rows = rows_of(control)

    assert "▸22222222 [3 of 4 not well] " in rows[6]
    assert "▸11111111 [+1] " in rows[5]


def test_a_wide_terminal_says_why_beside_each_process() -> None:
    rows = rows_of(control_of(*bank()), 160)

    assert rows[2].split()[-1] == "NOTES"
    assert "no such address" in rows[10]
    assert "again in 4s: ConnectError: refused" in rows[11]
    assert "port=4000" in rows[12]


def test_the_reason_of_the_selected_process_is_told_at_the_bottom() -> None:
    control = control_of(*bank())
    control.press(Typed("n"), 0)
    control.press(Typed("n"), 0)
    rows = rows_of(control)

    assert rows[-2].startswith("whk_1 no such address")
    assert rows[-1].rstrip().endswith("R:restart L:release X:stop")


def test_the_deepest_names_are_readable() -> None:
    path = "root"
    nodes = [supervisor(path)]
    for number in range(30):
        path += f"/level_{number}"
        nodes.append(supervisor(path))
    control = control_of(*nodes)
    control.press(Key.END, 0)

    assert "level_29" in rows_of(control)[21]


def test_the_table_keeps_the_end_of_a_path_that_is_too_long() -> None:
    control = control_of(*bank())
    control.press(Key.TAB, 0)
    rows = rows_of(control, 60)

    assert rows[2].startswith("▴PROCESS")
    assert any(row.startswith("…/webhooks/whk_1 ") for row in rows)


def test_a_lost_platform_leaves_the_last_picture_grey() -> None:
    control = control_of(*bank())
    control.model.set_link(Link.LOST, 10.0, "nobody answers")
    painted = draw(control, Look(), 80, 24, 17.0)

    assert "LOST for 7s, trying again: nobody answers" in painted[0]
    assert painted[5].startswith("\x1b[90m")
    assert rows_of(control, now=17.0)[3].startswith("root (rest_for_one)")


def test_before_the_first_tree_there_is_something_to_read() -> None:
    rows = rows_of(Control(Model(), read_only=False))

    assert "CONNECTING" in rows[0]
    assert "0 processes" in rows[1]


def test_phases_that_are_drained_are_told() -> None:
    control = control_of(*bank())
    told = tree(*bank(), revision=2)
    control.model.replace(msgspec.structs.replace(told, closed_phases=("intake",)), 1.0)

    assert "DRAINED: intake" in rows_of(control)[0]


def test_restarts_that_wait_for_their_turn_are_told() -> None:
    control = control_of(*bank())
    control.model.set_admission(17)

    assert "admission queue 17" in rows_of(control)[0]


def test_the_detail_is_in_the_order_that_an_operator_asks() -> None:
    control = control_of(*bank())
    path = "root/institutions/22222222/webhooks/whk_1"
    control.view.selected = path
    control.press(Key.ENTER, 0)
    assert "asking ..." in "\n".join(rows_of(control))

    crash = event("crashed", path, reason="boom", exception=["RuntimeError: boom", "  in send"])
    said = inspection(events=[crash, event("quarantined", path, reason="budget spent")])
    assert control.detail is not None
    control.detail.inspection = msgspec.convert(said, Inspection)
    control.detail.why = tuple(reversed(control.detail.inspection.events))
    text = "\n".join(rows_of(control, 80, 40, now=9.0))

    order = [
        f"{path}  Esc: back",
        "quarantined for 90m, incarnation 1, 0 restarts",
        "no such address",
        "asked 9s ago",
        "Why",
        f"quarantined {path} #1, 5s ago: budget spent",
        f"because crashed {path} #1",
        "RuntimeError: boom",
        "Last events",
        "Mailbox",
        "sent 12, handled 9",
        "first in it: Deposit, Transfer",
        "Waits in",
        "till.py:12 in receive",
        "Spec",
        "restart=permanent, max_restarts=3",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_a_process_that_goes_away_while_it_is_looked_at_is_told() -> None:
    control = control_of(*bank())
    control.view.selected = "root/http_api"
    control.press(Key.ENTER, 0)
    control.model.change(diff(removed=("root/http_api",)), 1.0)

    assert "it is not in the tree any more" in rows_of(control)[3]


def test_only_the_visible_rows_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    control = control_of(supervisor("root"), *(node(f"root/{number}") for number in range(5000)))
    asked: list[str] = []

    def counted(known: Known) -> Tone:
        asked.append(known.view.path)
        return tone(known)

    monkeypatch.setattr("fluxiq.admin.observer.tree.tone", counted)
    rows_of(control)

    assert len(asked) == 19
