"""Acting on a running platform as a whole: its log, its doors, and verbs without a command."""

from typing import Any

import click

from fluxiq.admin.render_process import render_log_levels
from fluxiq.commands.asking import (
    ask_as_typed,
    ask_platform,
    field_and_text,
    print_json,
    reason_option,
    yes_option,
)
from fluxiq.telemetry.levels import LEVELS


@click.command("log-level")
@click.argument("level", required=False, type=click.Choice([*LEVELS, "settings"]))
@click.option("--logger", help="only this logger and those below it, such as fluxiq.api")
@click.option("--seconds", type=int, help="until it falls back by itself; 900 unless told")
@reason_option
@yes_option
def log_level(
    level: str | None, logger: str | None, seconds: int | None, reason: str, *, yes: bool
) -> None:
    """Show the levels of the log, or set one for a while; `settings` ends a change early."""
    if level is None:
        answer = ask_platform("log_level")
    else:
        optional = {"logger": logger, "seconds": seconds}
        given = {name: value for name, value in optional.items() if value is not None}
        answer = ask_platform("set_log_level", level=level, reason=reason, yes=yes, **given)
    click.echo(render_log_levels(answer))


@click.command()
@reason_option
@yes_option
def drain(reason: str, *, yes: bool) -> None:
    """Take no more work in and finish what there is, so that the process can be replaced."""
    _print_intake(ask_platform("drain", reason=reason, yes=yes))


@click.command()
@reason_option
@yes_option
def undrain(reason: str, *, yes: bool) -> None:
    """Take work in again after a drain."""
    _print_intake(ask_platform("undrain", reason=reason, yes=yes))


@click.command("ask")
@click.argument("verb")
@click.argument("arguments", nargs=-1, metavar="[FIELD=VALUE]...")
@yes_option
def ask_verb(verb: str, arguments: tuple[str, ...], *, yes: bool) -> None:
    """Ask with any verb and print the answer as JSON; `ask verbs` lists them."""
    given: dict[str, Any] = dict(map(field_and_text, arguments))
    print_json(ask_as_typed(verb, given | ({"yes": True} if yes else {})))


def _print_intake(answer: dict[str, Any]) -> None:
    click.echo("drained: nothing new comes in" if answer["drained"] else "open")
    for child in answer["children"]:
        click.echo(f"  {child['path']} {child['state']}")


COMMANDS: tuple[click.Command, ...] = (log_level, drain, undrain, ask_verb)
