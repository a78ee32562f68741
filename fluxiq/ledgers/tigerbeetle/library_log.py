"""What TigerBeetle's library says: its warnings, kept by client and passed on when they are news.

The wheel installs a handler that gets every debug line, several per request, each of which would
take the interpreter's lock on the library's thread. This one gets warnings and errors alone. They
repeat with every retry, for as long as an outage lasts: the first of a kind in a row is logged.
"""

import ctypes
import logging
import re
from collections import OrderedDict
from typing import Any, Final

from tigerbeetle import bindings

CLIENTS_MAX: Final = 256

_LEVELS: Final = {bindings.LogLevel.ERR: logging.ERROR, bindings.LogLevel.WARN: logging.WARNING}
_CLIENT: Final = re.compile(r"\b(\d{20,39}): ?")
_log: Final = logging.getLogger("tigerbeetle")

# By client: the words it said last, and those said since the words before changed.
_said: Final[OrderedDict[int, str]] = OrderedDict()


def take_over() -> None:
    """Replace the wheel's handler, for this process."""
    for handler in (None, _on_line):
        status = bindings.tb_client_register_log_callback(handler, False)
        assert status == bindings.RegisterLogCallbackStatus.SUCCESS, f"log handler: {status}"


def last_words(client: int) -> str:
    """The last line about this client, without its id; empty when there is none."""
    return _said.get(client, "")


def forget(client: int) -> None:
    """Drop what a closed client said."""
    _said.pop(client, None)


def hear(level: int, line: str) -> None:
    """Keep a line and log it, unless the same client's last one was the same."""
    found = _CLIENT.search(line)
    client = int(found[1]) if found else 0
    words = _CLIENT.sub("", line)
    if _said.get(client) == words:
        return

    _said[client] = words
    if len(_said) > CLIENTS_MAX:
        _said.popitem(last=False)

    _log.log(_LEVELS.get(bindings.LogLevel(level), logging.DEBUG), "%s", words)


@bindings.LogHandler  # type: ignore[untyped-decorator,unused-ignore]
def _on_line(level: int, data: Any, size: int) -> None:
    try:
        hear(level, ctypes.string_at(data, size).decode(errors="replace"))
    except Exception:  # noqa: BLE001
        # On a thread of C, which must not see it; a log that cannot be written is no outage.
        _log.exception("a line of TigerBeetle's library could not be read")
