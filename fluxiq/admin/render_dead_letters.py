"""Dead letters as text: a list, one whole, and the holds that need a person."""

from typing import Any

STATES = ("dead", "replayed", "discarded", "any")
ERROR_CHARACTERS = 60


def render_letters(answer: list[dict[str, Any]]) -> str:
    """One line each: which, how it is, of which queue and payment, how often it failed, why."""
    if not answer:
        return "no such letters"
    return "\n".join(
        f"{one['id']:>6}  {one['state']:<9}  {one['subject']:<30}  {one['payment_id'] or '':<32}"
        f"  {one['failures']}x  {one['died_at']}  {one['error'][:ERROR_CHARACTERS]}".rstrip()
        for one in answer
    )


def render_letter(letter: dict[str, Any]) -> str:
    """Every field; the message and the traceback last."""
    apart = ("body", "error")
    fields = [f"{name:>15}: {value}" for name, value in letter.items() if name not in apart]
    error = [f"  {line}" for line in letter["error"].rstrip().splitlines()]
    return "\n".join([*fields, "message:", f"  {letter['body']}", "last failure:", *error])


def render_holds(answer: list[dict[str, Any]]) -> str:
    """One line each: which, what for, how much, since when, and what is wrong with it."""
    if not answer:
        return "every hold has somebody at work on it"
    return "\n".join(
        f"{one['id']}  {one['kind']:<13}  {one['amount']:>12}  {one['held_at']}  {one['finding']}"
        for one in answer
    )
