"""One process as text: what happened to it, how it is, and what it counted."""

from collections.abc import Iterator
from typing import Any

from fluxiq.admin.render import duration

# Where the runtime and trio wait for what the process waits for: the same for every process.
_MACHINERY = ("(supervisors/", "(trio/")


def render_why(name: str, chain: list[dict[str, Any]]) -> str:
    """What happened last, and below it what led there, back to the first cause."""
    if not chain:
        return f"{name}: nothing has happened to it since it started"
    path = chain[0]["path"]
    lines = [path]
    for number, event in enumerate(chain):
        lines.append(("  because " if number else "  ") + _event(event, path))
        lines += (f"    {line}" for line in _detail(event))
    return "\n".join(lines)


def render_inspection(answer: dict[str, Any]) -> str:
    """One process in the order an operator asks: how is it, what happened, where does it wait."""
    node = answer["node"]
    lines = [f"{node['path']} ({node['kind']}) is {node['state']} for {duration(node['since'])}"]
    if node["suspended"]:
        lines.append("it is SUSPENDED")
    if node["reason"]:
        lines.append(f"because: {node['reason']}")
    lines.append(f"incarnation {node['incarnation']}, {node['restarts']} restarts")
    lines += [f"{name}: {value}" for name, value in node["facts"].items()]
    lines.append("spec: " + ", ".join(_spec(answer["spec"])))
    if answer["mailbox"] is not None:
        head = ", ".join(answer["mailbox_head"]) or "empty"
        lines.append(f"mailbox: {_counts(answer['mailbox'])}; first: {head}")
    if answer["stack"]:
        lines += [
            "waits in:",
            *(f"  {line}" for line in _own_frames(node["path"], answer["stack"])),
        ]
    if answer["events"]:
        lines += ["last events:", *(f"  {line}" for line in _story(node["path"], answer["events"]))]
    return "\n".join(lines)


def render_statistics(answer: dict[str, Any]) -> str:
    """Counts of one process, one line a subject."""
    up = f", up {duration(answer['seconds_up'])}" if answer["seconds_up"] else ""
    suspended = ", SUSPENDED" if answer["suspended"] else ""
    lines = [
        f"{answer['path']} is {answer['state']}{suspended}{up}",
        f"incarnation {answer['incarnation']}, {answer['restarts']} restarts",
    ]
    if answer["mailbox"] is not None:
        lines.append("mailbox: " + _counts(answer["mailbox"]))
    lines.append("restart admission, whole tree: " + _counts(answer["admission"]))
    return "\n".join(lines)


def render_trace(entry: dict[str, Any]) -> str:
    """One message: what became of it, how long it waited and took."""
    waited, took = entry["waited"] * 1000, entry["took"] * 1000
    said = f"{duration(entry['seconds_ago'])} ago {entry['what']} {entry['message_type']}".rstrip()
    return f"{said}, waited {waited:.3f} ms, took {took:.3f} ms"


def render_log_levels(answer: dict[str, Any]) -> str:
    """The level of the settings, what is different for a while, and what may be named."""
    lines = [f"{answer['settings']} by the settings"]
    for change in answer["changes"]:
        logger = change["logger"] or "everything"
        lines.append(f"{change['level']} for {logger}, {duration(change['seconds_left'])} more")
    lines.append("loggers so far: " + (", ".join(filter(None, answer["loggers"])) or "none"))
    return "\n".join(lines)


def _event(event: dict[str, Any], path: str) -> str:
    place = f"#{event['incarnation']}"
    if event["path"] != path:
        place = f"{event['path']} {place}"
    return f"{event['kind']} {place} {duration(event['seconds_ago'])} ago: {event['reason']}"


def _detail(event: dict[str, Any]) -> list[str]:
    """The exception behind an event, but for the line that its reason says already."""
    lines: list[str] = event["exception"]
    return lines[1:] if lines and lines[0] == event["reason"] else lines


def _story(path: str, events: list[dict[str, Any]]) -> Iterator[str]:
    """The same crash again and again is told in full once."""
    told: list[str] = []
    for event in events:
        yield _event(event, path)
        detail = _detail(event)
        if detail and detail != told:
            yield from (f"  {line}" for line in detail)
            told = detail


def _own_frames(path: str, stack: list[str]) -> list[str]:
    """The frames that differ from process to process; all, where that leaves none."""
    lines = [line.removeprefix(f"{path}: ") for line in stack]
    return [line for line in lines if not any(one in line for one in _MACHINERY)] or lines


def _spec(spec: dict[str, Any]) -> Iterator[str]:
    for name, value in spec.items():
        if name == "backoff":
            yield "backoff " + _counts(value).replace(",", "")
        elif value is not None:
            yield f"{name}={value}"


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items())
