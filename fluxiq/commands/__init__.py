"""The command line: one file a command. What goes wrong on purpose is one sentence and exit 1."""

import sys

import click

from fluxiq.commands.bench import bench
from fluxiq.commands.demo import demo
from fluxiq.commands.diagnose import COMMANDS as DIAGNOSES
from fluxiq.commands.observe import observe
from fluxiq.commands.operate import COMMANDS
from fluxiq.commands.operate_platform import COMMANDS as PLATFORM_COMMANDS
from fluxiq.commands.simulate import simulate
from fluxiq.commands.tree import tree
from fluxiq.commands.up import up
from fluxiq.commands.verify import verify
from fluxiq.errors import FluxiqError

INTERRUPTED = 130  # what shells make of SIGINT


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """FluxiQ Core: PIX payments for many institutions on one supervised tree."""


for command in (
    up,
    demo,
    tree,
    observe,
    *COMMANDS,
    *PLATFORM_COMMANDS,
    *DIAGNOSES,
    verify,
    simulate,
    bench,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except FluxiqError as error:
        click.echo(f"fluxiq: {error}", err=True)
        sys.exit(1)


def _run() -> None:
    try:
        cli(prog_name="fluxiq")
    except* KeyboardInterrupt:
        # Ctrl-C before anybody listens for it: what had started has been stopped on the way up.
        click.echo("\nfluxiq: interrupted", err=True)
        sys.exit(INTERRUPTED)
