"""How the Postgres side of the ledger is called, and what its failures mean."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

import asyncpg
from asyncpg.pgproto.pgproto import UUID

from fluxiq.domain.ledger_records import ID_MAX
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.parts import Fenced

T = TypeVar("T")
P = ParamSpec("P")
Connection: TypeAlias = asyncpg.Connection
Unit: TypeAlias = Callable[Concatenate[Connection, P], Coroutine[Any, Any, T]]

# How a function says that the journal or the books are not what they must be, and the tables that
# they refuse it.
BROKEN = (
    asyncpg.AssertError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.NoDataFoundError,
)


class Pool(Protocol):
    """Runs units of work on Postgres (`fluxiq.stores.pool.Postgres`). Raises Unavailable."""

    async def run(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def transaction(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


@dataclass(slots=True)
class Progress:
    """Whether a commit may be on its way: once the write is sent, only an answer would tell."""

    committing: bool = False


@contextmanager
def outages(reference: str = "", progress: Progress | None = None) -> Iterator[None]:
    """Outages of Postgres as the ledger's: Unknown when the write `reference` may be committed.

    A statement that was fenced is Fenced.
    """
    try:
        yield
    except asyncpg.ObjectNotInPrerequisiteStateError as error:
        raise Fenced(str(error)) from error
    except Unavailable as error:
        if progress is not None and progress.committing and not _rolled_back(error.__cause__):
            raise Unknown("ledger", reference, str(error)) from error

        raise Unavailable("ledger", str(error), retry_after=error.retry_after) from error


def uuid_of(number: int) -> UUID:
    # asyncpg's own class: a quarter of the time of uuid.UUID(int=...), and a batch makes thousands.
    return UUID(number.to_bytes(16))


def uuids_of(numbers: Iterable[int]) -> list[UUID]:
    """Each id once; 0 and the largest name nothing."""
    return [uuid_of(number) for number in {*numbers} if 0 < number < ID_MAX]


def _rolled_back(cause: BaseException | None) -> bool:
    """An ERROR is the server's word that nothing was committed. A FATAL one ends the session, and
    may do so right after a commit; anything else is no word of the server at all.
    """
    return isinstance(cause, asyncpg.PostgresError) and cause.severity_en == "ERROR"
