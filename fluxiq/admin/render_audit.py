"""The audit trail on a terminal."""

from collections.abc import Iterator
from typing import Any


def render_verdicts(report: list[dict[str, Any]]) -> str:
    """One line for each institution, and one more for each thing that is wrong."""
    return "\n".join(line for one in report for line in _verdict(one))


def render_lines(answer: dict[str, Any]) -> str:
    meta = answer["meta"]
    lines = [
        f"{one['id']:>10}  {one['at']}  {'sealed  ' if one['sealed'] else 'unsealed'}  "
        f"{one['action']:<24} {one['subject']}  by {_who(one)}"
        for one in answer["data"]
    ]
    return "\n".join(
        [*lines, f"page {meta['page']} of {meta['total_pages']}, {meta['total']} in all"]
    )


def _verdict(one: dict[str, Any]) -> Iterator[str]:
    if "seals" not in one:
        yield f"{one['institution']}  could not be verified"
    else:
        outside = "" if one["checkpoints"] is None else f", {one['checkpoints']} checkpoints"
        purged = f", {one['purged']} purged" if one["purged"] else ""
        state = "THE TRAIL IS DAMAGED" if one["findings"] else "the trail is whole"
        yield (
            f"{one['institution']}  {one['lines']} lines under {one['seals']} seals"
            f"{purged}{outside}, {one['waiting']} waiting, in {one['seconds']:.1f} s: {state}"
        )
    for finding in one["findings"]:
        yield f"  {finding['kind']}: {finding['what']}{_where(finding)}"


def _where(finding: dict[str, Any]) -> str:
    """Which seal, where the words do not say it."""
    seal = finding["seal"]
    return f" (seal {seal})" if seal is not None and finding["line"] is not None else ""


def _who(line: dict[str, Any]) -> str:
    by = line["actor"] + (f" ({line['credential']})" if line["credential"] else "")
    return f"{by} from {line['address']}" if line["address"] else by
