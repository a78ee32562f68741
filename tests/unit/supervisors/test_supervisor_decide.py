"""Tables of the pure decision: one line per case, then random walks."""

import random

import pytest

from supervisors import AutoShutdown, Backoff, ChildState, DynamicSpec, Restart, Strategy
from supervisors import SupervisorSpec as Sup
from supervisors.backoff import charge, delay_seconds
from supervisors.decide import check, refusal
from supervisors.state import Phase
from tests.unit.supervisors.supervision_kit import EXACT, Table, child_spec

ONE, ALL, REST = Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE
TRANSIENT, TEMPORARY = Restart.TRANSIENT, Restart.TEMPORARY


def abc(
    strategy: Strategy = ONE,
    *,
    b: Restart = Restart.PERMANENT,
    max_restarts: int = 3,
    max_seconds: float = 5.0,
    auto: AutoShutdown = AutoShutdown.NEVER,
    significant: str = "",
) -> Table:
    restarts = {"a": Restart.PERMANENT, "b": b, "c": Restart.PERMANENT}
    children = [
        child_spec(name, restart=restart, significant=name in significant)
        for name, restart in restarts.items()
    ]
    spec = Sup(
        id="s",
        strategy=strategy,
        children=children,
        max_restarts=max_restarts,
        max_seconds=max_seconds,
        auto_shutdown=auto,
    )
    return Table(spec, *children)


def pool(*keys: str, own: int | None = None, max_children: int = 3, **fields: int) -> Table:
    spec = DynamicSpec(
        id="d",
        template=child_spec,
        keys=keys,
        child_max_restarts=own,
        max_children=max_children,
        **fields,
    )
    return Table(spec, *(child_spec(key) for key in keys))


@pytest.mark.parametrize(
    ("script", "effects"),
    [
        ("boot", "start a#1"),
        ("boot; ready a", "start b#1"),
        ("boot; ready a; ready b", "start c#1"),
        ("boot; ready a; ready b; ready c", "ready"),
        ("boot; ready a; ready a", ""),
        ("boot; ignore a", "start b#1"),
        ("boot; ready a; crash b", "stop a"),
        ("boot; ready a; return b", "stop a"),
        ("boot; ready a; crash b; crash a", "finish start_failed"),
        ("boot; ready a; slow_start b", "stop b"),
        ("boot; ready a; slow_start b; crash b", "stop a"),
        ("boot; ready a; slow_start b; slow_stop b", "kill b"),
        ("boot; ready a; slow_start b; slow_stop b; slow_stop b", "stop a"),
        ("boot; ready a; stop", "stop b"),
        ("boot; crash a", "finish start_failed"),
        ("boot; ready a; crash a", "arm a@1"),
        ("boot; ready a; slow_start a", ""),
    ],
)
def test_children_start_in_order_and_a_failed_start_rolls_back(script: str, effects: str) -> None:
    assert abc().play(script) == effects


