"""`run.py breaker`: how the circuit breaker of the ledger stands, and an operator's word to it."""

import click

from fluxiq.admin.render_ledger import render_breaker
from fluxiq.commands.asking import (
    alone_option,
    ask_platform,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)


@click.group()
def breaker() -> None:
    """The ledger's circuit breaker: who answers while TigerBeetle does not. See docs/ledger.md."""


@breaker.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show state, reason and history, and where each institution's ledger stands."""
    answer = ask_platform("breaker")
    print_json(answer) if as_json else click.echo(render_breaker(answer))


def _deed(name: str, verb: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @reason_option
    @yes_option
    @alone_option
    def command(reason: str, *, yes: bool, alone: bool) -> None:
        answer = ask_platform(verb, reason=reason, yes=yes, **said(alone=alone))
        click.echo(render_breaker(answer))

    return command


for _name, _verb, _help in (
    ("open", "breaker_open", "Leave TigerBeetle now, and stay away until another word."),
    ("close", "breaker_close", "Go back, replaying and verifying first, and let no failure open."),
    ("auto", "breaker_auto", "Take the word back: failures open it and probes close it again."),
):
    breaker.add_command(_deed(_name, _verb, _help))
