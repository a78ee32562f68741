"""One provider link of an institution: its connections, its breaker, and what can be seen of it."""

from collections.abc import Mapping

import trio

from actors.branch import Branch
from fluxiq.domain.circuit import GAUGE, Circuit
from fluxiq.providers import GatewayConnection, open_provider
from fluxiq.settings.providers import ProviderLink
from supervisors import ChildSpec, Context

LOOK_SECONDS = 15.0  # after so long a replaced certificate is in use on every connection


def gateway_connection(branch: Branch, link: ProviderLink) -> ChildSpec:
    """Open for as long as the child runs. A provider that is away is weather: it rides it out."""
    slot = branch.provider(link.name)

    async def start(context: Context) -> None:
        address = branch.platform.provider_address(branch.institution, link)
        watch = LinkWatch(context, branch, link.name)
        seconds_max = branch.platform.settings.pix.send_seconds_max
        async with open_provider(address, seconds_max=seconds_max, watcher=watch) as connection:
            context.report(url=address.url)
            watch.circuit_changed(connection.provider.circuit)
            with slot.filled(connection.provider):
                context.ready()
                while True:
                    connection.refresh()
                    _show_certificate(branch, link, context, connection)
                    await trio.sleep(LOOK_SECONDS)

    return ChildSpec(id=link.name, start=start)


def _show_certificate(
    branch: Branch, link: ProviderLink, context: Context, connection: GatewayConnection
) -> None:
    left = connection.certificate_days_left(branch.platform.clock.now())
    if left is not None:
        gauge = branch.metrics.provider_certificate_days.labels(branch.ispb, link.name)
        gauge.set(left)
        context.report(certificate_days_left=int(left // 1))


class LinkWatch:
    """`providers.Watcher`: into the metrics, onto the board, and into the node of the tree."""

    def __init__(self, context: Context, branch: Branch, name: str) -> None:
        self._context = context
        self._metrics = branch.metrics
        self._board = branch.provider_board
        self._now = branch.platform.clock.now
        self._labels = (branch.ispb, name)

    def called(self, operation: str, outcome: str) -> None:
        self._metrics.provider_requests.labels(*self._labels, operation, outcome).inc()
        self._board.called(self._labels[1], outcome, self._now())

    def circuit_changed(self, circuit: Circuit) -> None:
        self._board.circuit_changed(self._labels[1], circuit)
        self._metrics.provider_breaker.labels(*self._labels).set(GAUGE[circuit.state])
        self._context.report(**_facts(circuit))


def _facts(circuit: Circuit) -> Mapping[str, object]:
    return {"breaker": circuit.state.value, "failures": circuit.failures}
