"""Changes that actors make come from their places in the tree, however deep they are."""

from collections.abc import Callable

import trio

from actors.origin import with_origins
from fluxiq.ports.origin import origin
from supervisors import ChildSpec, Context, DynamicSpec, Strategy, SupervisorSpec, open_tree


def worker(own_id: str, said: dict[str, str]) -> ChildSpec:
    """Says where its changes come from, and those of a task it starts."""

    async def start(context: Context) -> None:
        said[own_id] = origin().address

        async def helper() -> None:
            said[f"{own_id} helper"] = origin().address

        async with trio.open_nursery() as nursery:
            nursery.start_soon(helper)
        context.ready()
        await trio.sleep_forever()

    return ChildSpec(id=own_id, start=start)


def supervisor(own_id: str, *children: ChildSpec | SupervisorSpec | DynamicSpec) -> SupervisorSpec:
    return SupervisorSpec(id=own_id, strategy=Strategy.ONE_FOR_ONE, children=children)


async def test_every_child_of_a_branch_says_its_path() -> None:
    said: dict[str, str] = {}
    template: Callable[[str], ChildSpec] = lambda key: worker(key, said)  # noqa: E731 - one word
    branch = supervisor(
        "branch",
        worker("first", said),
        supervisor("inner", worker("second", said)),
        DynamicSpec(id="many", template=template, keys=("third",)),
    )
    async with open_tree(supervisor("root", with_origins(branch), worker("outside", said))):
        pass
    assert said == {
        "first": "root/branch/first",
        "first helper": "root/branch/first",
        "second": "root/branch/inner/second",
        "second helper": "root/branch/inner/second",
        "third": "root/branch/many/third",
        "third helper": "root/branch/many/third",
        "outside": "",
        "outside helper": "",
    }
