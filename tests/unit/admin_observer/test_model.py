"""What is known of the platform: trees, diffs, rates, and how the link is."""

import pytest

from fluxiq.admin.observer.model import RATE_SECONDS, Link, Model, OutOfStep
from tests.unit.admin_observer.observer_kit import (
    actor,
    bank,
    diff,
    model_of,
    node,
    supervisor,
    tree,
)

ROOT = supervisor("root")


def test_children_are_in_start_order_under_their_parents() -> None:
    model = model_of(*bank())

    assert model.children("") == ("root",)
    assert model.children("root") == ("root/institutions", "root/http_api")
    assert [known.view.path for known in model.below("")] == [one.path for one in bank()]


def test_a_diff_changes_adds_and_removes() -> None:
    model = model_of(ROOT, node("root/a"), supervisor("root/b"), node("root/b/c"))
    changed = (node("root/a", restarts=1), supervisor("root/d"), node("root/d/e"))
    model.change(diff(*changed, removed=("root/b", "root/b/c")), 1.0)

    assert [known.view.path for known in model.below("")] == [
        *("root", "root/a", "root/d", "root/d/e"),
    ]
    assert model.nodes["root/a"].view.restarts == 1
    assert model.revision == 2


def test_a_change_of_counts_alone_leaves_the_shape_as_it_is() -> None:
    model = model_of(ROOT, node("root/a"))
    shape, version = model.structure, model.version
    model.change(diff(node("root/a", restarts=1)), 1.0)

    assert model.structure == shape
    assert model.version > version


def test_a_diff_that_does_not_follow_is_refused() -> None:
    with pytest.raises(OutOfStep, match="revision 7"):
        model_of(ROOT).change(diff(before=7, after=8), 1.0)


def test_a_whole_tree_takes_the_place_of_everything() -> None:
    model = model_of(ROOT, node("root/a"))
    model.replace(tree(ROOT, node("root/b"), revision=9), 1.0)

    assert [known.view.path for known in model.below("")] == ["root", "root/b"]
    assert model.revision == 9


def test_a_node_without_a_path_is_nobodys_child_not_even_its_own() -> None:
    assert set(model_of(ROOT, node("")).nodes) == {"root"}


# Rates.


def handled(model: Model, *counts: tuple[float, int]) -> None:
    for at, count in counts:
        assert model.revision is not None
        change = diff(
            actor("root/a", handled=count), before=model.revision, after=model.revision + 1
        )
        model.change(change, at)


def test_a_steady_flow_is_its_rate() -> None:
    model = model_of(ROOT, actor("root/a"))
    handled(model, *((0.25 * step, 25 * step) for step in range(1, 41)))

    assert model.nodes["root/a"].rate(10.0) == pytest.approx(100, rel=0.15)
    assert model.throughput(10.0) == model.nodes["root/a"].rate(10.0)


def test_a_flow_that_ends_is_zero_after_the_window_without_any_news() -> None:
    model = model_of(ROOT, actor("root/a"))
    handled(model, (0.25, 50))

    assert model.nodes["root/a"].rate(0.5) == pytest.approx(100)
    assert 0 < model.nodes["root/a"].rate(2.0) <= 25
    assert model.nodes["root/a"].rate(0.25 + RATE_SECONDS) == 0
    assert model.throughput(0.25 + RATE_SECONDS) == 0


def test_messages_after_a_long_silence_are_of_now_and_not_of_the_silence() -> None:
    model = model_of(ROOT, actor("root/a", handled=7))
    handled(model, (600.0, 27))

    assert model.nodes["root/a"].rate(600.0) == pytest.approx(20 / RATE_SECONDS)


def test_what_was_handled_before_we_looked_is_no_flow() -> None:
    model = model_of(ROOT, actor("root/a", handled=1_000_000))

    assert model.nodes["root/a"].rate(0.1) == 0


def test_two_trees_one_right_after_the_other_make_no_flood() -> None:
    model = model_of(ROOT, actor("root/a"))
    handled(model, (0.001, 10))

    assert model.nodes["root/a"].rate(0.001) == 40


def test_counts_that_begin_anew_are_no_negative_flow() -> None:
    model = model_of(ROOT, actor("root/a", handled=500))
    handled(model, (0.5, 3), (1.0, 13))

    assert model.nodes["root/a"].rate(1.0) == pytest.approx(20)


def test_a_whole_tree_in_between_keeps_the_flow_but_a_lost_platform_does_not() -> None:
    model = model_of(ROOT, actor("root/a"))
    handled(model, (0.5, 50))
    model.replace(tree(ROOT, actor("root/a", handled=100), revision=3), 1.0)
    assert model.nodes["root/a"].rate(1.0) == pytest.approx(100)

    model.set_link(Link.LOST, 1.1)
    model.replace(tree(ROOT, actor("root/a", handled=200), revision=1), 1.2)
    assert model.nodes["root/a"].rate(1.2) == 0


# Times, counts, link.


def test_times_go_on_between_two_pieces_of_news() -> None:
    model = model_of(ROOT, node("root/a", since=5.0, due=4.0))
    known = model.nodes["root/a"]

    assert known.seconds_in_state(10.0) == 15.0
    assert known.seconds_until_due(1.0) == 3.0
    assert known.seconds_until_due(9.0) == 0.0


def test_institutions_are_counted_by_themselves() -> None:
    model = model_of(*bank())

    assert model.institutions() == {"running": 2}
    assert list(model.states().items()) == [
        *(("quarantined", 1), ("backing_off", 1), ("suspended", 1), ("running", 7)),
    ]
    assert model.has_troubles()
    model.change(diff(supervisor("root/institutions/22222222", state="quarantined")), 1.0)
    assert model.institutions() == {"running": 1, "quarantined": 1}


def test_the_time_of_a_loss_is_that_of_the_first_failure() -> None:
    model = model_of(ROOT)
    model.set_link(Link.LOST, 10.0, "it hung up")
    model.set_link(Link.LOST, 12.0, "nobody answers")

    assert (model.link_since, model.link_reason) == (10.0, "nobody answers")
    assert not model.is_live
    assert "root" in model.nodes
