"""What an operator may see of a process: plain data, with secrets masked and depth bounded."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

MASK = "***"
DEPTH_MAX = 4
ITEMS_MAX = 50
TEXT_CHARACTERS_MAX = 200

# Whoever has one of these words in its name is masked.
SECRET_WORDS = frozenset(
    ("certificate", "cnpj", "cpf", "credential", "document", "key", "pass", "secret", "token")
)


def redacted(
    state: Mapping[str, object], secret_words: Iterable[str] = SECRET_WORDS
) -> dict[str, object]:
    """Return `state` as plain data: what is no plain data is shown as its type only."""
    words = tuple(word.lower() for word in secret_words)
    return {name: _shown(name, value, words, 1) for name, value in state.items()}


def is_secret(name: str, secret_words: Iterable[str] = SECRET_WORDS) -> bool:
    return any(word in name.lower() for word in secret_words)


def _shown(name: object, value: object, words: tuple[str, ...], depth: int) -> object:
    if isinstance(name, str) and is_secret(name, words):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        return value if len(value) <= TEXT_CHARACTERS_MAX else value[:TEXT_CHARACTERS_MAX] + "…"
    if depth >= DEPTH_MAX:
        return f"<{type(value).__name__}>"
    return _shown_inside(value, words, depth + 1)


def _shown_inside(value: object, words: tuple[str, ...], depth: int) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        some = list(value.items())[:ITEMS_MAX]
        shown: dict[str, object] = {str(key): _shown(key, item, words, depth) for key, item in some}
        return _with_rest(shown, len(value) - len(some))
    if isinstance(value, list | tuple | set | frozenset):
        every = list(value)
        items = [_shown(None, item, words, depth) for item in every[:ITEMS_MAX]]
        return items if len(every) <= ITEMS_MAX else [*items, f"… {len(every) - ITEMS_MAX} more"]
    return f"<{type(value).__name__}>"


def _with_rest(shown: dict[str, object], left: int) -> dict[str, object]:
    return {**shown, "…": f"{left} more"} if left > 0 else shown
