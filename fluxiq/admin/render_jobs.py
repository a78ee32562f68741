"""Jobs as text: a list, one whole, and the board of kinds and schedules."""

from collections.abc import Iterator
from typing import Any

STATES = (
    "scheduled", "available", "executing", "retryable", "completed", "discarded", "cancelled",
)  # fmt: skip
ERROR_CHARACTERS = 60


def render_jobs(answer: list[dict[str, Any]]) -> str:
    """One line each: which, of what kind, how it is, which attempt, when it is or was due."""
    if not answer:
        return "no such jobs"
    return "\n".join(
        f"{one['id']}  {one['state']:<10}  {one['kind']:<28} p{one['priority']}"
        f"  {one['attempt']}/{one['attempts_max']}  {one['run_at']}"
        f"  {one['error'][:ERROR_CHARACTERS]}".rstrip()
        for one in answer
    )


def render_job(job: dict[str, Any]) -> str:
    """Every field, and each error that was kept, the last one first."""
    fields = [f"{name:>13}: {value}" for name, value in job.items() if name != "errors"]
    return "\n".join([*fields, *_errors(job["errors"])])


def render_board(answer: dict[str, Any]) -> str:
    """How many of each kind are in each state, and when each schedule comes next."""
    return "\n".join(_board(answer))


def _errors(errors: list[dict[str, Any]]) -> Iterator[str]:
    for one in reversed(errors):
        yield f"attempt {one['attempt']}, {one['at']}:"
        yield from (f"  {line}" for line in one["text"].rstrip().splitlines())


def _board(answer: dict[str, Any]) -> Iterator[str]:
    yield f"institution {answer['institution']}"
    yield f"{'kind':<28}" + "".join(f"{state:>11}" for state in STATES)
    for one in answer["kinds"]:
        numbers = "".join(f"{one['states'].get(state, 0):>11}" for state in STATES)
        yield f"{one['name']:<28}{numbers}{_paused(one)}"
    yield ""
    yield f"{'schedule':<28}  {'timing':<30}  {'last':<20}  next"
    for one in answer["schedules"]:
        last = one["last_run"] or "never"
        yield (
            f"{one['name']:<28}  {one['timing']:<30}  {last:<20}  {one['next_run']}{_paused(one)}"
        )


def _paused(one: dict[str, Any]) -> str:
    return "" if one["paused"] is None else f"  PAUSED: {one['paused']}"
