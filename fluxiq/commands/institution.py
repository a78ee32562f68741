"""`run.py institution`: add, see, suspend, resume and remove one. See docs/institutions.md.

Of a running platform over its admin socket; of one that is stopped, by starting as much of it as
this takes, and stopping it again.
"""

import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import click
import trio

from fluxiq import settings as config
from fluxiq.admin.client import ask
from fluxiq.admin.render_institutions import (
    render_enrolled,
    render_institution,
    render_institutions,
    render_notes,
)
from fluxiq.commands.asking import json_option, print_json, reason_option, socket_path, yes_option
from fluxiq.errors import SettingsInvalid, StartRefused, Unavailable
from fluxiq.telemetry import logs

_ispb = click.argument("ispb")


@click.group()
def institution() -> None:
    """Institutions: who lives on this platform, and how they come and go."""


@institution.command("list")
@json_option
def list_institutions(*, as_json: bool) -> None:
    """List everybody who is registered, those that were removed too."""
    answer = _ask("institutions")
    print_json(answer) if as_json else click.echo(render_institutions(answer))


@institution.command()
@_ispb
@json_option
def show(ispb: str, *, as_json: bool) -> None:
    """Show one: its state, what it still has, and what happened to it."""
    answer = _ask("institution", institution=ispb)
    print_json(answer) if as_json else click.echo(render_institution(answer))


@institution.command()
@click.option("--file", type=click.Path(path_type=Path), help="as in config/institutions/")
@click.option("--ispb", help="instead of a file: 8 characters of 0-9 and A-Z")
@click.option("--name", help="and what it is called")
@click.option("--ledger", type=int, help="its number for ever; the next one unless told")
@reason_option
@json_option
def add(
    file: Path | None,
    ispb: str | None,
    name: str | None,
    ledger: int | None,
    reason: str,
    *,
    as_json: bool,
) -> None:
    """Add one, whole or not at all; doing it twice is doing it once.

    Without a file it pays through the simulator.
    """
    if (file is None) == (ispb is None or name is None):
        raise click.UsageError("give either --file, or --ispb and --name")
    if file is None:
        link = {"name": "simulator", "kind": "simulator"}
        declaration: dict[str, Any] = {"ispb": ispb, "name": name, "providers": [link]}
        declaration |= {} if ledger is None else {"ledger": ledger}
    else:
        declaration = _checked(file)

    answer = _ask("institution_add", declaration=declaration, yes=True, **_reason(reason))
    if as_json:
        print_json(answer)
        return
    word = "added" if answer["is_new"] else "was there already"
    click.echo(f"{answer['ispb']} {answer['name']}: {word}, ledger {answer['ledger']}")
    click.echo(render_notes(answer["notes"]), nl=bool(answer["notes"]))


@institution.command()
@_ispb
@click.option("--archive", default="", help="where its books are kept, if accounts hold money")
@reason_option
@yes_option
def remove(ispb: str, archive: str, reason: str, *, yes: bool) -> None:
    """Remove one that is suspended and at rest. Its records are kept."""
    given = {"archive": archive} if archive else {}
    answer = _ask("institution_remove", institution=ispb, yes=yes, **given, **_reason(reason))
    click.echo(f"{ispb}: {answer['state']}")
    click.echo(render_notes(answer["notes"]), nl=bool(answer["notes"]))


@institution.command()
@_ispb
@click.option("--name", required=True, help="of the merchant")
@click.option("--document", required=True, help="its CPF or CNPJ")
@click.option("--city", required=True)
@reason_option
@yes_option
def enroll(ispb: str, name: str, document: str, city: str, reason: str, *, yes: bool) -> None:
    """Let a merchant in: an account with a PIX key, and an API key that is shown once."""
    given = {"institution": ispb, "name": name, "document": document, "city": city}
    click.echo(render_enrolled(_ask("merchant_enroll", yes=yes, **given, **_reason(reason))))


def _turn(name: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @_ispb
    @reason_option
    @yes_option
    def command(ispb: str, reason: str, *, yes: bool) -> None:
        verb = f"institution_{name}"
        answer = _ask(verb, institution=ispb, yes=yes, **_reason(reason))
        click.echo(f"{ispb}: {answer['state']}")

    return command


for _command in (
    _turn("suspend", "Refuse its callers at once; money in flight ends, money that arrives stays."),
    _turn("resume", "Let its callers in again."),
):
    institution.add_command(_command)


def _checked(file: Path) -> dict[str, Any]:
    """What a file says, once it is sound: the same errors as at a start."""
    settings = config.load()
    config.read_institution(file, simulated=settings.simulator.enabled)
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"cannot read {file}: {error.strerror}") from None


def _reason(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


def _ask(verb: str, **arguments: Any) -> Any:
    return trio.run(partial(_ask_or_open, verb, arguments))


async def _ask_or_open(verb: str, arguments: dict[str, Any]) -> Any:
    """Ask the platform that runs; where none does, open its desk and ask there."""
    try:
        return await ask(socket_path(), verb, **arguments)
    except StartRefused:
        pass  # none has ever run here
    except Unavailable as unavailable:
        if "nobody answers" not in str(unavailable):
            raise
    return await _ask_alone(verb, arguments)


async def _ask_alone(verb: str, arguments: dict[str, Any]) -> Any:
    # The whole product, which somebody who asks a running platform need not wait for.
    from actors.start import open_platform  # noqa: PLC0415
    from actors.tree import desk_of  # noqa: PLC0415

    settings = config.load()
    logs.configure(settings.log)
    async with open_platform(settings, desk_of) as running:
        return await ask(running.platform.admin_socket_path, verb, **arguments)
