"""Places in code: the frames of a traceback, or of a stack that runs right now."""

import sys
from collections.abc import Iterator
from functools import lru_cache
from types import FrameType, TracebackType
from typing import NamedTuple

FILES_REMEMBERED_MAX = 4096


class Place(NamedTuple):
    """A line of a function. `offset` is counted from the function's first line."""

    module: str
    function: str
    file: str
    line: int
    offset: int

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


def places_of(traceback: TracebackType | None) -> Iterator[Place]:
    """Yield where an exception passed, outermost first."""
    while traceback is not None:
        yield _place(traceback.tb_frame, traceback.tb_lineno)
        traceback = traceback.tb_next


def place_of(frame: FrameType) -> Place:
    """Return where a frame is now."""
    return _place(frame, frame.f_lineno)


def _place(frame: FrameType, line: int | None) -> Place:
    code = frame.f_code
    at = code.co_firstlineno if line is None else line  # None: an instruction of no line
    module = frame.f_globals.get("__name__", code.co_filename)
    file = _short(code.co_filename)
    return Place(str(module), code.co_qualname, file, at, at - code.co_firstlineno)


@lru_cache(maxsize=FILES_REMEMBERED_MAX)
def _short(filename: str) -> str:
    """Say a file as whoever imported it would: without the folder that it was found in."""
    folders = [folder.rstrip("/") + "/" for folder in sys.path if folder]
    found = max((one for one in folders if filename.startswith(one)), key=len, default="")
    return filename.removeprefix(found)
