"""`python -m fluxiq`, `python run.py` and the command `fluxiq` are all the same."""

from fluxiq.commands import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
