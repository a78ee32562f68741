"""`run.py retention`: what is deleted for its age, looked at before it goes."""

from typing import Any

import click

from fluxiq.admin.render_reconciliation import render_aged
from fluxiq.commands.asking import (
    ask_platform,
    json_option,
    print_json,
    reason_option,
    yes_option,
)

_institution = click.option("--institution", default="", help="its ISPB; needed if there are more")


@click.group()
def retention() -> None:
    """Records that are deleted for their age. See docs/jobs.md."""


@retention.command()
@_institution
@json_option
def show(institution: str, *, as_json: bool) -> None:
    """Count what would be deleted now, touching nothing."""
    answer = ask_platform("retention", **_given(institution))
    print_json(answer) if as_json else click.echo(render_aged(answer))


@retention.command()
@_institution
@reason_option
@yes_option
def run(institution: str, reason: str, *, yes: bool) -> None:
    """Have it deleted now, and not at night."""
    answer = ask_platform("retention_run", reason=reason, yes=yes, **_given(institution))
    click.echo(f"asked for: {answer['job']}")


def _given(institution: str) -> dict[str, Any]:
    return {"institution": institution} if institution else {}
