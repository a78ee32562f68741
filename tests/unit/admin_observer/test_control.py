"""From keys to wishes: nothing is done to a process that was not confirmed for that process."""

import pytest

from fluxiq.admin.observer.control import (
    MESSAGE_SECONDS_MIN,
    Act,
    Ask,
    Control,
    Quit,
    Redraw,
    Wish,
)
from fluxiq.admin.observer.deeds import DEEDS
from fluxiq.admin.observer.frame import Tone
from fluxiq.admin.observer.keys import Key, Typed
from fluxiq.admin.observer.model import Link
from fluxiq.admin.observer.prompt import REASON_CHARACTERS_MAX, Confirmation
from fluxiq.admin.observer.view import Screen
from tests.unit.admin_observer.observer_kit import (
    actor,
    bank,
    control_of,
    diff,
    node,
    rows_of,
    supervisor,
)

TILL = "root/till"


def at(path: str = TILL, *, read_only: bool = False) -> Control:
    nodes = (
        supervisor("root"),
        actor(TILL),
        actor("root/held", suspended=True),
        node("root/parked", state="quarantined", reason="budget spent"),
    )
    control = control_of(*nodes, read_only=read_only)
    control.view.selected = path
    return control


def press(control: Control, *keys: Key | str, now: float = 0.0) -> list[Wish]:
    wishes = []
    for key in keys:
        for one in [key] if isinstance(key, Key) else map(Typed, key):
            wish = control.press(one, now)
            if wish is not None:
                wishes.append(wish)
    return wishes


def said(control: Control) -> str:
    return rows_of(control)[-2].strip()


# Deeds.


@pytest.mark.parametrize(
    ("key", "path"),
    [("R", TILL), ("S", TILL), ("X", TILL), ("U", "root/held"), ("L", "root/parked")],
)
def test_a_deed_is_done_after_a_yes_with_the_reason_that_was_typed(key: str, path: str) -> None:
    control = at(path)
    assert press(control, key) == []
    [deed] = [one for one in DEEDS if one.key == key]
    assert f"{deed.verb} {path} (" in said(control)
    assert press(control, "y") == []
    assert "may be empty" in said(control)
    assert press(control, "look ", Key.BACKSPACE, "s stuck ") == []

    assert press(control, Key.ENTER) == [Act(deed, path, "looks stuck")]
    assert control.prompt is None


def test_a_reason_may_be_empty_and_is_not_longer_than_the_platform_takes() -> None:
    [wish] = press(at(), "Ry", Key.ENTER)
    assert isinstance(wish, Act)
    assert wish.reason == ""
    [wish] = press(at(), "Ry", "x" * (REASON_CHARACTERS_MAX + 50), Key.ENTER)
    assert isinstance(wish, Act)
    assert len(wish.reason) == REASON_CHARACTERS_MAX


@pytest.mark.parametrize("no", ["n", "Y", "R", " ", Key.ENTER, Key.ESCAPE, Key.UP])
def test_anything_but_y_calls_it_off(no: Key | str) -> None:
    control = at()

    assert press(control, "X", no) == []
    assert control.prompt is None
    assert not any(isinstance(wish, Act) for wish in press(control, "y", Key.ENTER))


def test_escape_calls_it_off_even_after_the_yes() -> None:
    control = at()

    assert press(control, "Xylooks stuck", Key.ESCAPE) == []
    assert said(control) == "no stop: nothing was done"


def test_what_is_pasted_is_no_command_and_no_yes_but_may_be_a_reason() -> None:
    control = at()
    assert control.press(Typed("X", pasted=True), 0) is None
    assert control.prompt is None
    press(control, "X")
    control.press(Typed("y", pasted=True), 0)
    assert control.prompt is None
    press(control, "Xy")
    for char in "ticket 17":
        control.press(Typed(char, pasted=True), 0)

    [wish] = press(control, Key.ENTER)
    assert isinstance(wish, Act)
    assert wish.reason == "ticket 17"


def test_a_deed_stays_with_the_process_it_was_asked_for() -> None:
    control = at()
    press(control, "X")
    control.model.change(diff(removed=(TILL,)), 1.0)
    rows_of(control)
    assert control.view.selected != TILL

    [wish] = press(control, "y", Key.ENTER)
    assert isinstance(wish, Act)
    assert wish.path == TILL


