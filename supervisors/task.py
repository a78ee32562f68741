"""Tasks: a function run once under supervision, whose result somebody may wait for."""

import itertools
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import trio

from supervisors.context import Context
from supervisors.errors import CallTimeout, InvalidSpec, SupervisionError, collapse, describe
from supervisors.spec import INFINITY, Backoff, ChildSpec, DynamicSpec, Restart

if TYPE_CHECKING:
    from supervisors.tree import Tree

T = TypeVar("T")
BACKOFF = Backoff()

# How much longer than the task's own limit `run` waits for its cleanup (seconds).
CLEANUP_SECONDS_MAX = 5.0


class TaskFailed(SupervisionError):
    """The task's function raised; `__cause__` is its error."""

    def __init__(self, path: str, cause: BaseException) -> None:
        super().__init__(f"{path} failed: {describe(cause)}")
        self.path = path
        self.__cause__ = cause


class TaskTimeout(TaskFailed):
    """The task ran for longer than its limit and was cancelled."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__(path, TimeoutError(f"it ran for more than {seconds:g} s"))
        self.seconds = seconds


class TaskStopped(SupervisionError):
    """The task was stopped or cancelled before its function returned."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} was stopped: {reason}")
        self.path = path
        self.reason = reason


class Task(Generic[T]):
    """One run of one function. A task is ready at once; the value it is ready with is itself."""

    def __init__(
        self, function: Callable[..., Awaitable[T]], *args: Any, timeout: float = INFINITY
    ) -> None:
        self.path = getattr(function, "__qualname__", "a task")  # its own, once it runs
        self._function = function
        self._args = args
        self._timeout = timeout
        self._scope = trio.CancelScope()
        self._cancelled: str | None = None
        self._over = trio.Event()
        self._value: T | None = None
        self._failure: Callable[[], SupervisionError] | None = None

    @classmethod
    def spec(
        cls,
        function: Callable[..., Awaitable[Any]],
        *args: Any,
        id: str,  # noqa: A002 -- OTP's word
        restart: Restart = Restart.TEMPORARY,
        timeout: float = INFINITY,
        shutdown: float = 5.0,
        backoff: Backoff = BACKOFF,
        significant: bool = False,
        name: str | None = None,
    ) -> ChildSpec:
        """Return a child spec that runs `function(*args)` once, for at most `timeout` seconds.

        With TRANSIENT a failed run is followed by another, with a Task of its own.
        Raises InvalidSpec for a PERMANENT one, or a wrong time.
        """
        if restart is Restart.PERMANENT:
            raise InvalidSpec(id, "restart", "PERMANENT would run a task again and again")
        if not timeout > 0:
            raise InvalidSpec(id, "timeout", f"{timeout!r} must be seconds > 0 or INFINITY")

        async def start(context: Context) -> None:
            await cls(function, *args, timeout=timeout).run(context)

        return ChildSpec(
            id=id,
            start=start,
            restart=restart,
            shutdown=shutdown,
            backoff=backoff,
            significant=significant,
            name=name,
            kind="task",
        )

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def result(self, *, timeout: float) -> T:  # noqa: ASYNC109 -- as Ref.call
        """Return what the function returned; any number of holders, any number of times.

        Raises TaskFailed, TaskTimeout or TaskStopped if it did not return, and CallTimeout after
        `timeout` seconds. Neither that nor a cancelled wait does anything to the task.
        """
        with trio.move_on_after(timeout):
            await self._over.wait()
        if not self._over.is_set():
            raise CallTimeout(self.path, timeout)
        if self._failure is not None:
            raise self._failure()
        return cast("T", self._value)

    def cancel(self, reason: str) -> None:
        """Cancel the function, also one that has yet to begin; too late is no error."""
        self._cancelled = self._cancelled or reason
        self._scope.cancel(reason=reason)

    async def run(self, context: Context) -> None:
        """Be the child: run the function, keep its result, and crash if it failed."""
        self.path = path = context.path
        self._failure = lambda: TaskStopped(path, self._cancelled or "its supervisor stopped it")
        context.ready(self)
        self._scope.deadline = trio.current_time() + self._timeout
        try:
            with self._scope:
                self._value = await self._function(*self._args)
                self._failure = None
        except Exception as raised:
            self._failure = partial(TaskFailed, path, collapse(raised))
            raise
        else:
            if self._scope.cancelled_caught and self._cancelled is None:
                self._failure = partial(TaskTimeout, path, self._timeout)
                raise self._failure()
        finally:
            self._over.set()


class TaskSupervisor:
    """Runs tasks below the dynamic supervisor at `path`, such as "root/platform/tasks".

    Put `spec()` there. The caller of a task that fails gets an error, once, and lives on, as with
    OTP's async_nolink; the task is not restarted, and costs nobody's budget.
    """

    def __init__(self, path: str, *, max_tasks: int = 1000, shutdown: float = 5.0) -> None:
        self.path = path
        self._max_tasks = max_tasks
        self._shutdown = shutdown
        self._numbers = itertools.count(1)
        self._coming: dict[str, Task[Any]] = {}

    def spec(self, **fields: Any) -> DynamicSpec:
        """Return the supervisor's spec; `fields` are DynamicSpec's."""
        own_id = self.path.rpartition("/")[2]
        return DynamicSpec(id=own_id, template=self._make, max_children=self._max_tasks, **fields)

    async def start(
        self,
        tree: "Tree",
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float,  # noqa: ASYNC109 -- the task's
    ) -> Task[T]:
        """Start `function(*args)` for at most `timeout` seconds, and return its handle.

        Raises NoChild if the supervisor is not there, ChildRefused if it is full.
        """
        task = Task(function, *args, timeout=timeout)
        await self._start(tree, task)
        return task

    async def run(
        self,
        tree: "Tree",
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float,  # noqa: ASYNC109 -- the task's
        cancel_with_caller: bool = False,
    ) -> T:
        """Start a task and return its result; raises as `start` and `Task.result` do.

        If the caller is cancelled the task goes on, unless `cancel_with_caller`.
        """
        task = Task(function, *args, timeout=timeout)
        try:
            await self._start(tree, task)
            return await task.result(timeout=timeout + CLEANUP_SECONDS_MAX)
        except trio.Cancelled:
            if cancel_with_caller:
                task.cancel("its caller was cancelled")
            raise

    async def _start(self, tree: "Tree", task: Task[Any]) -> None:
        readable = re.sub(r"[^A-Za-z0-9_.:-]", "_", task.path)
        key = f"{readable}-{next(self._numbers)}"
        self._coming[key] = task
        try:
            await tree.start_child(self.path, key)
        finally:
            self._coming.pop(key, None)

    def _make(self, key: str) -> ChildSpec:
        task = self._coming.get(key)
        if task is None:
            raise InvalidSpec(f"{self.path}/{key}", "key", "is no task of this supervisor")
        return ChildSpec(
            id=key,
            start=task.run,
            restart=Restart.TEMPORARY,
            shutdown=self._shutdown,
            kind="task",
        )
