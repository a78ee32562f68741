"""`run.py reconciliation`: where providers and we differ, and an operator's word to it."""

import click

from fluxiq.admin.render_reconciliation import (
    STATES,
    render_difference,
    render_differences,
    render_runs,
)
from fluxiq.commands.asking import (
    ask_platform,
    institution_option,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)

_difference = click.argument("difference", type=int)


@click.group()
def reconciliation() -> None:
    """Providers' statements beside our records. See docs/reconciliation.md."""


@reconciliation.command("list")
@institution_option
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
@click.option("--limit", default=50, show_default=True, help="the last found so many")
@json_option
def list_differences(institution: str, state: str, limit: int, *, as_json: bool) -> None:
    """List differences, the last found first."""
    answer = ask_platform(
        "reconciliation", state=state, limit=limit, **said(institution=institution)
    )
    print_json(answer) if as_json else click.echo(render_differences(answer))


@reconciliation.command()
@_difference
@institution_option
@json_option
def show(difference: int, institution: str, *, as_json: bool) -> None:
    """Show all of one: what they say, what we say, when it was found and seen."""
    answer = ask_platform(
        "reconciliation_difference", id=difference, **said(institution=institution)
    )
    print_json(answer) if as_json else click.echo(render_difference(answer))


@reconciliation.command()
@institution_option
@click.option("--limit", default=20, show_default=True, help="the last begun so many")
@json_option
def runs(institution: str, limit: int, *, as_json: bool) -> None:
    """List runs: which window, how far, how many lines and records, their sums."""
    answer = ask_platform("reconciliation_runs", limit=limit, **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_runs(answer))


@reconciliation.command()
@institution_option
@click.option("--day", default="", help="a whole day in São Paulo, YYYY-MM-DD; else the last hours")
@reason_option
@yes_option
def run(institution: str, day: str, reason: str, *, yes: bool) -> None:
    """Have the last hours, or a day, compared now."""
    given = {**said(institution=institution), **({"day": day} if day else {})}
    answer = ask_platform("reconciliation_run", reason=reason, yes=yes, **given)
    click.echo(f"asked for: {answer['job']}")


@reconciliation.command()
@_difference
@institution_option
@reason_option
@yes_option
def resolve(difference: int, institution: str, reason: str, *, yes: bool) -> None:
    """Say that one is settled with the provider: it is no alarm any more, however often seen."""
    answer = ask_platform(
        "reconciliation_resolve",
        id=difference,
        reason=reason,
        yes=yes,
        **said(institution=institution),
    )
    click.echo(render_difference(answer))
