"""Looking: verbs that change nothing and wait for no actor, `get_state` apart."""

from typing import TYPE_CHECKING

import trio

from actors.admin.arguments import Arguments
from actors.admin.verbs import Verb
from actors.admin.views import event_view, node_view, plain, short_stack_line, spec_view, tree_view
from actors.masking import masked_texts

if TYPE_CHECKING:
    from actors.admin.desk import Desk


async def _tree(desk: "Desk", arguments: Arguments) -> object:
    arguments.done()
    return plain(tree_view(desk.tree))


async def _inspect(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    tree, now = desk.tree, trio.current_time()
    node = tree.snapshot().find(path)
    assert node is not None
    return {
        "node": plain(node_view(node, now)),
        "spec": spec_view(tree, path),
        "mailbox": None if node.mailbox is None else node.mailbox._asdict(),
        "mailbox_head": tree.mailbox_head(path) if node.mailbox is not None else (),
        "stack": [short_stack_line(line) for line in tree.stack(path)],
        "events": [event_view(event, now) for event in tree.flight(path)],
    }


async def _statistics(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    counts = desk.tree.statistics(path)
    mailbox = None if counts.mailbox is None else counts.mailbox._asdict()
    return {**counts._asdict(), "mailbox": mailbox, "admission": desk.tree.admission()._asdict()}


async def _why(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return [event_view(event, trio.current_time()) for event in desk.tree.why(path)]


async def _explain(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return desk.tree.explain(path)._asdict()


async def _get_state(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return masked_texts(await desk.tree.get_state(path))


async def _traced(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    now = trio.current_time()
    return [
        {
            "seconds_ago": now - entry.at,
            "what": entry.what,
            "message_type": entry.message_type,
            "waited": entry.waited,
            "took": entry.took,
        }
        for entry in desk.tree.traced(path)
    ]


async def _plan(desk: "Desk", arguments: Arguments) -> object:
    path = desk.path(arguments)
    changes = arguments.mapping("changes")
    arguments.done()
    plan = desk.tree.plan(path, changes)
    return {"path": path, "changes": plan.changes, "effects": plan.effects}


async def _verbs(desk: "Desk", arguments: Arguments) -> object:
    arguments.done()
    kinds = (("look", desk.verbs.looks), ("deed", desk.verbs.deeds))
    return [
        {"verb": name, "kind": kind, "arguments": verb.arguments}
        for kind, verbs in kinds
        for name, verb in verbs.items()
    ]


LOOKS: dict[str, Verb] = {
    "tree": Verb(_tree),
    "inspect": Verb(_inspect, ("name",)),
    "statistics": Verb(_statistics, ("name",)),
    "why": Verb(_why, ("name",)),
    "explain": Verb(_explain, ("name",)),
    "get_state": Verb(_get_state, ("name",)),
    "traced": Verb(_traced, ("name",)),
    "plan": Verb(_plan, ("name", "changes")),
    "verbs": Verb(_verbs),
}
