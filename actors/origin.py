"""What an actor decides by itself comes from its place in the tree, and the audit trail says so.

A branch is wrapped as a whole, so that no actor has to think of it.
"""

from collections.abc import Callable
from dataclasses import replace

from fluxiq.ports.origin import Origin, comes_from
from supervisors import ChildSpec, Context, DynamicSpec, SupervisorSpec

ACTOR = "actor"  # `supervisors.Actor.spec`'s kind


def with_origins(spec: SupervisorSpec) -> SupervisorSpec:
    """`spec`, with every actor below it saying where its changes come from."""
    return replace(spec, children=[_marked(child) for child in spec.children])


def _marked(
    spec: ChildSpec | SupervisorSpec | DynamicSpec,
) -> ChildSpec | SupervisorSpec | DynamicSpec:
    match spec:
        case SupervisorSpec():
            return with_origins(spec)
        case DynamicSpec():
            return replace(spec, template=_marked_template(spec.template))
        case ChildSpec():
            return _marked_child(spec)


def _marked_template(
    template: Callable[[str], ChildSpec | SupervisorSpec],
) -> Callable[[str], ChildSpec | SupervisorSpec]:
    def made(key: str) -> ChildSpec | SupervisorSpec:
        spec = template(key)
        return _marked_child(spec) if isinstance(spec, ChildSpec) else with_origins(spec)

    return made


def _marked_child(spec: ChildSpec) -> ChildSpec:
    if spec.kind == ACTOR:
        return spec  # the tree makes it by itself; none of them writes records

    async def start(context: Context) -> None:
        comes_from(Origin(address=context.path))
        await spec.start(context)

    return replace(spec, start=start)
