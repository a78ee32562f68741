"""`run.py simulate runtime`: many drawn lives of drawn trees, each one lived twice."""

import multiprocessing
import os
import sys
import time
from collections import Counter

import click

from supervisors.simulation import SeedResult, replay_command, run_seed

GRID_ROWS_MAX = 60


@click.group()
def simulate() -> None:
    """Run seeded simulations; a failing seed prints the command that replays it."""


@simulate.command()
@click.option("--seeds", default=200, show_default=True, type=click.IntRange(1))
@click.option("--from", "first", default=0, show_default=True, type=click.IntRange(0))
@click.option("--jobs", default=None, type=click.IntRange(1), help="processes; default: all cores")
def runtime(seeds: int, first: int, jobs: int | None) -> None:
    """Simulate the supervision runtime: faults first, then everything must recover."""
    began = time.perf_counter()
    faults: Counter[str] = Counter()
    events: Counter[str] = Counter()
    steps, seconds, failed = 0, 0.0, []
    workers = min(jobs or os.cpu_count() or 1, seeds)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for result in pool.imap(run_seed, range(first, first + seeds), chunksize=10):
            faults += result.faults
            events += result.events
            steps += result.steps
            seconds += result.seconds
            if result.violation is not None:
                failed.append(result)
    took = time.perf_counter() - began
    click.echo(
        f"{seeds} seeds from {first}, each twice: {steps} decisions, {sum(faults.values())} faults,"
        f" {seconds / 3600:.1f} virtual hours in {took:.1f} s ({seeds / took:.0f} seeds/s)"
    )
    click.echo("  events  " + _counts(events))
    click.echo("  faults  " + _counts(faults))
    for result in failed[:1]:
        _show(result)
    if failed:
        others = ", ".join(str(result.seed) for result in failed)
        click.echo(f"{len(failed)} of {seeds} seeds failed: {others}", err=True)
        sys.exit(1)


def _show(result: SeedResult) -> None:
    """Print the last transitions of a failed life, what broke, and how to live it again."""
    result.grid = result.grid[-GRID_ROWS_MAX:]
    click.echo(result.grid_text())
    click.echo(f"seed {result.seed}: {result.violation}")
    click.echo(f"replay: {replay_command(result.seed)}")


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
