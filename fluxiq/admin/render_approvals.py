"""What was proposed at the desk, as text."""

import json
from collections.abc import Iterator
from typing import Any


def render_approvals(answer: dict[str, Any]) -> str:
    """One line for each, the last proposed first, with what it would do."""
    if not answer["is_asked_for"]:
        return "one operator is enough here ([operators] two_people)"
    return "\n".join(_lines(answer["approvals"])) or "nothing was proposed"


def _lines(approvals: list[dict[str, Any]]) -> Iterator[str]:
    for one in approvals:
        end = f"until {one['expires_at']}" if one["state"] == "proposed" else _decision(one)
        yield f"{one['id']}  {one['state']:<8}  {one['action']}  by {one['proposed_by']}  {end}"
        yield f"    {json.dumps(one['arguments'], ensure_ascii=False)}"


def _decision(one: dict[str, Any]) -> str:
    by = "" if one["decided_by"] is None else f"by {one['decided_by']} "
    return f"{by}at {one['decided_at']}"
