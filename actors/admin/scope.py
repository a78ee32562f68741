"""What people of one institution see of the desk, and may do at it: their own institution.

Whatever is not listed here is the platform's: a new verb is nobody's but its operators' until
somebody has thought about it, unless it names the institution that it is about.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from actors.admin.verbs import Verb
from fluxiq.errors import Refused
from supervisors import Node, Tree

INSTITUTIONS: Final = "root/institutions"
INSTITUTION: Final = "institution"  # the argument that says whose

# About a process, which `name` says.
_PROCESS_LOOKS: Final = frozenset(
    {"inspect", "statistics", "why", "explain", "get_state", "traced", "plan"}
)
_PROCESS_DEEDS: Final = frozenset({"restart", "stop", "suspend", "resume", "release", "trace"})
# Every verb whose `name` is that of a process; the last are the platform's.
PROCESS_VERBS: Final = _PROCESS_LOOKS | _PROCESS_DEEDS | {"start", "replace_state", "apply"}
# Their answers are sifted (sifting.py).
_SIFTED: Final = frozenset({"tree", "crashes", "crash", "approvals", "institutions", "verbs"})
_DECISIONS: Final = frozenset({"approvals_approve", "approvals_reject"})
# About one institution, and the platform's all the same: whether it is there at all.
_OF_THE_REGISTER: Final = frozenset(
    {"institution_suspend", "institution_resume", "institution_remove"}
)
# Of the branch itself: a dynamic supervisor forgets a child that is stopped, and then nobody of the
# institution could log in to start it again.
_NOT_TO_THE_BRANCH: Final = frozenset({"stop"})

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")  # of a crash: eight bytes


class Scope:
    """Of the people of one institution."""

    def __init__(self, ispb: str) -> None:
        self.ispb = ispb
        self.branch = f"{INSTITUTIONS}/{ispb}"

    def narrow(
        self, tree: Tree, verb: str, known: Verb, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The arguments, so that they mean nothing beyond the institution; names become paths.

        Raises Refused("not_an_operator").
        """
        if INSTITUTION in known.arguments and verb not in _OF_THE_REGISTER:
            if arguments.get(INSTITUTION) not in {None, self.ispb}:
                raise not_an_operator(verb)
            return {**arguments, INSTITUTION: self.ispb}
        if verb in _PROCESS_LOOKS | _PROCESS_DEEDS:
            path = self._resolve(tree, verb, arguments.get("name"))
            if path == self.branch and verb in _NOT_TO_THE_BRANCH:
                raise not_an_operator(f"{verb} of the institution as a whole")
            return {**arguments, "name": path}
        if verb == "crash" and not _FINGERPRINT.fullmatch(str(arguments.get("name"))):
            return {**arguments, "name": self._resolve(tree, verb, arguments.get("name"))}
        if verb in _SIFTED | _DECISIONS:
            return dict(arguments)
        raise not_an_operator(verb)

    def owns(self, path: str) -> bool:
        return path == self.branch or path.startswith(f"{self.branch}/")

    def nodes(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        """Those of the branch, in their order."""
        return tuple(node for node in nodes if self.owns(node.path))

    def concerns(self, arguments: Mapping[str, Any]) -> bool:
        """Whether what somebody proposed is about this institution and no other."""
        return arguments.get(INSTITUTION) == self.ispb or self.owns(str(arguments.get("name", "")))

    def _resolve(self, tree: Tree, verb: str, name: object) -> str:
        """As Tree.resolve, in the branch. What is elsewhere is told like what is nowhere."""
        nodes = self.nodes(tree.snapshot().nodes)
        found = [one.path for one in nodes if name in (one.path, one.name)] or [
            one.path for one in nodes if one.path.endswith(f"/{name}")
        ]
        if not found:
            raise not_an_operator(f"{verb} of what is not in {self.branch}")
        if len(found) > 1:
            raise Refused("ambiguous_name", f"{name} could be any of {', '.join(found)}")
        return found[0]

    def may_ask(self, verb: Mapping[str, Any]) -> bool:
        """Of a line of the list of verbs."""
        name = verb["verb"]
        if name in _OF_THE_REGISTER:
            return False
        listed = _PROCESS_LOOKS | _PROCESS_DEEDS | _SIFTED | _DECISIONS
        return INSTITUTION in verb["arguments"] or name in listed


def not_an_operator(what: str) -> Refused:
    return Refused(
        "not_an_operator", f"{what}: for operators of the platform, and yours is not one of them"
    )
