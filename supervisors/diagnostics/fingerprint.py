"""The fingerprint of a crash: the same for the same bug, another for another place.

It is made of the types of the errors and of where they were raised, never of values or messages.
A line counts from the first line of its function, so an edit elsewhere in the file changes
nothing. The frames of the runtime do not count: a call handled inline and one from the mailbox
crash alike. Nor does the shape of a group: one error in it, or the same one several times, is that
error, and the order in which tasks failed is chance.
"""

import hashlib
from collections.abc import Iterator

from supervisors.diagnostics.places import Place, places_of

FINGERPRINT_BYTES = 8
DEPTH_MAX = 16  # of causes, and of groups in groups

_RUNTIME = ("contextlib", "outcome", "supervisors", "trio")


def fingerprint(error: BaseException) -> str:
    """Return 16 hexadecimal digits.

    What an error was raised from (`__cause__`) belongs to the bug. What was being handled when
    it arose (`__context__`) does not.
    """
    return digest(_shape(error, {}, DEPTH_MAX))


def digest(shape: str) -> str:
    return hashlib.blake2b(
        shape.encode(errors="replace"), digest_size=FINGERPRINT_BYTES
    ).hexdigest()


def bare(error: BaseException) -> BaseException:
    """Take away the groups around a single error: trio wraps once per nursery on the way up."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def type_name(kind: type) -> str:
    """Return a type's name as people write it: with its module, unless everybody knows it."""
    known = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}"


def _shape(error: BaseException, known: dict[int, str], depth: int) -> str:
    """Describe an error without its values; each object once, however it is reached."""
    error = bare(error)
    if id(error) in known:
        return known[id(error)]
    if depth == 0:
        return "…"

    known[id(error)] = "…"  # for whoever comes round to it again
    if isinstance(error, BaseExceptionGroup):
        shape = "\n|".join(sorted({_shape(one, known, depth - 1) for one in _leaves(error)}))
    else:
        shape = "\n ".join([type_name(type(error)), *_marks(error)])
    if error.__cause__ is not None:
        shape += "\nfrom " + _shape(error.__cause__, known, depth - 1)
    known[id(error)] = shape
    return shape


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            yield error


def _marks(error: BaseException) -> list[str]:
    """Return where it passed, each place once: the depth of a recursion is a value."""
    passed = dict.fromkeys(map(_without_line, places_of(error.__traceback__)))
    ours = [mark for module, mark in passed if not _is_runtime(module)]
    return ours or [mark for _, mark in passed]


def _without_line(place: Place) -> tuple[str, str]:
    return place.module, f"{place.module}:{place.function}+{place.offset}"


def _is_runtime(module: str) -> bool:
    return module.partition(".")[0] in _RUNTIME
