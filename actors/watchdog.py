"""Says who holds up the event loop, while it is still held up."""

import structlog

from actors.platform import Platform
from supervisors import ChildSpec, Context, Stall, StallWatchdog

_log = structlog.get_logger("watchdog")


def stall_watchdog(platform: Platform) -> ChildSpec:
    """Tells stalls to the log from its own thread, and counts them in its node of the tree."""

    async def start(context: Context) -> None:
        limit = platform.settings.diagnostics.stall_seconds
        root, _, _ = context.path.partition("/")
        watchdog = StallWatchdog(limit, _tell, root_path=root)

        def count() -> None:
            context.report(stalls=watchdog.stalls, longest=f"{watchdog.longest:.1f}s")

        context.ready()
        await watchdog.run(count)

    return ChildSpec(id="stall_watchdog", start=start)


def _tell(stall: Stall) -> None:
    facts = {
        "actor": stall.path,
        "seconds": round(stall.seconds, 3),
        "cpu_seconds": round(stall.cpu_seconds, 3),
    }
    if stall.over:
        _log.warning("loop_stall_ended", **facts)
    else:
        # Not `stack`: structlog keeps that name for a text.
        _log.error("loop_stalled", **facts, frames=list(stall.stack))
