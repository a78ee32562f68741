"""What can go wrong under supervision, each with who, where and why in its message."""

from collections.abc import Sequence


class SupervisionError(Exception):
    """The root of everything this package raises on purpose."""


class InvalidSpec(SupervisionError):
    """A spec was refused before anything started; names the child and the field."""

    def __init__(self, path: str, field: str, problem: str) -> None:
        super().__init__(f"{path}: {field} {problem}")
        self.path = path
        self.field = field
        self.problem = problem


class StartFailed(SupervisionError):
    """A child did not become ready. `path` is the innermost child that failed, `cause` why."""

    def __init__(self, path: str, reason: str, cause: BaseException | None = None) -> None:
        super().__init__(f"{path} did not start: {reason}")
        self.path = path
        self.reason = reason
        self.cause = cause
        self.__cause__ = cause


class BudgetSpent(SupervisionError):
    """A supervisor restarted too often and gave up; its last child's failure is the cause."""

    def __init__(self, path: str, reason: str, cause: BaseException | None = None) -> None:
        super().__init__(f"{path} gave up: {reason}")
        self.path = path
        self.reason = reason
        self.__cause__ = cause


class RootFailed(SupervisionError):
    """The root supervisor gave up. `__cause__` leads, link by link, to the first failure."""

    def __init__(self, reason: str, cause: BaseException | None = None) -> None:
        super().__init__(f"the tree failed: {reason}")
        self.reason = reason
        self.__cause__ = cause


class NoChild(SupervisionError):
    """An operation named a path where the tree has no such child or supervisor."""

    def __init__(self, path: str, problem: str = "there is no such child") -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class AmbiguousName(SupervisionError):
    """An end of a path that several paths have."""

    def __init__(self, name: str, paths: Sequence[str]) -> None:
        super().__init__(f"{name} could be any of {', '.join(sorted(paths))}")
        self.name = name
        self.paths = tuple(sorted(paths))


class NotQuarantined(SupervisionError):
    """A release of a child that is not in quarantine."""

    def __init__(self, path: str, state: str) -> None:
        super().__init__(f"{path} is not quarantined but {state}")
        self.path = path
        self.state = state


class ChildRefused(SupervisionError):
    """A dynamic supervisor would not take a child: duplicate, full, or stopping."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class NameTaken(SupervisionError):
    """Two processes asked for one registered name."""

    def __init__(self, name: str, holder: str, claimant: str) -> None:
        super().__init__(f"name {name!r} of {claimant} is already held by {holder}")
        self.name = name
        self.holder = holder


class CallTimeout(SupervisionError):
    """No answer within the time limit (seconds). The outcome is unknown."""

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(f"{name} did not answer within {timeout:g} s; the outcome is unknown")
        self.name = name
        self.timeout = timeout


class NoProcess(SupervisionError):
    """Nobody is registered under the name now. The message was not sent: a retry is safe."""

    def __init__(self, name: str, detail: str = "nobody has this name") -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


class ProcessDown(SupervisionError):
    """The callee ended before it answered.

    `in_hand` is False when the message was never looked at, so a retry is safe; when True the
    outcome is unknown.
    """

    def __init__(self, name: str, reason: str, *, in_hand: bool = True) -> None:
        super().__init__(f"{name} is down: {reason}")
        self.name = name
        self.reason = reason
        self.in_hand = in_hand


class MailboxFull(SupervisionError):
    """The callee's mailbox had no room. The message was not sent: a retry is safe."""

    def __init__(self, name: str, capacity: int) -> None:
        super().__init__(f"the mailbox of {name} is full ({capacity} messages)")
        self.name = name
        self.capacity = capacity


class Quarantined(SupervisionError):
    """The callee's branch is parked until an operator releases it.

    `retry_at` (trio's clock, seconds) is when its restart budget is clean again: a hint for
    the sender, not a promise.
    """

    def __init__(self, name: str, reason: str, retry_at: float) -> None:
        super().__init__(f"{name} is quarantined: {reason}")
        self.name = name
        self.reason = reason
        self.retry_at = retry_at


class CallCycle(SupervisionError):
    """The callee already waits, directly or through others, for the caller: a deadlock."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"call cycle: {' -> '.join(names)}")
        self.names = tuple(names)


class Unanswered(SupervisionError):
    """A handler finished a call without a reply and without deferring it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} finished the message without answering it")
        self.name = name


class UnknownMessage(SupervisionError):
    """The actor has no handler for this kind of message."""

    def __init__(self, name: str, message_type: str) -> None:
        super().__init__(f"{name} does not know messages of type {message_type}")
        self.name = name


class Ignore(SupervisionError):
    """Raised by a child's start, before ready: keep the spec, but run no task."""


def collapse(error: BaseException) -> BaseException:
    """Take away groups that hold one error: trio wraps once per nursery on the way up."""
    if not isinstance(error, BaseExceptionGroup):
        return error

    inner = [collapse(member) for member in error.exceptions]
    if len(inner) == 1:
        return inner[0]
    return error.derive(inner).with_traceback(error.__traceback__)


def describe(error: BaseException) -> str:
    """Put an error in one line: type and message; for a group, its members."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(describe(member) for member in error.exceptions)
    text = message_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def message_of(error: BaseException) -> str:
    """Return an error's text. A `__str__` that raises in turn must not hide what it belongs to."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 -- it is anybody's code
        return f"(its __str__ raised {type(second).__name__})"
