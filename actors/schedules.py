"""What happens by the clock: looking for what a crash left between two rooms, expiring charges."""

import trio

from actors.branch import Branch
from actors.stopping import INTAKE
from actors.weather import Weather
from fluxiq.errors import Unavailable, Unknown
from fluxiq.services.sweep import enquire_unanswered, expire_charges, resume_unheld
from supervisors import ChildSpec, Context

ROUND_SECONDS = 1.0


def schedules(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        weather = Weather(context.path)
        context.ready()
        while True:
            await trio.sleep(ROUND_SECONDS)
            await context.turn()
            try:
                tenant = branch.tenant.get()
                await resume_unheld(tenant)
                await enquire_unanswered(tenant)
                await expire_charges(tenant)
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)

    return ChildSpec(id="schedules", start=start, phase=INTAKE)