@pytest.mark.parametrize(
    ("strategy", "b", "script", "effects"),
    [
        (ONE, Restart.PERMANENT, "up; crash b", "arm b@1"),
        (ONE, Restart.PERMANENT, "up; return b", "arm b@1"),
        (ONE, TRANSIENT, "up; crash b", "arm b@1"),
        (ONE, TRANSIENT, "up; return b", ""),
        (ONE, TEMPORARY, "up; crash b", ""),
        (ONE, TEMPORARY, "up; return b", ""),
        (ONE, Restart.PERMANENT, "up; crash b; due b", "start b#2"),
        (ONE, Restart.PERMANENT, "up; crash b; due b; crash b", "arm b@2"),
        (ONE, Restart.PERMANENT, "up; crash b; due b; slow_start b", "stop b"),
        (ONE, Restart.PERMANENT, "up; crash b; due b; slow_start b; return b", "arm b@2"),
        (ONE, Restart.PERMANENT, "up; crash b; due b; crash b'", ""),
        (ONE, Restart.PERMANENT, "up; crash b; stop", "stop c"),
        (ALL, Restart.PERMANENT, "up; crash b", "arm group@1, stop c"),
        (ALL, Restart.PERMANENT, "up; crash b; return c", "stop a"),
        (ALL, Restart.PERMANENT, "up; crash b; due b", ""),
        (ALL, Restart.PERMANENT, "up; crash b; due b; return c; return a", "start a#2"),
        (ALL, Restart.PERMANENT, "up; crash b; return c; return a; due b", "start a#2"),
        (ALL, TEMPORARY, "up; crash c; return b", "stop a"),
        (ALL, TEMPORARY, "up; crash c; return b; return a; due c; ready a", "start c#2"),
        (ALL, TRANSIENT, "up; return b; crash c; return a; due c; ready a", "start b#2"),
        (REST, Restart.PERMANENT, "up; crash b", "arm group@1, stop c"),
        (REST, Restart.PERMANENT, "up; crash c", "arm group@1"),
        (REST, Restart.PERMANENT, "up; crash b; return c; due b", "start b#2"),
        (REST, Restart.PERMANENT, "up; crash b; return c; due b; ready b", "start c#2"),
        (REST, Restart.PERMANENT, "up; crash b; return c; due b; ready b; crash c", "arm group@1"),
        (REST, Restart.PERMANENT, "up; crash b; crash c", ""),
        (REST, Restart.PERMANENT, "up; crash b; crash a", "arm group@1"),
        (REST, Restart.PERMANENT, "boot; ready a; crash a", "arm group@1, stop b"),
    ],
)
def test_strategy_decides_who_restarts_with_a_failed_child(
    strategy: Strategy, b: Restart, script: str, effects: str
) -> None:
    assert abc(strategy, b=b).play(script) == effects


@pytest.mark.parametrize(
    ("strategy", "script", "effects"),
    [
        (ONE, "up; crash a; due a; ready a; crash b; due b; ready b; crash c", "stop b"),
        (ONE, "up; crash a; at 5; crash b; due b; ready b; crash c", "stop b"),
        (ONE, "up; crash a; at 5.01; crash b; due b; ready b; crash c", "arm c@6.01"),
        (ALL, "up; crash a; return c; return b; at 1; due a; crash a", "arm group@3"),
        (ALL, "up; crash a; at 60; return c; at 90; return b; due a; crash a; due a; crash a", ""),
    ],
)
def test_budget_counts_groups_once_has_an_inclusive_window_and_ignores_slow_stops(
    strategy: Strategy, script: str, effects: str
) -> None:
    # In the last case nobody is up when the budget goes, so the end follows at once.
    table = abc(strategy, max_restarts=2)
    assert table.play(script).replace("finish gave_up", "") == effects


def test_slow_group_stops_cannot_hide_a_restart_loop() -> None:
    table = abc(ALL, max_restarts=2)
    table.play("up; crash a; at 60; return c; at 90; return b; due a; crash a; due a; crash a")
    assert table.state.phase is Phase.DONE
    assert table.state.outcome is not None
    assert table.state.outcome.kind == "gave_up"


@pytest.mark.parametrize(
    ("script", "effects"),
    [
        ("up; stop", "stop c"),
        ("up; stop; return c", "stop b"),
        ("up; stop; crash c", "stop b"),
        ("up; stop; slow_stop c", "kill c"),
        ("up; stop; slow_stop c; slow_stop c", "stop b"),
        ("up; stop; slow_stop c; slow_stop c; return b; return a", ""),
        ("up; stop; slow_stop c; slow_stop c; return b; return a; return c", "finish stopped"),
        ("up; stop; crash a", ""),
        ("up; stop; return c; return b; return a", "finish stopped"),
        ("up; stop; stop_at_once", "kill c, kill b, kill a"),
        ("up; stop; stop_at_once; stop_at_once", ""),
        ("up; stop; stop", ""),
        ("up; crash b; stop; due c", ""),
    ],
)
def test_stop_goes_in_reverse_order_one_at_a_time(script: str, effects: str) -> None:
    table = abc()
    if script.endswith("due c"):
        table.play("up; crash b")
        due = table.state.children["b"].due
        table.play("stop")
        assert due == 1
        assert table.state.children["b"].state is ChildState.DONE
        return
    assert table.play(script) == effects


