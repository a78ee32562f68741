"""`run.py retention`: what is deleted for its age, looked at before it goes."""

import click

from fluxiq.admin.render_reconciliation import render_aged
from fluxiq.commands.asking import (
    ask_platform,
    institution_option,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)


@click.group()
def retention() -> None:
    """Records that are deleted for their age. See docs/jobs.md."""


@retention.command()
@institution_option
@json_option
def show(institution: str, *, as_json: bool) -> None:
    """Count what would be deleted now, touching nothing."""
    answer = ask_platform("retention", **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_aged(answer))


@retention.command()
@institution_option
@reason_option
@yes_option
def run(institution: str, reason: str, *, yes: bool) -> None:
    """Have it deleted now, and not at night."""
    answer = ask_platform("retention_run", reason=reason, yes=yes, **said(institution=institution))
    click.echo(f"asked for: {answer['job']}")
