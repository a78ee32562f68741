"""Writes the request log of an institution: what the door noted, gathered for a moment.

Losing Redis loses lines, never a request: they are dropped, counted, and said once.
"""

from actors.branch import Branch
from actors.weather import Weather
from fluxiq.errors import Unavailable
from supervisors import ChildSpec, Context


def request_log(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        weather, tenant = Weather(context.path), branch.tenant.get()
        dropped = branch.metrics.requests_not_logged.labels(branch.ispb)
        book, told = tenant.request_book, tenant.request_book.dropped
        context.ready()
        while True:
            await context.turn()
            await book.gathered()
            try:
                await book.write(tenant.request_log)
                weather.cleared()
            except Unavailable as error:
                weather.met(error)
            dropped.inc(book.dropped - told)
            told = book.dropped

    return ChildSpec(id="request_log", start=start)
