"""Draining: a process that is to be replaced takes no more work in, and finishes what it has.

The doors and the schedules stop (the shutdown phase `intake`); workers, ledger and couriers go on
with what is on paper. `/readyz` is behind the door: nobody answers there any more, which is what a
load balancer goes by. The `tree` says it in its first line.
"""

from typing import TYPE_CHECKING

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Verb
from actors.stopping import INTAKE

if TYPE_CHECKING:
    from actors.admin.desk import Desk


async def _drain(desk: "Desk", arguments: Arguments) -> object:
    reason = arguments.reason()
    arguments.done()
    await desk.tree.close_phase(INTAKE, reason=reason)
    return _told(desk)


async def _undrain(desk: "Desk", arguments: Arguments) -> object:
    reason = arguments.reason()
    arguments.done()
    await desk.tree.open_phase(INTAKE, reason=reason)
    return _told(desk)


def _told(desk: "Desk") -> object:
    """Each child of the intake and how it is: one that outlasted the limit is still `stopping`."""
    return {
        "drained": INTAKE in desk.tree.closed_phases,
        "children": [{"path": one.path, "state": one.state} for one in desk.tree.phase(INTAKE)],
    }


VERBS = Hooks(deeds={"drain": Verb(_drain, ("reason",)), "undrain": Verb(_undrain, ("reason",))})
