"""Reconciliation and retention as text: differences, runs, and what is old enough to go."""

from typing import Any

STATES = ("open", "healing", "healed", "resolved", "any")


def render_differences(answer: list[dict[str, Any]]) -> str:
    """One line each: which, how it is, what differs, of which payment, what each side says."""
    if not answer:
        return "no such differences"
    return "\n".join(
        f"{one['id']:>6}  {one['state']:<8}  {one['kind']:<14}  {one['flow']:<8}"
        f"  {one['record_id']:<32}  there {_amount(one['theirs'])}  here {_amount(one['ours'])}"
        f"  {one['seen_at']}  {one['detail']}".rstrip()
        for one in answer
    )


def render_difference(one: dict[str, Any]) -> str:
    """Every field."""
    return "\n".join(f"{name:>11}: {value}" for name, value in one.items())


def render_runs(answer: list[dict[str, Any]]) -> str:
    """Two lines each: which window and how far; then counts, with their sums."""
    if not answer:
        return "no runs yet"
    return "\n".join(
        f"{one['id']}  {one['state']:<9}  {one['since']} - {one['until']}  {one['step']}\n"
        f"  lines {one['lines']} ({one['lines_amount']})"
        f"  records {one['records']} ({one['records_amount']})"
        f"  matched {one['matched']} ({one['matched_amount']})"
        f"  differences {one['differences']}  healed {one['healed']}"
        for one in answer
    )


def render_aged(answer: list[dict[str, Any]]) -> str:
    """One line each: which records, kept for how long, how many would go."""
    return "\n".join(
        f"{one['records']:<18}  {one['days']:>6} days  {one['count']:>7}"
        f"{' or more' if one['has_more'] else ''}"
        for one in answer
    )


def _amount(centavos: int | None) -> str:
    return f"{'nothing' if centavos is None else centavos:>12}"
