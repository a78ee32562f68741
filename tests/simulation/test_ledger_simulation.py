"""The ledger's failover under simulation: three hundred drawn lives, and bugs it must catch."""

from typing import Any

import pytest
from click.testing import CliRunner

from fluxiq.commands import cli
from fluxiq.ledgers.simulation import replay_command, run_seed
from fluxiq.ledgers.simulation.database import Database
from fluxiq.ledgers.simulation.run import run_once
from fluxiq.ledgers.unknown import Overlay
from fluxiq.ledgers.writer import recovery
from fluxiq.ledgers.writer.follower import Follower
from fluxiq.ledgers.writer.governor import Governor
from fluxiq.ledgers.writer.recovery import Recovery

SEEDS = 300
MUTANT_SEEDS_MAX = 150
REPLAY = Recovery._replay


def test_three_hundred_seeds_keep_every_invariant_and_give_the_same_trace_twice() -> None:
    outcome = CliRunner().invoke(cli, ["simulate", "ledger", "--seeds", str(SEEDS)])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.startswith(f"{SEEDS} seeds from 0, each twice:")
    # A simulation in which nothing happens proves nothing.
    for what in ("stood-in", "replayed", "suspect->open", "recovering->closed", "fenced-out"):
        assert what in outcome.output


def test_different_seeds_live_different_lives() -> None:
    assert len({run_once(seed).trace for seed in range(10)}) == 10


def test_failing_seed_prints_the_one_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Recovery, "resolve", resolve_nothing)
    seed = next(seed for seed in range(MUTANT_SEEDS_MAX) if run_once(seed).invariant)
    outcome = CliRunner().invoke(
        cli, ["simulate", "ledger", "--from", str(seed), "--seeds", "1", "--jobs", "1"]
    )
    assert outcome.exit_code == 1
    assert f"replay: {replay_command(seed)}" in outcome.output
    assert "VIOLATION" in outcome.output


def test_seed_whose_second_life_differs_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = iter([run_once(1), run_once(2)])
    monkeypatch.setattr("fluxiq.ledgers.simulation.run.run_once", lambda _: next(lives))
    assert run_seed(1).invariant == "same seed, same trace"


# Deliberate bugs: the simulation is worth what it catches.


def no_epoch_predicate(database: Database, epoch: int, modes: Any) -> None:
    return


def no_unknown_term(overlay: Overlay, accounts: Any) -> Any:
    return accounts


def nothing_is_in_doubt(overlay: Overlay, transfers: Any) -> Any:
    return ()


async def replay_in_reverse(attempt: Recovery, limit: int) -> int:
    to_replay = attempt.writer.journal.to_replay

    async def reversed_rows(limit: int) -> Any:
        return (await to_replay(limit))[::-1]

    attempt.writer.journal.to_replay = reversed_rows  # type: ignore[method-assign,assignment]
    try:
        return await REPLAY(attempt, limit)
    finally:
        attempt.writer.journal.to_replay = to_replay  # type: ignore[method-assign]


async def close_before_verifying(attempt: Recovery) -> bool:
    return True


async def find_no_differences(attempt: Recovery, account_ids: Any) -> dict[int, str]:
    return {}


async def burn_nothing(attempt: Recovery, transfers: Any) -> None:
    return


async def resolve_nothing(attempt: Recovery) -> None:
    await attempt.writer.follower.follow()


async def believe_the_second_answer(tigerbeetle: Any, transfers: Any, results: Any) -> Any:
    return list(results)


def owe_no_accounts(governor: Governor) -> None:
    return


def forget_rows_that_may_come(governor: Governor, *, may_come: bool = False) -> None:
    governor._unresolved = True
    governor.writer.changed.set()


def never_wait_for_the_mirror(follower: Follower) -> bool:
    return True


# `seed` is known to catch it; should another change cost that, the first ones are tried.
@pytest.mark.parametrize(
    ("place", "bug", "caught_as", "seed"),
    [
        ((Database, "fence"), no_epoch_predicate, None, 2),
        ((Overlay, "over"), no_unknown_term, "I2 I8", 17),
        ((Overlay, "in_doubt"), nothing_is_in_doubt, None, 32),
        ((Recovery, "_replay"), replay_in_reverse, "I8", 0),
        ((Recovery, "_finish"), close_before_verifying, None, 12),
        ((Recovery, "_differences"), find_no_differences, "I5", 20),
        ((Recovery, "burn"), burn_nothing, "I4", 0),
        ((Recovery, "resolve"), resolve_nothing, None, 0),
        ((recovery, "as_first_answered"), believe_the_second_answer, None, 0),
        ((Governor, "owe_accounts"), owe_no_accounts, "an account that was created is there", 37),
        ((Governor, "left_unknown"), forget_rows_that_may_come, "I7", 151),
        ((Follower, "keeps_up"), property(never_wait_for_the_mirror), "the mirror's bound", 15),
    ],
)
def test_deliberate_bug_is_caught(
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[Any, str],
    bug: Any,
    caught_as: str | None,
    seed: int,
) -> None:
    monkeypatch.setattr(*place, bug)
    found = first_violation(seed)
    assert caught_as is None or found in caught_as, found


async def forget_before_it_is_mirrored(follower: Follower) -> None:
    async with follower._following:
        left = {row.seq for row in await follower.writer.journal.unanswered()}
        follower.unknown = {seq: row for seq, row in follower.unknown.items() if seq in left}
        await follower._catch_up()


def test_row_that_leaves_u_when_answered_but_not_mirrored_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Follower, "follow", forget_before_it_is_mirrored)
    # Postgres checks it once more, or the money would not be in danger.
    monkeypatch.setattr(Database, "is_all_counted", lambda database, overlay: True)
    assert first_violation(244) in ("I2", "I8")


def first_violation(first: int) -> str:
    for seed in (first, *range(MUTANT_SEEDS_MAX)):
        result = run_once(seed)
        if result.invariant is not None:
            return result.invariant
    pytest.fail(f"{MUTANT_SEEDS_MAX} seeds did not catch it")
