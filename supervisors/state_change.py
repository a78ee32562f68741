"""Whether an operator's new values fit the state of a running process."""

from collections.abc import Mapping

from supervisors.errors import SupervisionError

_PLAIN = (bool, int, float, str, list, dict, type(None))


class StateRefused(SupervisionError):
    """A replacement of an actor's state was refused, whole; names the attribute."""

    def __init__(self, path: str, key: str, problem: str) -> None:
        super().__init__(f"{path}: {key} {problem}")
        self.path = path
        self.key = key
        self.problem = problem


def checked_changes(
    path: str, state: Mapping[str, object], changes: Mapping[str, object]
) -> dict[str, object]:
    """Return the changes if each names an attribute and has its type. Raises StateRefused."""
    for key, value in changes.items():
        if key not in state:
            known = ", ".join(sorted(state)) or "none"
            raise StateRefused(path, key, f"is no attribute of this actor (it has: {known})")
        before = state[key]
        if before is None or (type(before) is float and type(value) is int):
            continue
        if not isinstance(before, _PLAIN):
            raise StateRefused(path, key, f"is a {type(before).__name__}, not plain data")
        if type(value) is not type(before):
            wanted = type(before).__name__
            raise StateRefused(path, key, f"is of type {wanted}, not {type(value).__name__}")
    return dict(changes)
