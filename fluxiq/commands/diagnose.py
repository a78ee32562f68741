"""What went wrong in a running platform: its crash book, and who holds its event loop."""

from typing import Any

import click

from fluxiq.commands.asking import (
    ask_platform,
    json_option,
    print_json,
    reason_option,
    yes_option,
)


@click.command()
@json_option
def crashes(*, as_json: bool) -> None:
    """List what crashed, each bug once, the last one first."""
    answer = ask_platform("crashes")
    if as_json:
        print_json(answer)
        return

    for page in answer["crashes"]:
        click.echo(
            f"{page['fingerprint']}  {page['count']:>5}x  last {_second(page['last'])}"
            f"  {page['path']}\n    {page['headline']}"
        )
    if not answer["crashes"]:
        click.echo("nothing has crashed")
    for what, said in (("unwritten", "pages did not get into a file"), ("failures", "are missing")):
        if answer[what]:
            click.echo(f"{answer[what]} {said}: see the log")


@click.command()
@click.argument("name")
@json_option
def crash(name: str, *, as_json: bool) -> None:
    """Show one crash: NAME is a fingerprint, or a process, whose last one is meant."""
    answer = ask_platform("crash", name=name)
    print_json(answer) if as_json else click.echo(render_crash(answer))


@click.command()
@click.option("--on/--off", "on", default=None, help="start from zero, or stop, measuring")
@click.option("--count", default=20, show_default=True, help="how many to show")
@json_option
@reason_option
@yes_option
def hogs(on: bool | None, count: int, reason: str, *, as_json: bool, yes: bool) -> None:
    """Show who takes how much of the event loop; measured only while it is switched on."""
    if on is not None:
        ask_platform("watch_hogs", on=on, reason=reason, yes=yes)
    answer = ask_platform("hogs", count=count)
    print_json(answer) if as_json else click.echo(render_hogs(answer))


def render_crash(page: dict[str, Any]) -> str:
    """What, where, how often; the exception from the last raise to its cause; what came before."""
    report = page["report"]
    told = {name: value for name, value in report["spec"].items() if value not in (None, False)}
    backoff = told.pop("backoff", {})
    spec = ", ".join(f"{name}={value}" for name, value in (told | backoff).items())
    lines = [
        page["headline"],
        f"{page['fingerprint']}: {_times(page)}",
        *(f"  {count:>5}x {path}" for path, count in page["paths"].items()),
        "",
        f"{report['path']} #{report['incarnation']} {report['kind']}: {report['reason']}",
        *(_exception(report["exception"], "") if report["exception"] else ()),
        "",
        f"spec: {spec}",
    ]
    lines += [f"below {_ancestor(one)}" for one in reversed(report["ancestors"])]
    if report["mailbox"] is not None:
        mailbox = {name: value for name, value in report["mailbox"].items() if value}
        head = ", ".join(mailbox.pop("head", ())) or "nothing"
        counts = ", ".join(f"{name} {value}" for name, value in mailbox.items())
        lines.append(f"mailbox: had {head}; over all incarnations {counts or 'nothing'}")
    lines += ["before it:", *map(_event, report["events"])]
    return "\n".join(lines)


def render_hogs(answer: dict[str, Any]) -> str:
    """Shares are of the time measured; a loop that is never idle adds up to 100 %."""
    if not answer["is_on"] and not answer["steps"]:
        return "nothing is measured: say --on --yes"

    total = answer["seconds_on"]
    now = "measuring for" if answer["is_on"] else "measured for"
    busy = answer["seconds"] / total
    lines = [
        f"{now} {total:.1f} s: {answer['steps']} steps, the loop was busy {busy:.1%} of the time",
        "  share   seconds     steps  longest ms  who",
    ]
    return "\n".join([*lines, *(_hog(one, total) for one in answer["top"])])


def _times(page: dict[str, Any]) -> str:
    first, last = _second(page["first"]), _second(page["last"])
    return f"{page['count']} times, first {first}, last {last}"


def _hog(one: dict[str, Any], total: float) -> str:
    numbers = f"{one['seconds'] / total:>7.1%} {one['seconds']:>9.3f} {one['steps']:>9}"
    return f"{numbers} {one['longest'] * 1000:>11.1f}  {one['path']}"


def _exception(error: dict[str, Any], lead: str) -> list[str]:
    lines = [f"{lead}{error['type']}: {error['message']}"]
    lines += [f"{lead}  note: {note}" for note in error.get("notes", ())]
    for frame in error.get("frames", ()):
        place = f" ({frame['file']}:{frame['line']})" if "file" in frame else ""
        lines.append(f"{lead}  in {frame['function']}{place}")
    for number, member in enumerate(error.get("members", ()), 1):
        lines.append(f"{lead}  member {number}:")
        lines += _exception(member, f"{lead}    ")
    for why, said in (("cause", "caused by"), ("context", "while handling")):
        if error.get(why):
            lines += [f"{lead}{said}", *_exception(error[why], f"{lead}  ")]
    return lines


def _ancestor(one: dict[str, Any]) -> str:
    facts = [f"{name}={one[name]}" for name in one if name != "path"]
    return f"{one['path']} ({', '.join(facts)})"


def _event(event: dict[str, Any]) -> str:
    before = f"{event['seconds_before']:>9.3f} s"
    first = f"{before}  {event['kind']} {event['path']} #{event['incarnation']}"
    return f"{first}: {event['reason']}" if event["reason"] else first


def _second(moment: str) -> str:
    """2026-03-01T03:14:15.926535Z, without what nobody reads at night."""
    return moment[:19].replace("T", " ") + "Z"


COMMANDS: tuple[click.Command, ...] = (crashes, crash, hogs)