@pytest.mark.parametrize(
    ("strategy", "script", "effects"),
    [
        (ONE, "up; remove b", "stop b"),
        (ONE, "up; remove b; return b", ""),
        (ONE, "up; remove b; crash b", ""),
        (ONE, "up; remove b; return b; restart b", "start b#2"),
        (ONE, "up; restart b", "stop b"),
        (ONE, "up; restart b; return b", "start b#2"),
        (ONE, "up; crash b; remove b; restart b", "start b#2"),
        (ONE, "up; crash b; restart b", "start b#2"),
        (ALL, "up; remove b; return b; crash c; return a; due c; ready a", "start c#2"),
        (ALL, "up; crash c; remove b", ""),
        (ONE, "up; remove nobody", ""),
    ],
)
def test_operator_stops_and_restarts_children_by_hand(
    strategy: Strategy, script: str, effects: str
) -> None:
    assert abc(strategy).play(script) == effects


@pytest.mark.parametrize(
    ("auto", "significant", "script", "effects"),
    [
        (AutoShutdown.ANY, "b", "up; return b", "stop c"),
        (AutoShutdown.NEVER, "", "up; return b", ""),
        (AutoShutdown.ANY, "", "up; return b", ""),
        (AutoShutdown.ALL, "b", "up; return b", "stop c"),
        (AutoShutdown.ANY, "b", "up; remove b; return b", ""),
        (AutoShutdown.ANY, "b", "up; crash b", "arm b@1"),
    ],
)
def test_significant_child_that_ends_by_itself_ends_its_supervisor(
    auto: AutoShutdown, significant: str, script: str, effects: str
) -> None:
    assert abc(b=TRANSIENT, auto=auto, significant=significant).play(script) == effects


def test_group_stop_of_a_significant_child_is_no_auto_shutdown() -> None:
    table = abc(ALL, b=TRANSIENT, auto=AutoShutdown.ANY, significant="b")
    table.play("up; crash a; return c; return b")
    assert table.state.phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("table", "script", "effects"),
    [
        (pool("x", "y"), "boot", "start x#1"),
        (pool("x", "y"), "up; crash x", "arm x@1"),
        (pool("x"), "up; add z", "start z#1"),
        (pool("x"), "up; add x", ""),
        (pool("x", "y", "z"), "up; add w", ""),
        (pool("x"), "up; add z; crash z; add z", "start z#1"),
        (pool("x", "y"), "up; stop", "stop x, stop y"),
        (pool("x", "y"), "up; stop; return x; return y", "finish stopped"),
        (pool("x"), "up; remove x; return x; add x", "start x#1"),
        (pool("x", "y"), "boot; crash x", "finish start_failed"),
        (pool("x", "y", own=1), "boot; crash x", "arm x@1, start y#1"),
        (pool("x", "y", own=1), "up; crash x; due x; crash x", ""),
        (pool("x", "y", own=1), "up; crash x; due x; crash x; restart x", "start x#3"),
        (pool("x", "y", own=0), "up; crash x; crash y", ""),
        (pool("x", "y", max_restarts=0), "up; crash x", "stop y"),
    ],
)
def test_dynamic_supervisor(table: Table, script: str, effects: str) -> None:
    assert table.play(script) == effects


def test_own_budget_spent_quarantines_the_child_and_the_siblings_never_notice() -> None:
    table = pool("x", "y", own=1)
    table.play("up; crash x; due x; ready x; at 3; crash x")
    quarantined = table.state.children["x"]
    assert quarantined.state is ChildState.QUARANTINED
    assert quarantined.retry_at == 63
    assert "then crash" in quarantined.reason
    assert table.state.children["y"].state is ChildState.RUNNING
    assert table.state.phase is Phase.RUNNING


