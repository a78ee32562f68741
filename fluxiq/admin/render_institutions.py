"""Institutions as text: a list, one whole, and what is left to do."""

from collections.abc import Iterator, Sequence
from typing import Any


def render_institutions(answer: list[dict[str, Any]]) -> str:
    """One line each: who, its number in the ledger, how it stands, whether it is open now."""
    if not answer:
        return "no institutions"
    return "\n".join(
        f"{one['ispb']}  ledger {one['ledger']:<5}  {one['state']:<10}"
        f" {'open' if one['is_open'] else '-':<5} {one['name']}"
        for one in answer
    )


def render_institution(answer: dict[str, Any]) -> str:
    """Every field, what it still has, and its history, the last step first."""
    return "\n".join(_lines(answer))


def render_notes(notes: Sequence[str]) -> str:
    """What was kept, and what is left for a person to do."""
    return "\n".join(f"  {note}" for note in notes)


def render_enrolled(answer: dict[str, Any]) -> str:
    """A merchant's beginning. The key is never shown again."""
    keys = ", ".join(answer["pix_keys"])
    return (
        f"merchant {answer['merchant_id']}, account {answer['account_id']}, PIX key {keys}\n"
        f"Authorization: Bearer {answer['api_key']}"
    )


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    apart = {"remainder", "steps", "declaration"}
    yield from (f"{name:>13}: {value}" for name, value in answer.items() if name not in apart)
    links = (answer["declaration"] or {}).get("providers", ())
    yield f"{'providers':>13}: {', '.join(one['name'] for one in links)}"
    remainder = answer["remainder"]
    yield f"{'balances':>13}: {remainder['balances']} accounts with money"
    for what, count in remainder["in_flight"].items():
        if count:
            yield f"{'in flight':>13}: {count} {what}"
    for step in answer["steps"]:
        yield f"  {step['at']}  {step['event']:<9} -> {step['state']:<9}  {step['reason']}"
