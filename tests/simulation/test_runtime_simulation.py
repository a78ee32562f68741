"""The supervision runtime under simulation: two hundred drawn lives, and bugs it must catch."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from fluxiq.commands import cli
from supervisors import decide, mailbox
from supervisors.simulation import replay_command, run_once, run_seed
from supervisors.state import Child, ChildState

SEEDS = 200
MUTANT_SEEDS_MAX = 150


def test_two_hundred_seeds_keep_every_invariant_and_give_the_same_trace_twice() -> None:
    outcome = CliRunner().invoke(cli, ["simulate", "runtime", "--seeds", str(SEEDS)])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.startswith(f"{SEEDS} seeds from 0, each twice:")


def test_different_seeds_live_different_lives() -> None:
    assert len({run_once(seed).trace for seed in range(10)}) == 10


def test_failing_seed_prints_the_one_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decide.Step, "stop_next", stop_in_start_order)
    seed, _ = first_violation()
    outcome = CliRunner().invoke(
        cli, ["simulate", "runtime", "--from", str(seed), "--seeds", "1", "--jobs", "1"]
    )
    assert outcome.exit_code == 1
    assert f"replay: {replay_command(seed)}" in outcome.output
    assert "VIOLATION" in outcome.output


# Deliberate bugs: the simulation is worth what it catches.


def stop_in_start_order(step: Any, child_ids: Any, after: Any, reason: str) -> None:
    for child_id, child in step.state.children.items():
        if child.live and child.state is ChildState.STOPPING and not child.stuck:
            return
        if child.live and not child.stuck and child_id in child_ids:
            step.ask_to_stop(child_id, after, reason)
            return


def start_without_waiting_for_the_group(step: Any, group: Any) -> None:
    if group.fired:
        step.state.group = None
        for child_id in group.members:
            if not step.state.children[child_id].live:
                step.start(child_id)


def one_restart_too_many(
    charges: tuple[float, ...], clock: float, restarts_max: int, window: float
) -> tuple[tuple[float, ...], bool]:
    recent = (*(at for at in charges if clock - at <= window), clock)
    return recent, len(recent) > restarts_max + 1


def never_arm_the_restart(original: Callable[..., None]) -> Callable[..., None]:
    def failed(step: Any, child_id: str, end: Any) -> None:
        original(step, child_id, end)
        child: Child | None = step.state.children.get(child_id)
        if child is not None and child.state is ChildState.BACKING_OFF:
            child.due = None

    return failed


def forget_what_was_in_hand(queue: Any, envelopes: Any, where: str, reason: str) -> None:
    return


def lose_the_expired(queue: Any) -> Any:
    while queue._mail:
        envelope = queue._mail.popleft()
        if envelope.caller is None or not envelope.caller.expired:
            queue.in_hand.append(envelope)
            return envelope
    return None


@pytest.mark.parametrize(
    ("room", "name", "bug", "invariant"),
    [
        (decide.Step, "stop_next", stop_in_start_order, "stop order is start order reversed"),
        (
            decide.Step,
            "advance_group",
            start_without_waiting_for_the_group,
            "a group is down before it starts",
        ),
        (decide, "charge", one_restart_too_many, "restarts stay within budget"),
        (mailbox.MailboxQueue, "_dead_letter", forget_what_was_in_hand, "mail is conserved"),
        (mailbox.MailboxQueue, "take", lose_the_expired, "mail is conserved"),
    ],
)
def test_deliberate_bug_is_caught(
    monkeypatch: pytest.MonkeyPatch, room: Any, name: str, bug: Any, invariant: str
) -> None:
    monkeypatch.setattr(room, name, bug)
    found = {caught for _, caught in violations(MUTANT_SEEDS_MAX, until=invariant)}
    assert invariant in found


def test_restart_that_is_never_armed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide.Step, "failed", never_arm_the_restart(decide.Step.failed))
    monkeypatch.setattr(decide, "check", lambda state, child_ids: None)  # decide's own assertion
    found = {caught for _, caught in violations(MUTANT_SEEDS_MAX, until="no lost child")}
    assert "no lost child" in found


def violations(seeds: int, *, until: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for seed in range(seeds):
        result = run_once(seed)
        if result.invariant is not None:
            found.append((seed, result.invariant))
            if result.invariant == until:
                break
    return found


def first_violation() -> tuple[int, str]:
    for seed in range(MUTANT_SEEDS_MAX):
        result = run_once(seed)
        if result.invariant is not None:
            return seed, result.invariant
    pytest.fail("no seed failed")


def test_temporary_child_whose_start_timed_out_in_a_group_is_not_started_with_it() -> None:
    """Seed 108488: it was retired, and stayed a member of the group that then started."""
    assert run_seed(108488).violation is None
