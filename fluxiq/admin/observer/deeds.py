"""What an operator can do to a process from here, and when it makes sense to ask."""

from collections.abc import Callable
from dataclasses import dataclass

from fluxiq.admin.observer.model import Known, Model


@dataclass(frozen=True, slots=True)
class Deed:
    """`verb` of the admin socket under `key`; `refusal` says why not now, or is empty."""

    key: str
    verb: str
    does: str
    refusal: Callable[[Known], str]


def _not_the_root(known: Known) -> str:
    return "" if "/" in known.view.path else "the root itself is stopped by stopping the platform"


def _runs_and_listens(known: Known) -> str:
    if known.view.strategy:
        return "it is a supervisor, and takes no mail"
    if known.view.suspended:
        return "it is suspended already"
    return "" if known.view.state == "running" else f"it is {known.view.state}, not running"


def _is_suspended(known: Known) -> str:
    return "" if known.view.suspended else "it is not suspended"


def _is_quarantined(known: Known) -> str:
    return "" if known.view.state == "quarantined" else f"it is {known.view.state}, not quarantined"


# Capitals, so that a slip of the finger moves the selection and nothing else.
DEEDS: tuple[Deed, ...] = (
    Deed("R", "restart", "stop it if it is up, and start it", _not_the_root),
    Deed("S", "suspend", "let it take no mail, or no round, until resumed", _runs_and_listens),
    Deed("U", "resume", "end its suspension", _is_suspended),
    Deed("L", "release", "let it out of quarantine with a fresh budget", _is_quarantined),
    Deed("X", "stop", "stop it; it stays down until restarted", _not_the_root),
)
BY_KEY = {deed.key: deed for deed in DEEDS}


def refusal(deed: Deed, path: str, model: Model, *, read_only: bool) -> str:
    """Why this cannot be done now; empty if it can. The platform has the last word anyway."""
    known = model.nodes.get(path)
    if read_only:
        return "this observer only looks: start it without --read-only"
    if not model.is_live:
        return f"the platform is {model.link}"
    if known is None:
        return "there is no such process any more"
    return deed.refusal(known)
