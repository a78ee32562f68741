"""Looking at and acting on the processes of a running platform, over its admin sockets.

NAME is a path (`root/institutions/…`), a registered name, or the end of a path if only one has it.
"""

from contextlib import aclosing

import click
import trio

from fluxiq.admin.client import watch
from fluxiq.admin.render import Changes
from fluxiq.admin.render_process import (
    render_inspection,
    render_statistics,
    render_trace,
    render_why,
)
from fluxiq.commands.asking import (
    ask_platform,
    field_and_value,
    json_option,
    print_json,
    reason_option,
    socket_path,
    yes_option,
)

_name = click.argument("name")
_set = click.option("--set", "changes", multiple=True, required=True, metavar="FIELD=VALUE")


@click.command()
@_name
@json_option
def inspect(name: str, *, as_json: bool) -> None:
    """Show one process: state, spec, mailbox, where it waits, and its last events."""
    answer = ask_platform("inspect", name=name)
    print_json(answer) if as_json else click.echo(render_inspection(answer))


@click.command()
@_name
@json_option
def why(name: str, *, as_json: bool) -> None:
    """Show what led to the last transition of a process, back to the first cause."""
    answer = ask_platform("why", name=name)
    print_json(answer) if as_json else click.echo(render_why(name, answer))


@click.command()
@_name
@json_option
def explain(name: str, *, as_json: bool) -> None:
    """Say what would happen if a process crashed now, touching nothing."""
    answer = ask_platform("explain", name=name)
    print_json(answer) if as_json else click.echo("\n".join(answer["steps"]))


@click.command()
@_name
@json_option
def statistics(name: str, *, as_json: bool) -> None:
    """Show the counts of a process."""
    answer = ask_platform("statistics", name=name)
    print_json(answer) if as_json else click.echo(render_statistics(answer))


@click.command("state")
@_name
def get_state(name: str) -> None:
    """Show the state of an actor, secrets masked."""
    print_json(ask_platform("get_state", name=name))


@click.command("watch")
def watch_tree() -> None:
    """Print what changes in the tree, until Ctrl-C."""
    trio.run(_print_changes)


async def _print_changes() -> None:
    told = Changes()
    async with aclosing(watch(socket_path())) as changes:
        async for change in changes:
            for line in told.lines(change):
                click.echo(line)


def _deed(verb: str, help_text: str) -> click.Command:
    @click.command(verb, help=help_text)
    @_name
    @reason_option
    @yes_option
    def command(name: str, reason: str, *, yes: bool) -> None:
        answer = ask_platform(verb, name=name, reason=reason, yes=yes)
        click.echo(f"{verb}: {answer['path']}")

    return command


@click.command()
@click.argument("supervisor")
@click.argument("key")
@reason_option
@yes_option
def start(supervisor: str, key: str, reason: str, *, yes: bool) -> None:
    """Start a child of a dynamic supervisor by its key."""
    answer = ask_platform("start", name=supervisor, key=key, reason=reason, yes=yes)
    click.echo(f"start: {answer['path']}")


@click.command("replace-state")
@_name
@_set
@reason_option
@yes_option
def replace_state(name: str, changes: tuple[str, ...], reason: str, *, yes: bool) -> None:
    """Set attributes of an actor between two messages, all or none."""
    wanted = dict(map(field_and_value, changes))
    answer = ask_platform("replace_state", name=name, changes=wanted, reason=reason, yes=yes)
    click.echo(f"replace-state: {answer['path']}: {', '.join(wanted)}")


@click.command()
@_name
@click.option("--size", type=int, help="keep the last SIZE messages from now on; 0 ends the trace")
@reason_option
@yes_option
def trace(name: str, size: int | None, reason: str, *, yes: bool) -> None:
    """Show what became of an actor's last messages; with --size begin or end a trace."""
    if size is not None:
        answer = ask_platform("trace", name=name, size=size, reason=reason, yes=yes)
        click.echo(f"trace: {answer['path']}: " + (f"last {size} messages" if size else "ended"))
        return
    entries = ask_platform("traced", name=name)
    click.echo("\n".join(map(render_trace, entries)) or "nothing yet; is it traced? see --size")


@click.command()
@_name
@_set
@reason_option
@yes_option
def spec(name: str, changes: tuple[str, ...], reason: str, *, yes: bool) -> None:
    """Plan a change of limits, such as max_restarts=5; with --yes carry it out."""
    wanted = dict(map(field_and_value, changes))
    if yes:
        answer = ask_platform("apply", name=name, changes=wanted, reason=reason, yes=True)
    else:
        answer = ask_platform("plan", name=name, changes=wanted)
    for field, before, after in answer["changes"]:
        click.echo(f"{field}: {before} -> {after}")
    click.echo("; ".join(answer["effects"]))
    click.echo("applied" if yes else "planned only: say --yes to apply")


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
    trace,
    *(_deed(verb, help_text) for verb, help_text in _DEEDS),
    start,
    replace_state,
    spec,
)