@pytest.mark.parametrize(
    ("key", "path", "why"),
    [
        ("R", "root", "the root itself"),
        ("X", "root", "the root itself"),
        ("S", "root", "it is a supervisor"),
        ("S", "root/held", "it is suspended already"),
        ("S", "root/parked", "it is quarantined, not running"),
        ("U", TILL, "it is not suspended"),
        ("L", TILL, "it is running, not quarantined"),
    ],
)
def test_a_deed_that_makes_no_sense_is_not_asked_for(key: str, path: str, why: str) -> None:
    control = at(path)
    press(control, key)

    assert control.prompt is None
    assert why in said(control)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.verb)
def test_who_only_looks_and_who_has_lost_the_platform_does_nothing(deed: object) -> None:
    [chosen] = [one for one in DEEDS if one is deed]
    control = at(read_only=True)
    press(control, chosen.key)
    assert "this observer only looks" in said(control)
    assert "restart" not in rows_of(control)[-1]

    control = at()
    control.model.set_link(Link.LOST, 1.0)
    press(control, chosen.key)
    assert "the platform is lost" in said(control)


def test_a_deed_in_detail_is_for_the_process_in_detail() -> None:
    control = at()
    press(control, Key.ENTER)
    control.view.selected = "root/held"
    press(control, "X")

    assert isinstance(control.prompt, Confirmation)
    assert control.prompt.path == TILL


# The filter.


def test_a_filter_works_while_it_is_typed_and_stays_after_enter() -> None:
    control = control_of(*bank())
    press(control, "/whk_1")
    assert said(control) == "filter: whk_1_"
    assert sum("whk_" in row for row in rows_of(control)[3:-2]) == 1
    press(control, Key.ENTER)
    assert rows_of(control)[2].startswith("PROCESS /whk_1 ")
    press(control, Key.ESCAPE)
    assert control.view.filter == ""


def test_escape_while_typing_brings_the_filter_before_back() -> None:
    control = control_of(*bank())
    press(control, "/whk", Key.ENTER, "/", Key.ERASE_LINE, "qR", Key.ESCAPE)

    assert control.view.filter == "whk"


def test_letters_of_a_filter_are_no_commands() -> None:
    control = control_of(*bank())

    assert press(control, "/qRX") == []
    assert control.view.filter == "qRX"


# Screens.


def test_enter_asks_for_detail_and_escape_goes_back_to_where_one_was() -> None:
    control = at()
    press(control, Key.TAB)
    assert press(control, Key.ENTER) == [Ask(TILL)]
    assert control.view.screen is Screen.DETAIL
    assert press(control, "u") == [Ask(TILL)]
    press(control, Key.ESCAPE)
    assert control.view.screen is Screen.TABLE
    press(control, "?")
    assert control.view.screen is Screen.HELP
    press(control, Key.LEFT)
    assert control.view.screen is Screen.TABLE
    press(control, Key.TAB)
    assert control.view.screen is Screen.TREE


@pytest.mark.parametrize("key", ["q", Key.INTERRUPT])
@pytest.mark.parametrize("screen", list(Screen))
def test_q_and_ctrl_c_quit_from_every_screen(key: Key | str, screen: Screen) -> None:
    control = at()
    control.view.screen = screen

    assert press(control, key) == [Quit()]


def test_ctrl_c_quits_and_ctrl_l_draws_anew_while_something_is_typed() -> None:
    control = at()

    assert press(control, "Xy", Key.REDRAW, Key.INTERRUPT) == [Redraw(), Quit()]


def test_scrolling_ends_where_the_text_ends() -> None:
    control = at()
    press(control, "?", Key.END)
    text = rows_of(control, 80, 12)
    press(control, Key.DOWN, Key.PAGE_DOWN)
    assert rows_of(control, 80, 12) == text
    press(control, "k")
    assert rows_of(control, 80, 12) != text


# Messages.


def test_an_outcome_is_readable_even_for_who_goes_on_typing() -> None:
    control = at()
    control.say("restart root/till: done", Tone.TITLE, 10.0)
    press(control, "jk", now=10.5)
    assert said(control) == "restart root/till: done"
    press(control, "j", now=10.0 + MESSAGE_SECONDS_MIN)
    assert said(control) == "held"


def test_when_all_is_well_there_is_no_next_trouble() -> None:
    control = control_of(supervisor("root"))
    press(control, "n")

    assert said(control) == "every process is well"
