"""What is looked at: order, folds, filter, and a selection that stays with its process."""

import pytest

from fluxiq.admin.observer.columns import COLUMNS, NAME
from fluxiq.admin.observer.model import Model
from fluxiq.admin.observer.view import FOLD_NODES_MIN, Screen, View
from tests.unit.admin_observer.observer_kit import actor, bank, diff, model_of, node, supervisor

TOP = "root/institutions"


def table() -> View:
    view = View()
    view.show_list(Screen.TABLE)
    return view


def paths(view: View, model: Model, now: float = 0.0) -> list[str]:
    return [row.path for row in view.rows(model, now)]


def names(view: View, model: Model, now: float = 0.0) -> list[str]:
    return [path.rpartition("/")[2] for path in paths(view, model, now)]


# Sorting.

SORTED = {
    "PROCESS": ["root", "root/a", "root/b", "root/c"],
    "KIND": ["root/a", "root/b", "root", "root/c"],
    "STATE": ["root/c", "root/b", "root", "root/a"],
    "FOR": ["root/c", "root/b", "root/a", "root"],
    "RST": ["root/b", "root/c", "root", "root/a"],
    "INC": ["root/b", "root/c", "root", "root/a"],
    "MBOX": ["root/a", "root/b", "root", "root/c"],
    "MSG/S": ["root/b", "root/a", "root", "root/c"],
    "HANDLED": ["root/a", "root/b", "root", "root/c"],
    "NOTES": ["root", "root/c", "root/b", "root/a"],
}


def sortable() -> Model:
    model = model_of(
        supervisor("root", "one_for_one", since=100.0),
        actor("root/a", handled=900, mailbox=8, since=50.0, facts={"z": 1}),
        actor("root/b", handled=0, mailbox=2, since=40.0, restarts=4, incarnation=5, state="done"),
        node(
            "root/c", state="backing_off", since=3.0, restarts=2, incarnation=3, last_exit="a crash"
        ),
    )
    busy = actor(
        "root/b",
        handled=10,
        mailbox=2,
        since=40.5,
        restarts=4,
        incarnation=5,
        state="done",
        facts={"queue": 1},
    )
    model.change(diff(busy), 0.5)
    return model


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.title)
def test_the_table_is_sorted_by_each_column_both_ways(column: object) -> None:
    [chosen] = [one for one in COLUMNS if one is column]
    view, model = table(), sortable()
    view.sort = chosen
    assert paths(view, model, 0.5) == SORTED[chosen.title]

    view.reverse()
    turned = [chosen.order(model.nodes[path], 0.5) for path in paths(view, model, 0.5)]
    assert turned == sorted(turned, reverse=not chosen.most_first)  # type: ignore[type-var]


def test_equals_are_in_the_order_of_their_paths_and_do_not_dance() -> None:
    view = table()
    view.sort = next(one for one in COLUMNS if one.title == "RST")
    model = model_of(supervisor("root"), *(node(f"root/{key}") for key in "dbca"))

    assert names(view, model) == ["root", "a", "b", "c", "d"]


def test_the_neighbour_of_the_last_column_is_the_first_and_hidden_ones_are_passed_over() -> None:
    view = table()
    seen = []
    for _ in range(7):
        seen.append(view.sort.title)
        view.sort_by_neighbour(1, 80)

    assert seen == ["PROCESS", "STATE", "FOR", "RST", "MBOX", "MSG/S", "HANDLED"]
    assert view.sort is NAME
    view.sort_by_neighbour(-1, 120)
    assert view.sort.title == "NOTES"


# Folding.


def test_a_closed_branch_hides_what_is_below_it() -> None:
    view, model = View(), model_of(*bank())
    view.selected = f"{TOP}/22222222"
    view.fold(model)
    assert names(view, model) == [
        *("root", "institutions", "11111111", "ledger_writer", "22222222", "http_api"),
    ]
    view.unfold(model)
    assert paths(view, model) == [one.path for one in bank()]


def test_left_on_a_leaf_goes_to_its_parent_and_right_on_an_open_branch_into_it() -> None:
    view, model = View(), model_of(*bank())
    view.selected = f"{TOP}/22222222/webhooks/whk_1"
    view.fold(model)
    assert view.selected == f"{TOP}/22222222/webhooks"
    view.unfold(model)
    assert view.selected == f"{TOP}/22222222/webhooks/whk_1"


def test_all_branches_close_as_deep_as_institutions_and_open_again() -> None:
    view, model = View(), model_of(*bank())
    view.fold_all(model)
    assert names(view, model) == ["root", "institutions", "11111111", "22222222", "http_api"]
    view.unfold_all()
    assert len(view.rows(model, 0)) == len(bank())


def test_a_big_tree_begins_with_its_institutions_closed() -> None:
    keys = [f"{TOP}/{number:08}" for number in range(FOLD_NODES_MIN)]
    below = [one for key in keys for one in (supervisor(key), actor(f"{key}/ledger_writer"))]
    view, model = View(), model_of(supervisor("root"), supervisor(TOP), *below)

    assert len(view.settle(model, 0, 20)) == 20
    assert len(view.rows(model, 0)) == 2 + FOLD_NODES_MIN
    view.unfold_all()
    view.settle(model, 0, 20)
    assert len(view.rows(model, 0)) == len(model.nodes)