def test_max_children_counts_children_that_wait_for_a_restart() -> None:
    table = pool("x", "y", "z")
    table.play("up; crash x")
    assert refusal(table.state, "w") == "max_children (3) is reached"
    assert refusal(table.state, "x") == "it already exists and is backing_off"
    table.play("remove x")
    assert refusal(table.state, "w") is None


def test_invariant_check_finds_a_lost_child() -> None:
    table = abc()
    table.play("up; crash b")
    lost = table.state.children["b"].__class__(
        spec=child_spec("b"), state=ChildState.BACKING_OFF, due=None
    )
    table.state.children["b"] = lost  # type: ignore[index]
    with pytest.raises(AssertionError):
        check(table.state, ["b"])


def test_backoff_grows_is_capped_and_starts_over_after_a_stable_run() -> None:
    table = abc(max_restarts=100, max_seconds=1.0)
    dues = []
    for _ in range(5):
        table.play("up" if table.state.phase is Phase.STARTING else "ready b")
        table.play("crash b")
        due = table.state.children["b"].due
        assert due is not None
        dues.append(due - table.now)
        table.now = due
        table.play("due b")
    table.play("ready b")
    table.now += EXACT.stable_after
    table.play("crash b")
    assert dues == [1, 2, 4, 8, 8]
    assert table.state.children["b"].due == table.now + 1


def test_jitter_follows_from_the_seed_and_stays_within_its_share() -> None:
    backoff = Backoff(initial=1.0, jitter=0.2)
    delays = {delay_seconds(backoff, 0, f"{seed}") for seed in range(100)}
    assert len(delays) == 100
    assert all(0.8 <= delay <= 1.2 for delay in delays)
    assert delay_seconds(backoff, 0, "7") in delays
    assert delay_seconds(backoff, 10_000, "7") <= backoff.cap
    assert delay_seconds(Backoff(initial=0.0), 5, "7") == 0


def test_budget_charges_beyond_the_window_are_forgotten() -> None:
    charges, spent = charge((0.0, 4.0), 5.0, 2, 5.0)
    assert (charges, spent) == ((0.0, 4.0, 5.0), True)
    assert charge((0.0, 4.0), 5.1, 2, 5.0) == ((4.0, 5.1), False)


VERBS = ("crash", "return", "ready", "slow_start", "slow_stop", "due", "remove", "restart")


@pytest.mark.parametrize("seed", range(150))
def test_no_child_is_lost_on_a_random_walk(seed: int) -> None:
    """`decide` asserts its invariant after every step; at the end everybody must come up."""
    choose = random.Random(seed)
    restarts = choose.choice(list(Restart))
    table = choose.choice(
        [
            abc(choose.choice(list(Strategy)), b=restarts, max_restarts=1000),
            pool("a", "b", "c", own=choose.choice([None, 1000]), max_restarts=1000),
        ]
    )
    table.play("up")
    for _ in range(80):
        walk(table, choose)

    # Faults stop: whoever is asked does what it should.
    for _ in range(40):
        calm(table)
    for child in table.state.children.values():
        assert child.state is (ChildState.RUNNING if child.wanted else ChildState.DONE), child

    table.play("stop")
    for _ in range(10):
        calm(table)
    assert table.state.phase is Phase.DONE


def walk(table: Table, choose: random.Random) -> None:
    table.now += choose.choice([0.0, 0.5, 20.0])
    verb, name = choose.choice(VERBS), choose.choice("abc")
    child = table.state.children.get(name)
    if child is not None and (verb != "due" or child.due is not None):
        table.do(verb, name)


def calm(table: Table) -> None:
    table.now += 30.0
    for name in list(table.state.children):
        child = table.state.children.get(name)
        if child is None:
            continue
        if child.state is ChildState.STARTING and child.live:
            table.do("ready", name)
        elif child.state is ChildState.STOPPING:
            table.do("return", name)
        elif child.due is not None:
            table.do("due", name)
