"""The command line: one file a command, or a family of them. What goes wrong on purpose is one
sentence and exit 1.

A command's file is imported when the command is used: an operator who asks the platform something
need not wait until the whole product is imported.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

from fluxiq.commands.private_process import keep_private
from fluxiq.errors import FluxiqError

INTERRUPTED = 130  # what shells make of SIGINT

# Which file has which commands.
FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "up": ("up",),
    "demo": ("demo",),
    "tree": ("tree",),
    "observe": ("observe",),
    "operate": (
        "watch",
        "inspect",
        "why",
        "explain",
        "statistics",
        "state",
        "trace",
        "restart",
        "stop",
        "suspend",
        "resume",
        "release",
        "start",
        "replace-state",
        "spec",
    ),
    "operate_platform": ("log-level", "drain", "undrain", "ask"),
    "diagnose": ("crashes", "crash", "hogs"),
    "breaker": ("breaker",),
    "approvals": ("approvals",),
    "payments": ("payments",),
    "jobs": ("jobs",),
    "dead_letters": ("dead-letters",),
    "institution": ("institution",),
    "user": ("user",),
    "reconciliation": ("reconciliation",),
    "retention": ("retention",),
    "sealing": ("sealing",),
    "privacy": ("privacy",),
    "ledger": ("ledger",),
    "audit": ("audit",),
    "verify": ("verify",),
    "simulate": ("simulate",),
    "bench": ("bench",),
    "openapi": ("openapi",),
}


class Commands(click.Group):
    """The commands of FILES, each imported when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as in click
        return [name for names in FILES.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as in click
        for file, names in FILES.items():
            if cmd_name in names:
                return next(one for one in commands_in(file) if one.name == cmd_name)
        return None


def commands_in(file: str) -> tuple[click.Command, ...]:
    """Import a file of this folder: its commands are COMMANDS, or the one of its own name."""
    module = import_module(f"fluxiq.commands.{file}")
    found: tuple[click.Command, ...] = getattr(module, "COMMANDS", None) or (getattr(module, file),)
    return found


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """FluxiQ Core: PIX payments for many institutions on one supervised tree."""


def main() -> None:
    """Run the command line."""
    keep_private()
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
