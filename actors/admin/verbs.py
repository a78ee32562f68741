"""All verbs of a desk: those that every platform has, and those that its rooms contribute.

A room contributes a look or a deed as a `Verb` in `Hooks`; what it works on is in its closure:

    async def status(desk: Desk, arguments: Arguments) -> object:
        arguments.done()
        return {"state": breaker.state}

    Hooks(looks={"breaker": Verb(status)})
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from actors.admin.arguments import Arguments

if TYPE_CHECKING:
    from actors.admin.desk import Desk

Run: TypeAlias = "Callable[[Desk, Arguments], Awaitable[object]]"

# Answered by the socket itself, line after line.
RESERVED = ("watch",)
# Read by the desk before the deed: no deed has to name it.
YES = "yes"
ALONE = "alone"  # of a deed for two: without the second one


@dataclass(frozen=True, slots=True)
class Verb:
    """How it is answered, and the names of the arguments it reads. `for_two`: a deed that one
    operator proposes and another one approves, where the platform asks for that.
    """

    run: Run
    arguments: tuple[str, ...] = ()
    for_two: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Verbs by name. A deed changes something: it needs `yes`, and is written down."""

    looks: Mapping[str, Verb] = field(default_factory=dict)
    deeds: Mapping[str, Verb] = field(default_factory=dict)


class VerbTaken(Exception):
    """Two rooms contribute a verb of the same name."""


def merged(*tables: Hooks) -> Hooks:
    """All of them as one. Raises VerbTaken."""
    looks: dict[str, Verb] = {}
    deeds: dict[str, Verb] = {}
    taken = set(RESERVED)
    for table in tables:
        for into, verbs in ((looks, table.looks), (deeds, table.deeds)):
            for name, verb in verbs.items():
                if name in taken:
                    raise VerbTaken(f"the verb {name!r} is there already")
                taken.add(name)
                into[name] = verb
    return Hooks(looks=looks, deeds=deeds)
