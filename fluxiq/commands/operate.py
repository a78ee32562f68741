"""Looking at and acting on the processes of a running platform, over its admin sockets.

NAME is a path (`root/institutions/…`), a registered name, or the end of a path if only one has it.
"""

import json
from pathlib import Path
from typing import Any

import click
import trio

from actors.start import read_addresses
from fluxiq import settings
from fluxiq.admin.client import ask, watch
from fluxiq.admin.protocol import NodeView, TreeView
from fluxiq.admin.render import render_event, render_inspection

_name = click.argument("name")
_reason = click.option("--reason", default="", help="why; it is told and written down")
_yes = click.option("--yes", is_flag=True, help="do it: without this it is refused")


def _socket() -> Path:
    return Path(read_addresses(settings.load().data_dir).admin_socket)


def _ask(verb: str, **arguments: Any) -> Any:
    async def main() -> Any:
        return await ask(_socket(), verb, **arguments)

    return trio.run(main)


def _print_json(answer: object) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=str))


@click.command()
@_name
@click.option("--json", "as_json", is_flag=True)
def inspect(name: str, *, as_json: bool) -> None:
    """Show one process: state, spec, mailbox, where it waits, and its last events."""
    answer = _ask("inspect", name=name)
    _print_json(answer) if as_json else click.echo(render_inspection(answer))


@click.command()
@_name
@click.option("--json", "as_json", is_flag=True)
def why(name: str, *, as_json: bool) -> None:
    """Show what led to the last transition of a process, back to the first cause."""
    answer = _ask("why", name=name)
    if as_json:
        _print_json(answer)
    elif not answer:
        click.echo(f"{name}: nothing has happened to it since it started")
    else:
        for number, event in enumerate(answer):
            click.echo(("because " if number else "") + render_event(event))


@click.command()
@_name
@click.option("--json", "as_json", is_flag=True)
def explain(name: str, *, as_json: bool) -> None:
    """Say what would happen if a process crashed now, touching nothing."""
    answer = _ask("explain", name=name)
    _print_json(answer) if as_json else click.echo("\n".join(answer["steps"]))


@click.command()
@_name
def statistics(name: str) -> None:
    """Show the counts of a process."""
    _print_json(_ask("statistics", name=name))


@click.command("state")
@_name
def get_state(name: str) -> None:
    """Show the state of an actor, secrets masked."""
    _print_json(_ask("get_state", name=name))


@click.command("watch")
def watch_tree() -> None:
    """Print what changes in the tree, until Ctrl-C."""

    async def main() -> None:
        states: dict[str, tuple[str, int]] = {}
        async for change in watch(_socket()):
            nodes = change.nodes if isinstance(change, TreeView) else change.changed
            for node in nodes:
                if states.get(node.path) != (node.state, node.incarnation):
                    states[node.path] = (node.state, node.incarnation)
                    click.echo(_changed_line(node))
            for path in () if isinstance(change, TreeView) else change.removed:
                states.pop(path, None)
                click.echo(f"removed      {path}")

    trio.run(main)


def _changed_line(node: NodeView) -> str:
    said = node.reason or (node.last_exit or "" if node.state != "running" else "")
    return f"{node.state:<12} {node.path} #{node.incarnation} {said}".rstrip()


def _deed(verb: str, help_text: str) -> click.Command:
    @click.command(verb, help=help_text)
    @_name
    @_reason
    @_yes
    def command(name: str, reason: str, *, yes: bool) -> None:
        answer = _ask(verb, name=name, reason=reason, yes=yes)
        click.echo(f"{verb}: {answer['path']}")

    return command


@click.command()
@_name
@click.option("--set", "changes", multiple=True, required=True, metavar="FIELD=VALUE")
@_reason
@_yes
def spec(name: str, changes: tuple[str, ...], reason: str, *, yes: bool) -> None:
    """Plan a change of limits, such as max_restarts=5; with --yes carry it out."""
    wanted = dict(map(_field_and_value, changes))
    if yes:
        answer = _ask("apply", name=name, changes=wanted, reason=reason, yes=True)
    else:
        answer = _ask("plan", name=name, changes=wanted)
    for field, before, after in answer["changes"]:
        click.echo(f"{field}: {before} -> {after}")
    click.echo("; ".join(answer["effects"]))
    click.echo("applied" if yes else "planned only: say --yes to apply")


def _field_and_value(text: str) -> tuple[str, object]:
    field, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not FIELD=VALUE", param_hint="--set")
    try:
        return field, json.loads(value)
    except json.JSONDecodeError:
        return field, value


_DEEDS: tuple[tuple[str, str], ...] = (
    ("restart", "Stop a process if it is up and start it; costs no restart budget."),
    ("stop", "Stop a process; it stays down until restarted."),
    ("suspend", "Let an actor take no mail, or a worker no round, after the one in hand."),
    ("resume", "End a suspension."),
    ("release", "Let a quarantined process start again with a fresh budget."),
)

COMMANDS: tuple[click.Command, ...] = (
    watch_tree,
    inspect,
    why,
    explain,
    statistics,
    get_state,
    *(_deed(verb, help_text) for verb, help_text in _DEEDS),
    spec,
)
