"""`run.py approvals`: deeds that one operator has proposed, and another one's word about them."""

import click

from fluxiq.admin.render_approvals import render_approvals
from fluxiq.commands.asking import (
    ask_platform,
    json_option,
    print_json,
    reason_option,
    yes_option,
)


@click.group(invoke_without_command=True)
@click.pass_context
def approvals(context: click.Context) -> None:
    """Deeds for two: list, approve, reject. See docs/admin-socket.md."""
    if context.invoked_subcommand is None:
        context.invoke(list_approvals)


@approvals.command("list")
@json_option
def list_approvals(*, as_json: bool = False) -> None:
    """Show what was proposed here, and what became of it."""
    answer = ask_platform("approvals")
    print_json(answer) if as_json else click.echo(render_approvals(answer))


@approvals.command()
@click.argument("approval")
@reason_option
@yes_option
def approve(approval: str, reason: str, *, yes: bool) -> None:
    """Do what somebody else has proposed; prints the deed's own answer."""
    print_json(ask_platform("approvals_approve", id=approval, reason=reason, yes=yes))


@approvals.command()
@click.argument("approval")
@reason_option
@yes_option
def reject(approval: str, reason: str, *, yes: bool) -> None:
    """Say no, or take back what you have proposed."""
    ask_platform("approvals_reject", id=approval, reason=reason, yes=yes)
    click.echo(f"rejected: {approval}")
