"""A resource's methods, written once for both clients.

    class Charges(Resource[C]):
        @Call
        def get(self, charge_id: str) -> Request[Charge]: ...

The method says what is sent. Of a `Charges[Connection]` it is a function that gives a Charge, of a
`Charges[AsyncConnection]` one that gives a coroutine of it, and type checkers know. At run time it
is the same line: a connection's `run`.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from fluxiq.sdk.connections import AsyncConnection, Connection
from fluxiq.sdk.paging import AsyncPages, Pages
from fluxiq.sdk.request import Page, Request

C = TypeVar("C", bound=Connection | AsyncConnection)
P = ParamSpec("P")
T = TypeVar("T")


class Resource(Generic[C]):
    """What can be asked of one part of the API."""

    def __init__(self, connection: C) -> None:
        self._connection = connection


class Call(Generic[P, T]):
    """A method that sends one request and gives its result."""

    def __init__(self, build: Callable[Concatenate[Any, P], Request[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Resource[Connection], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, instance: Resource[AsyncConnection], owner: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self

        @wraps(self._build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance._connection.run(self._build(instance, *args, **kwargs))  # noqa: SLF001

        return call


class List(Generic[P, T]):
    """A method that gives a list; nothing is sent until somebody looks at it."""

    def __init__(self, build: Callable[Concatenate[Any, P], Request[Page[T]]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Resource[Connection], owner: type) -> Callable[P, Pages[T]]: ...
    @overload
    def __get__(
        self, instance: Resource[AsyncConnection], owner: type
    ) -> Callable[P, AsyncPages[T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self

        @wraps(self._build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            connection = instance._connection  # noqa: SLF001
            pages = Pages if isinstance(connection, Connection) else AsyncPages
            return pages(connection, self._build(instance, *args, **kwargs))

        return call
