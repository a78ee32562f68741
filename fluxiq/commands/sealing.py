"""`run.py sealing`: the keys under which people's data and secrets are sealed."""

import click

from fluxiq.admin.render_sealing import render_sealing
from fluxiq.commands.asking import (
    alone_option,
    ask_platform,
    institution_option,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)
from fluxiq.sealing.key_file import new_key_text


@click.group()
def sealing() -> None:
    """Encryption at rest: keys, and their rotation. See docs/encryption.md."""


@sealing.command()
@institution_option
@json_option
def status(institution: str, *, as_json: bool) -> None:
    """Show the keys, and how far everything is sealed under the current one."""
    answer = ask_platform("sealing", **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_sealing(answer))


@sealing.command()
@institution_option
@reason_option
@yes_option
@alone_option
def rotate(institution: str, reason: str, *, yes: bool, alone: bool) -> None:
    """Make a new data key; everything is sealed again under it, while everybody works."""
    given = said(institution=institution, alone=alone)
    answer = ask_platform("sealing_rotate", reason=reason, yes=yes, **given)
    click.echo(render_sealing(answer))


@sealing.command()
@institution_option
@reason_option
@yes_option
@alone_option
def rewrap(institution: str, reason: str, *, yes: bool, alone: bool) -> None:
    """Wrap the data keys by the key-encryption key that comes first in its file."""
    given = said(institution=institution, alone=alone)
    answer = ask_platform("sealing_rewrap", reason=reason, yes=yes, **given)
    click.echo(render_sealing(answer))


@sealing.command("new-key")
def new_key() -> None:
    """Print a new key-encryption key: a line for its file. It is kept nowhere else."""
    click.echo(new_key_text(), nl=False)
