"""`run.py payments`: what operators decide about payments."""

import click

from fluxiq.commands.asking import (
    alone_option,
    ask_platform,
    institution_option,
    reason_option,
    said,
    yes_option,
)


@click.group()
def payments() -> None:
    """Payments that need a person. See docs/pix.md."""


@payments.command()
@click.argument("payout")
@click.argument("outcome", type=click.Choice(["confirmed", "failed"]))
@institution_option
@reason_option
@yes_option
@alone_option
def decide(
    payout: str, outcome: str, institution: str, reason: str, *, yes: bool, alone: bool
) -> None:
    """Say how a payout ended of which its provider says nothing; --reason is the evidence."""
    given = said(institution=institution, alone=alone)
    answer = ask_platform(
        "payment_decide", id=payout, outcome=outcome, reason=reason, yes=yes, **given
    )
    click.echo(f"{answer['id']}: {answer['stage']}")
