"""`run.py dead-letters`: messages that nobody could work on, and an operator's word to them."""

import click

from fluxiq.admin.render_dead_letters import STATES, render_holds, render_letter, render_letters
from fluxiq.commands.asking import (
    ask_platform,
    institution_option,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)

_letter = click.argument("letter", type=int)


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages that failed as often as they may, and why. See docs/queues.md."""


@dead_letters.command("list")
@institution_option
@click.option("--state", type=click.Choice(STATES), default="dead", show_default=True)
@click.option("--limit", default=50, show_default=True, help="the last that died so many")
@json_option
def list_letters(institution: str, state: str, limit: int, *, as_json: bool) -> None:
    """List dead letters, the last one first."""
    answer = ask_platform("dead_letters", state=state, limit=limit, **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_letters(answer))


@dead_letters.command()
@_letter
@institution_option
@json_option
def show(letter: int, institution: str, *, as_json: bool) -> None:
    """Show all of one: its message, its payment, and where the last failure came from."""
    answer = ask_platform("dead_letter", id=letter, **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_letter(answer))


@dead_letters.command()
@click.argument("letter", type=int, required=False)
@click.option("--all", "every", is_flag=True, help="all that wait, oldest first, up to a thousand")
@institution_option
@reason_option
@yes_option
def replay(letter: int | None, institution: str, reason: str, *, every: bool, yes: bool) -> None:
    """Put it back into its queue, with all its tries before it."""
    named = {"all": True} if every else {"id": letter or 0}
    answer = ask_platform(
        "dead_letter_replay", **named, reason=reason, yes=yes, **said(institution=institution)
    )
    click.echo(f"replayed: {', '.join(map(str, answer['replayed'])) or 'none'}")


@dead_letters.command()
@_letter
@institution_option
@reason_option
@yes_option
def discard(letter: int, institution: str, reason: str, *, yes: bool) -> None:
    """Have it never done: a notice stays unread, an order is never sent."""
    answer = ask_platform(
        "dead_letter_discard", id=letter, reason=reason, yes=yes, **said(institution=institution)
    )
    click.echo(render_letter(answer))


@dead_letters.command()
@institution_option
@json_option
def holds(institution: str, *, as_json: bool) -> None:
    """Holds of the ledger that nobody is at work on, and that need a person."""
    answer = ask_platform("holds", **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_holds(answer))


COMMANDS = (dead_letters,)
