"""The operators' desk, as people of an institution reach it over the API.

The same desk as the admin socket's (docs/admin-socket.md): its verbs, its book of deeds, its
approvals. Whoever operates the whole platform sees all of it; anybody else their institution.
"""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from msgspec import Struct


class Operator(Struct, frozen=True, kw_only=True):
    """A person of an institution who asks, by one request. `of_platform`: whether theirs is one of
    the institutions that operate the platform (`[operators] institutions`).
    """

    user_id: str
    ispb: str
    of_platform: bool
    address: str = ""
    request_id: str = ""


class OperationsDesk(Protocol):
    """Answers are plain data, as JSON has it: what docs/admin-socket.md says of the verb.

    The argument `institution` is the operator's own unless told; None asks about all of them, where
    a verb can. All raise Refused: unknown_verb, validation_failed, not_an_operator for what is not
    the operator's to see or to do, and what the verb refuses; and Unavailable.
    """

    async def look(self, operator: Operator, verb: str, /, **arguments: Any) -> Any:
        """Ask for what changes nothing."""

    async def act(self, operator: Operator, verb: str, /, *, reason: str, **arguments: Any) -> Any:
        """Do it, and write down who did and why.

        Raises Refused also: needs_approval, with `approval_id` and `expires_at` in its details,
        where another person has to approve it first; not_over_http for what would end the API;
        still_running where it takes longer than a request may: it goes on, and its outcome is
        written down under the operator's `request_id`.
        """

    def watch_tree(self, operator: Operator) -> AsyncGenerator[dict[str, Any], None]:
        """The tree, as the verb `tree` has it, then its changes, at most four a second, as `watch`
        has them. A slow reader gets one change over all it missed. Ends with the tree.
        """
