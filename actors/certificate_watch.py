"""Looks at every certificate that we are configured with, and says in time that one expires.

`fluxiq_certificate_expires_seconds{institution, provider, kind}` is for the alarm of whoever looks
at metrics; the log has a warning from 30 days on and an error from 7, once a day; `inspect` of this
process lists them.
"""

from typing import Final

import structlog
import trio

from actors.platform import Platform
from fluxiq.errors import StartRefused
from fluxiq.providers.certificates import (
    SECONDS_A_DAY,
    Urgency,
    Watched,
    expiry_of,
    urgency_of,
    watched,
)
from supervisors import ChildSpec, Context

LOOK_SECONDS: Final = 60.0

_LEVELS: Final = {Urgency.SOON: "warning", Urgency.URGENT: "error", Urgency.EXPIRED: "error"}

_log = structlog.get_logger("certificates")


def certificate_watch(platform: Platform) -> ChildSpec:
    async def start(context: Context) -> None:
        watch = CertificateWatch(platform)
        context.ready()
        while True:
            await watch.look(context)
            await trio.sleep(LOOK_SECONDS)

    return ChildSpec(id="certificate_watch", start=start)


class CertificateWatch:
    """Remembers what it has said: each thing once, and again the next day."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._said: dict[Watched, object] = {}

    async def look(self, context: Context) -> None:
        """Once at everything. Institutions may have come and gone meanwhile."""
        platform = self._platform
        every = list(watched(platform.register.all(), platform.settings.http.tls))
        self._said = {one: said for one, said in self._said.items() if one in set(every)}
        found = {one: self._read(one) for one in every}

        gauge = platform.metrics.certificate_expires
        gauge.clear()
        facts = {}
        for one, seconds in found.items():
            name = ":".join(filter(None, (one.institution, one.provider, one.kind)))
            facts[name] = "unreadable" if seconds is None else f"{seconds // SECONDS_A_DAY:g} days"
            if seconds is not None:
                gauge.labels(one.institution, one.provider, one.kind).set(seconds)
                self._tell(one, seconds)
        context.report(certificates=facts)

    def _read(self, one: Watched) -> float | None:
        """Seconds until it expires; None where nobody can say. Files of a few KB, on a disk of this
        machine.
        """
        try:
            return (expiry_of(one) - self._platform.clock.now()).total_seconds()
        except StartRefused as refused:
            if self._said.get(one) != str(refused):
                self._said[one] = str(refused)
                _log.error("certificate_unreadable", **_named(one), reason=str(refused))
            return None

    def _tell(self, one: Watched, seconds: float) -> None:
        urgency, days = urgency_of(seconds), int(seconds // SECONDS_A_DAY)
        before, self._said[one] = self._said.get(one), (urgency, days)
        if urgency is Urgency.FINE or before == (urgency, days):
            return
        event = "certificate_expired" if urgency is Urgency.EXPIRED else "certificate_expires"
        getattr(_log, _LEVELS[urgency])(event, **_named(one), days_left=days)


def _named(one: Watched) -> dict[str, str]:
    return {
        "institution": one.institution,
        "provider": one.provider,
        "kind": one.kind.value,
        "file": one.path,
    }
