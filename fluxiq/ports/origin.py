"""Where a change comes from, beside who is accountable for it: for the audit trail.

It travels as a context variable, so that no use case has to hand it on: set at the Door for a
request, at the desk for an operator's verb, at its start for an actor. Calls of many callers that
are done as one batch take it along in their own records, for a batch is run by one of its callers.
"""

from contextvars import ContextVar, Token
from typing import Final

from msgspec import Struct


class Origin(Struct, frozen=True, kw_only=True):
    """`credential` is the id of the API key, or the operator's unix user; `address` the client's
    network address, or the actor's path in the tree. Empty: there is none.
    """

    credential: str = ""
    address: str = ""
    request_id: str = ""


NOWHERE: Final = Origin()
_ORIGIN: Final = ContextVar("origin", default=NOWHERE)


def origin() -> Origin:
    """Of whoever asks."""
    return _ORIGIN.get()


def comes_from(where: Origin) -> Token[Origin]:
    """From now on, in this task and in those it starts."""
    return _ORIGIN.set(where)


def comes_from_before(token: Token[Origin]) -> None:
    """As it was before `comes_from` gave out `token`."""
    _ORIGIN.reset(token)
