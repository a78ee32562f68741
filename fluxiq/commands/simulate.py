"""`run.py simulate runtime|ledger`: many drawn lives, each one lived twice."""

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import click

from fluxiq.ledgers import simulation as ledger_simulation
from supervisors import simulation as runtime_simulation

GRID_ROWS_MAX = 60
PROGRESS_SEEDS = 1000


class Result(Protocol):
    """What a simulation says of one seed. `grid` has a row per event; `seconds` are virtual."""

    seed: int
    steps: int
    seconds: float
    faults: Counter[str]
    events: Counter[str]
    violation: str | None
    grid: list[tuple[str, ...]]

    def grid_text(self) -> str: ...


@click.group()
def simulate() -> None:
    """Run seeded simulations; a failing seed prints the command that replays it."""


@simulate.command()
@click.option("--seeds", default=200, show_default=True, type=click.IntRange(1))
@click.option("--from", "first", default=0, show_default=True, type=click.IntRange(0))
@click.option("--jobs", default=None, type=click.IntRange(1), help="processes; default: all cores")
def runtime(seeds: int, first: int, jobs: int | None) -> None:
    """Simulate the supervision runtime: faults first, then everything must recover."""
    _run(runtime_simulation.run_seed, runtime_simulation.replay_command, seeds, first, jobs)


@simulate.command()
@click.option("--seeds", default=300, show_default=True, type=click.IntRange(1))
@click.option("--from", "first", default=0, show_default=True, type=click.IntRange(0))
@click.option("--jobs", default=None, type=click.IntRange(1), help="processes; default: all cores")
def ledger(seeds: int, first: int, jobs: int | None) -> None:
    """Simulate the ledger's failover: TigerBeetle, Postgres, the writer fail; no centavo does."""
    _run(ledger_simulation.run_seed, ledger_simulation.replay_command, seeds, first, jobs)


def _run(
    run_seed: Callable[[int], Result],
    replay_command: Callable[[int], str],
    seeds: int,
    first: int,
    jobs: int | None,
) -> None:
    began = time.perf_counter()
    faults: Counter[str] = Counter()
    events: Counter[str] = Counter()
    steps, seconds, failed = 0, 0.0, list[Result]()
    workers = min(jobs or os.cpu_count() or 1, seeds)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for result in pool.imap(run_seed, range(first, first + seeds), chunksize=10):
            faults += result.faults
            events += result.events
            steps += result.steps
            seconds += result.seconds
            if result.violation is not None:
                # At once: a long run may be broken off.
                _show(result, replay_command(result.seed))
                failed.append(result)
            done = result.seed + 1 - first
            if done % PROGRESS_SEEDS == 0 and done < seeds:
                rate = done / (time.perf_counter() - began)
                click.echo(f"{done} seeds, {len(failed)} failed, {rate:.0f} seeds/s", err=True)
    took = time.perf_counter() - began
    click.echo(
        f"{seeds} seeds from {first}, each twice: {steps} decisions, {sum(faults.values())} faults,"
        f" {seconds / 3600:.1f} virtual hours in {took:.1f} s ({seeds / took:.0f} seeds/s)"
    )
    click.echo("  events  " + _counts(events))
    click.echo("  faults  " + _counts(faults))
    if failed:
        others = ", ".join(str(result.seed) for result in failed)
        click.echo(f"{len(failed)} of {seeds} seeds failed: {others}", err=True)
        sys.exit(1)


def _show(result: Result, replay: str) -> None:
    """Print the last events of a failed life, what broke, and how to live it again."""
    result.grid = result.grid[-GRID_ROWS_MAX:]
    click.echo(result.grid_text())
    click.echo(f"seed {result.seed}: {result.violation}")
    click.echo(f"replay: {replay}")


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
