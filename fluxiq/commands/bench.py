"""`run.py bench`: what the product does per second, beside the best this machine could do.

Every benchmark writes `{"machine": …, "figures": […]}`, each figure with name, value, unit, aim,
holds and note, and prints the same as a table. Machines are shared and noisy: the ratio of two
figures of one run is the figure to quote.
"""

import os
import platform as machine
import sysconfig
from pathlib import Path

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table

from fluxiq.commands.bench_actors import FAMILIES, Effort, measure_actors
from fluxiq.commands.bench_ledger import FAMILIES as LEDGER_FAMILIES
from fluxiq.commands.bench_ledger import LedgerEffort, measure_ledger
from fluxiq.commands.bench_ledger.stoppable import run
from fluxiq.commands.bench_payments import FAMILIES as PAYMENT_FAMILIES
from fluxiq.commands.bench_payments import PaymentsEffort, measure_payments
from fluxiq.commands.bench_sockets import measure_sockets
from fluxiq.commands.figures import Report

ROUNDS = 7
LEDGER_ROUNDS = 3  # each turn has servers of its own
LEDGER_SECONDS = 60.0
LEDGER_HISTORY = 2_000_000


@click.group()
def bench() -> None:
    """Measure, never as a test."""


@bench.command()
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--payments", default=2000, show_default=True, type=click.IntRange(1), help="Of each kind."
)
@click.option(
    "--callers", default=64, show_default=True, type=click.IntRange(1), help="Requests in flight."
)
@click.option("--quick", is_flag=True, help="The shape, no figures to quote.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(PAYMENT_FAMILIES)), help="May be repeated."
)
def payments(
    file: Path | None, payments: int, callers: int, quick: bool, only: tuple[str, ...]
) -> None:
    """Payments per second and their CPU, how long a caller or a merchant waits, beside an echo."""
    effort = PaymentsEffort(payments=payments, callers=callers, quick=quick)
    figures = run(measure_payments, effort, only)
    _publish(Report(machine=_machine(), figures=figures), file)


@bench.command()
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--clients", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--events", default=5, show_default=True, type=click.IntRange(1))
@click.option("--rest-seconds", default=60.0, show_default=True, type=click.FloatRange(1.0))
def sockets(file: Path | None, clients: int, events: int, rest_seconds: float) -> None:
    """Idle websockets: what each takes, what they take at rest, one event for all of them."""
    figures = trio.run(measure_sockets, clients, events, rest_seconds)
    _publish(Report(machine=_machine(), figures=figures), file)


@bench.command()
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--rounds",
    default=None,
    type=click.IntRange(1),
    help=f"Of each contender, in turns; default: {ROUNDS}.",
)
@click.option("--quick", is_flag=True, help="A few seconds in all: the shape, no figures to quote.")
@click.option("--only", multiple=True, type=click.Choice(list(FAMILIES)), help="May be repeated.")
def actors(file: Path | None, rounds: int | None, quick: bool, only: tuple[str, ...]) -> None:
    """The supervision runtime beside bare trio, pykka and Erlang/OTP, in turns."""
    effort = Effort(rounds=rounds or (1 if quick else ROUNDS), quick=quick)
    _publish(Report(machine=_machine(), figures=measure_actors(effort, only)), file)


@bench.command()
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--rounds",
    default=None,
    type=click.IntRange(1),
    help=f"Of each contender, in turns; default: {LEDGER_ROUNDS}.",
)
@click.option("--quick", is_flag=True, help="The shape, no figures to quote.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(LEDGER_FAMILIES)), help="May be repeated."
)
@click.option(
    "--seconds",
    default=LEDGER_SECONDS,
    show_default=True,
    type=click.FloatRange(1.0),
    help="Of the load that has to be sustained.",
)
@click.option(
    "--history",
    default=LEDGER_HISTORY,
    show_default=True,
    type=click.IntRange(1),
    help="Transfers in the journal that is not empty.",
)
def ledger(  # noqa: PLR0917 - click gives them by name
    file: Path | None,
    rounds: int | None,
    quick: bool,
    only: tuple[str, ...],
    seconds: float,
    history: int,
) -> None:
    """TigerBeetle's driver, the writer, the stand-in and the way between, beside their limits.

    For what needs TigerBeetle put `tigerbeetle` (0.17) on the PATH, or name it in
    FLUXIQ_TIGERBEETLE_BIN; without the program FLUXIQ_TIGERBEETLE__ADDRESSES may name a running
    cluster 0, which keeps what is written to it for ever. Everything else is measured anyway.
    """
    effort = LedgerEffort.of(
        rounds=rounds or (1 if quick else LEDGER_ROUNDS),
        quick=quick,
        seconds=seconds,
        history=history,
    )
    _publish(Report(machine=_machine(), figures=measure_ledger(effort, only)), file)


def _publish(report: Report, file: Path | None) -> None:
    table = Table(
        "figure", "value", "unit", "aim", "holds", "note", title=str(report.machine["cpu"])
    )
    for one in report.figures:
        holds = "" if one.holds is None else ("yes" if one.holds else "no")
        value = "" if one.value is None else f"{one.value:,.2f}"
        table.add_row(one.name, value, one.unit, one.aim, holds, one.note)
    Console().print(table)
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _machine() -> dict[str, str | int]:
    """What a figure depends on and nobody remembers later."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "system": machine.platform(),
        "python": machine.python_version(),
        "build": "pgo" if "--enable-optimizations" in options else "plain",
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return machine.machine()
