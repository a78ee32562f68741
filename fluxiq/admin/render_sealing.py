"""The keys of an institution's seals as text, and how far a rotation has come."""

from collections.abc import Iterator
from typing import Any


def render_sealing(answer: dict[str, Any]) -> str:
    """The keys, then one line for each sealed column."""
    return "\n".join([*_head(answer), "", *_keys(answer["keys"]), "", *_columns(answer["columns"])])


def _head(answer: dict[str, Any]) -> Iterator[str]:
    yield f"institution {answer['institution']}, key-encryption key {answer['wrapped_by']}"
    done, count = answer["columns_done"], len(answer["columns"])
    if answer["settled"]:
        yield "everything is sealed under the current key"
    else:
        yield f"a rotation is under way: {done} of {count} columns are done"
    if answer["plain_allowed"]:
        yield "values from before the seals are not all sealed yet"


def _keys(keys: list[dict[str, Any]]) -> Iterator[str]:
    for key in keys:
        yield (
            f"key {key['id']:>3}  {key['purpose']:<5}  {_state(key):<32}"
            f"  {_used(key)}  wrapped by {key['wrapped_by']}"
        )


def _state(key: dict[str, Any]) -> str:
    if key["retired_at"] is not None:
        return f"retired {key['retired_at']}"
    if key["retires_after"] is not None:
        return f"retires after {key['retires_after']}"
    return "current" if key["current"] else "stays"


def _used(key: dict[str, Any]) -> str:
    """Of what one key may seal, what was granted."""
    if not key["messages_max"]:
        return f"{'':>12}"
    return f"{key['messages'] / key['messages_max']:>7.2%} used"


def _columns(columns: list[dict[str, Any]]) -> Iterator[str]:
    for column in columns:
        done = "done" if column["done_at"] is not None else ""
        yield (
            f"{column['name']:<32} {column['resealed']:>10} sealed again"
            f" of {column['seen']:>10} seen  {done}".rstrip()
        )
