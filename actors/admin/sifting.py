"""The desk's answers without what is others': what a scope could not narrow in the question."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from actors.admin.scope import INSTITUTION, INSTITUTIONS, Scope
from fluxiq.errors import Refused

Sift = Callable[[Scope, Any], Any]

_ISPBS: Final = re.compile(rf"{INSTITUTIONS}/(\w+)")


def sift(scope: Scope, verb: str, answer: Any) -> Any:
    """Of plain data. Raises Refused for one thing that is not theirs to see."""
    sifted = _SIFTS.get(verb)
    return answer if sifted is None else sifted(scope, answer)


def _tree(scope: Scope, answer: Any) -> Any:
    return answer | {"nodes": [one for one in answer["nodes"] if scope.owns(one["path"])]}


def _crashes(scope: Scope, answer: Any) -> Any:
    own = [_crash_counted(scope, one) for one in answer["crashes"] if scope.owns(one["path"])]
    return answer | {"crashes": own}


def _crash(scope: Scope, answer: Any) -> Any:
    if not scope.owns(answer["path"]):
        raise Refused("no_child", "no crash of this name is in the book")
    # The supervisors above are others' as well, and so is what happened to them.
    above = {
        name: [one for one in answer["report"].get(name, ()) if scope.owns(one["path"])]
        for name in ("ancestors", "events")
    }
    return _crash_counted(scope, answer) | {"report": answer["report"] | above}


def _crash_counted(scope: Scope, page: dict[str, Any]) -> dict[str, Any]:
    """How often it was elsewhere is not told, nor whether it was there first."""
    own = {path: count for path, count in page["paths"].items() if scope.owns(path)}
    first = page["first"] if len(own) == len(page["paths"]) else None
    return page | {"paths": own, "count": sum(own.values()), "first": first}


def _approvals(scope: Scope, answer: Any) -> Any:
    own = [one for one in answer["approvals"] if scope.concerns(one["arguments"])]
    return answer | {"approvals": own}


def _institutions(scope: Scope, answer: Any) -> Any:
    return [one for one in answer if one["ispb"] == scope.ispb]


def _verification(scope: Scope, answer: Any) -> Any:
    """One run is about everybody whom anybody asked it about."""
    own = [one for one in answer["report"] if one[INSTITUTION] == scope.ispb]
    return answer | {"report": own}


def _verbs(scope: Scope, answer: Any) -> Any:
    return [one for one in answer if scope.may_ask(one)]


def _events(scope: Scope, answer: Any) -> Any:
    return [one for one in answer if scope.owns(one["path"])]


def _foreseen(scope: Scope, answer: Any) -> Any:
    own = {
        name: [path for path in answer[name] if scope.owns(path)]
        for name in ("stops", "restarts", "gives_up")
    }
    steps = [one for one in answer["steps"] if set(_ISPBS.findall(one)) <= {scope.ispb}]
    return answer | own | {"steps": steps}


_SIFTS: Final[Mapping[str, Sift]] = MappingProxyType(
    {
        "tree": _tree,
        "crashes": _crashes,
        "crash": _crash,
        "approvals": _approvals,
        "institutions": _institutions,
        "audit_verify": _verification,
        "verbs": _verbs,
        "why": _events,
        "explain": _foreseen,
    }
)
