"""How long a test waits for what must come at all: it costs nothing where it comes.

Long enough for a machine that a dozen other processes share. A test whose statement is a time
keeps a bound of its own.
"""

from typing import Final

PATIENCE_SECONDS: Final = 60.0
