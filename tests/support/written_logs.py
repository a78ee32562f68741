"""The log of this process, written to a text for as long as one asks, and then as it was before.

Levels are the process's own: one left behind makes the next test of the same worker find a log
where it expects none.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import structlog

from fluxiq.settings import Log
from fluxiq.telemetry import logs


@contextmanager
def written_logs(level: str = "info") -> Iterator[io.StringIO]:
    """Lines of JSON."""
    root, written = logging.getLogger(), io.StringIO()
    root_level, handlers, before = root.level, list(root.handlers), structlog.get_config()
    with mock.patch.object(logs, "_levels", None):
        logs.configure(Log(format="json", level=level), written)
        try:
            yield written
        finally:
            logs.levels().end()
            structlog.configure(**before)
            root.setLevel(root_level)
            root.handlers[:] = handlers
