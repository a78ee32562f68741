"""The one entry: `python run.py --help`."""

import sys

try:
    from fluxiq.__main__ import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"FluxiQ is not installed in {sys.executable} (no module {missing.name!r}):"
        " run `make install`, then `.venv/bin/python run.py`."
    )

if __name__ == "__main__":
    main()
