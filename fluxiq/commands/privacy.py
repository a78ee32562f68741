"""`run.py privacy`: the data map, and what people may ask about their data (docs/privacy.md)."""

from typing import Any

import click
import trio

from fluxiq.admin.client import ask
from fluxiq.admin.render_data_map import render_data_map
from fluxiq.commands.asking import (
    ask_platform,
    json_option,
    print_json,
    reason_option,
    socket_path,
    yes_option,
)
from fluxiq.domain.data_map_tables import DATA_MAP

_LOOK_SECONDS = 0.2
_institution = click.option(
    "--institution", "--ispb", default="", help="its ISPB; needed if there are more"
)
_document = click.option("--document", required=True, help="CPF or CNPJ of the person")


@click.group()
def privacy() -> None:
    """People's data (LGPD): the data map, export and erasure. See docs/privacy.md."""


@privacy.command("map")
def data_map() -> None:
    """Print which column says what of whom, why and for how long, as in docs/privacy.md."""
    click.echo(render_data_map(DATA_MAP))


@privacy.command()
@_institution
@_document
@reason_option
@yes_option
def export(institution: str, document: str, reason: str, *, yes: bool) -> None:
    """Print every record in which a person occurs, as JSON. It is written down that you did."""
    asked = {"document": document, "reason": reason, "yes": yes, **_given(institution)}
    print_json({"records": trio.run(_export, asked)})


@privacy.command()
@_institution
@_document
@reason_option
@yes_option
@json_option
def erase(institution: str, document: str, reason: str, *, yes: bool, as_json: bool) -> None:
    """Erase what the law lets go, wait for it, and say what stays, why and until when."""
    asked = {"document": document, "reason": reason, "yes": yes, **_given(institution)}
    erasure = trio.run(_erase, asked)
    print_json(erasure) if as_json else click.echo(_render(erasure))


@privacy.command()
@_institution
@_document
@json_option
def erasure(institution: str, document: str, *, as_json: bool) -> None:
    """Show what became of the last erasure of a person."""
    answer = ask_platform("privacy_erasure", document=document, **_given(institution))
    print_json(answer) if as_json else click.echo(_render(answer))


async def _export(asked: dict[str, Any]) -> list[Any]:
    records: list[Any] = []
    piece = await ask(socket_path(), "privacy_export", **asked)
    while True:
        records += piece["records"]
        if piece["next"] is None:
            return records
        piece = await ask(socket_path(), "privacy_export", walk=piece["next"], **asked)


async def _erase(asked: dict[str, Any]) -> Any:
    erasure = await ask(socket_path(), "privacy_erase", **asked)
    looked = {name: said for name, said in asked.items() if name not in {"reason", "yes"}}
    while erasure["ended_at"] is None:
        # It goes on without us: Ctrl-C ends the waiting only.
        await trio.sleep(_LOOK_SECONDS)
        erasure = await ask(socket_path(), "privacy_erasure", **looked)
    return erasure


def _render(erasure: Any) -> str:
    ended = erasure["ended_at"]
    lines = [f"{erasure['id']}: {f'ended at {ended}' if ended else 'under way'}"]
    lines += [f"  erased  {count:>7}  {table}" for table, count in erasure["erased"].items()]
    for one in erasure["stays"]:
        until = f" until {one['until'][:10]}" if one["until"] else ""
        lines.append(f"  stays   {one['count']:>7}  {one['table']}{until}: {one['why']}")
    return "\n".join(lines)


def _given(institution: str) -> dict[str, Any]:
    return {"institution": institution} if institution else {}
