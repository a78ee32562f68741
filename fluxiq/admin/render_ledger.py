"""The ledger as text: how the circuit breaker stands, and what a proof of the books found."""

from collections.abc import Iterator
from typing import Any

from fluxiq.admin.render import duration

HISTORY_SHOWN = 10


def render_breaker(answer: dict[str, Any]) -> str:
    """What to know at three in the morning, in that order: how is it, since when, why, who."""
    due = "" if answer["due"] is None else f", moves by itself in {duration(answer['due'])}"
    lines = [f"{answer['state']} for {duration(answer['seconds'])}{due}"]
    if answer["reason"]:
        lines.append(f"because: {answer['reason']}")
    if answer["pinned"] and answer["state"] != "forced_closed":
        lines.append("an operator wants it closed: it is, once what was stood in for is back")
    counts = ("failures", "probes", "returns")
    if any(answer[name] for name in counts):
        lines.append(", ".join(f"{name} {answer[name]}" for name in counts))
    if answer["waits_for"] and answer["state"] == "recovering":
        lines.append(f"waits for: {', '.join(answer['waits_for'])}")
    for one in answer["institutions"]:
        lines += _institution(one)
    if answer["history"]:
        lines += ["", "history, the last one first:"]
        lines += [
            f"  {duration(one['seconds_ago'])} ago {one['before']} -> {one['after']}:"
            f" {one['reason']}"
            for one in answer["history"][:HISTORY_SHOWN]
        ]
    return "\n".join(lines)


def _institution(one: dict[str, Any]) -> Iterator[str]:
    mode = "FENCED: another process writes it" if one["fenced"] else one["mode"]
    yield (
        f"  {one['institution']} {mode}, epoch {one['epoch']}: {one['transfers']} transfers in"
        f" {one['batches']} batches, {one['waiting']} wait, {one['in_flight']} in flight,"
        f" {one['unknown']} unknown, left {one['fallbacks']} times, back {one['recoveries']}"
    )
    if one["last_report"]:
        yield f"    {one['last_report']}"
    for finding in one["refused"]:
        yield f"    NOT CLOSED: {finding}"


def render_verification(report: list[dict[str, Any]], *, deep: bool) -> str:
    """One line or two for each institution, and one for each finding."""
    return "\n".join(line for one in report for line in _verified(one, deep=deep))


def _verified(one: dict[str, Any], *, deep: bool) -> Iterator[str]:
    findings = one["findings"]
    verdict = f"{len(findings)} FINDINGS" if findings else "in order"
    mode = f" {one['mode']}, epoch {one['epoch']}" if "mode" in one else ""
    yield f"{one['institution']}{mode}: {verdict}"
    if "rows" in one:
        read = f", {one['records']} records read again" if deep else ""
        yield (
            f"  journal: {one['rows']} batches{read}, {one['unanswered']} without an answer,"
            f" {one['behind']} on their way to the mirror; {one['transfers']} transfers"
        )
    if "tigerbeetle" in one:
        compared = one["tigerbeetle"]
        looked = (
            f"; {compared['transfers']} transfers and {compared['refused']} refused ids looked up"
            if deep
            else ""
        )
        yield (
            f"  TigerBeetle: {compared['accounts']} accounts compared,"
            f" {compared['moving']} of them moving{looked}"
        )
    elif "mode" in one:
        yield "  TigerBeetle: not in charge, so not compared"
    for finding in findings:
        yield f"  {finding['invariant']}: {finding['what']}"