# Filter.


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("WHK_1", ["whk_1"]),
        ("quarantined", ["whk_1"]),
        ("no such address", ["whk_1"]),
        ("connecterror", ["whk_2"]),
        ("suspended", ["ledger_writer"]),
        ("22222222/ledger", ["ledger_writer"]),
        ("nobody has this", []),
    ],
)
def test_the_filter_looks_at_paths_states_and_reasons(text: str, found: list[str]) -> None:
    view, model = table(), model_of(*bank())
    view.filter = text

    assert names(view, model) == found


def test_in_the_tree_what_is_found_is_shown_with_its_ancestors_even_in_a_closed_branch() -> None:
    view, model = View(), model_of(*bank())
    view.fold_all(model)
    view.filter = "whk_1"

    assert names(view, model) == ["root", "institutions", "22222222", "webhooks", "whk_1"]


def test_a_filter_follows_what_changes() -> None:
    view, model = View(), model_of(*bank())
    view.filter = "quarantined"
    assert "whk_2" not in names(view, model)
    model.change(diff(node(f"{TOP}/22222222/webhooks/whk_2", state="quarantined")), 1.0)

    assert "whk_2" in names(view, model)


# Selection.


def test_the_selection_stays_with_its_process_when_the_tree_changes() -> None:
    view, model = View(), model_of(*bank())
    view.selected = "root/http_api"
    view.settle(model, 0, 20)
    model.change(diff(removed=(f"{TOP}/11111111", f"{TOP}/11111111/ledger_writer")), 1.0)
    view.settle(model, 1.0, 20)

    assert view.selected == "root/http_api"


def test_the_selection_stays_with_its_process_when_the_order_changes_and_is_scrolled_to() -> None:
    view = table()
    view.sort = next(one for one in COLUMNS if one.title == "RST")
    keys = [f"root/{number:03}" for number in range(100)]
    model = model_of(supervisor("root"), *map(node, keys))
    view.selected = "root/090"
    assert "root/090" in [row.path for row in view.settle(model, 0, 10)]
    model.change(diff(node("root/090", restarts=1)), 1.0)
    rows = view.settle(model, 1.0, 10)

    assert rows[0].path == view.selected == "root/090"


def test_a_selected_process_that_goes_away_leaves_the_selection_where_it_was() -> None:
    view, model = table(), model_of(supervisor("root"), *map(node, ("root/a", "root/b", "root/c")))
    view.selected = "root/b"
    view.settle(model, 0, 20)
    model.change(diff(removed=("root/b",)), 1.0)
    view.settle(model, 1.0, 20)

    assert view.selected == "root/c"


def test_a_selection_in_a_branch_that_closes_moves_to_the_branch() -> None:
    view, model = View(), model_of(*bank())
    view.selected = f"{TOP}/22222222/webhooks/whk_2"
    view.fold_all(model)
    view.settle(model, 0, 20)

    assert view.selected == f"{TOP}/22222222"


def test_moving_stops_at_both_ends_and_the_page_moves_with_it() -> None:
    view, model = table(), model_of(supervisor("root"), *(node(f"root/{n:02}") for n in range(50)))
    view.settle(model, 0, 10)
    view.move(-5, model, 0)
    assert view.selected == "root"
    view.move(1000, model, 0)
    rows = view.settle(model, 0, 10)
    assert (rows[-1].path, view.top) == ("root/49", 41)
    view.move(-9, model, 0)
    assert view.settle(model, 0, 10) == rows


def test_an_empty_list_selects_nothing() -> None:
    view, model = View(), Model()
    view.move(1, model, 0)

    assert view.settle(model, 0, 10) == ()
    assert view.selected == ""


def test_the_next_trouble_is_found_in_closed_branches_and_after_the_last_comes_the_first() -> None:
    view, model = View(), model_of(*bank())
    view.fold_all(model)
    seen = []
    for step in (1, 1, 1, 1, -1, -1):
        assert view.next_trouble(model, 0, step)
        view.settle(model, 0, 20)
        seen.append(view.selected.rpartition("/")[2])

    assert seen == ["ledger_writer", "whk_1", "whk_2", "ledger_writer", "whk_2", "whk_1"]
    assert not View().next_trouble(model_of(supervisor("root")), 0, 1)


def test_rows_are_not_computed_again_while_nothing_moves_them() -> None:
    view, model = View(), model_of(*bank())
    before = view.rows(model, 0)
    model.change(diff(node("root/http_api", restarts=1)), 1.0)

    assert view.rows(model, 99.0) is before


def test_an_order_by_rate_moves_with_time_until_nothing_flows_any_more() -> None:
    view = table()
    view.sort = next(one for one in COLUMNS if one.fades)
    model = model_of(supervisor("root"), actor("root/a"), actor("root/b"))
    model.change(diff(actor("root/b", handled=10)), 0.5)
    assert names(view, model, 0.5) == ["b", "a", "root"]
    assert names(view, model, 9.0) == ["a", "b", "root"]

    still = view.rows(model, 9.0)
    assert view.rows(model, 99.0) is still
