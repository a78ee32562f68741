"""What the operators' commands share: the way to the running platform, and options."""

import json
from pathlib import Path
from typing import Any

import click
import trio

from actors.addresses import read_addresses
from fluxiq import settings
from fluxiq.admin.client import ask, ask_spelled

# Everywhere by both names: an institution's file, role and metrics say `ispb`.
institution_option = click.option(
    "--institution", "--ispb", "institution", default="", help="its ISPB; needed if there are more"
)
reason_option = click.option("--reason", default="", help="why; it is told and written down")
yes_option = click.option("--yes", is_flag=True, help="do it: without this it is refused")
alone_option = click.option(
    "--alone", is_flag=True, help="without the second person that it needs: told loudly"
)
json_option = click.option("--json", "as_json", is_flag=True, help="as the socket says it")


def socket_path() -> Path:
    """Where the platform of this data directory is asked. Raises StartRefused if none has run."""
    return Path(read_addresses(settings.load().data_dir).admin_socket)


def ask_platform(verb: str, **arguments: Any) -> Any:
    """The answer to a verb. Raises Unavailable, and Refused with its code."""

    async def main() -> Any:
        return await ask(socket_path(), verb, **arguments)

    return trio.run(main)


def ask_as_typed(verb: str, arguments: dict[str, Any]) -> Any:
    """The same, where only the verb knows what types its arguments are of."""

    async def main() -> Any:
        return await ask_spelled(socket_path(), verb, arguments)

    return trio.run(main)


def said(**options: object) -> dict[str, Any]:
    """Those that were said."""
    return {name: value for name, value in options.items() if value}


def print_json(answer: object) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=str))


def field_and_value(text: str) -> tuple[str, Any]:
    """`FIELD=VALUE`, the value as JSON where it is some, else as a text: of what has any type."""
    field, value = _parted(text)
    try:
        return field, json.loads(value)
    except json.JSONDecodeError:
        return field, value


def field_and_text(text: str) -> tuple[str, Any]:
    """`FIELD=VALUE`, the value as it was typed; an object is told by its brace, and masked field by
    field where it is written down.
    """
    field, value = _parted(text)
    if not value.lstrip().startswith("{"):
        return field, value
    try:
        return field, json.loads(value)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"{field}: is no JSON object: {error}") from None


def _parted(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not FIELD=VALUE")
    return field, value
