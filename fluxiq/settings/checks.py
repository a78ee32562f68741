"""What no single value says: together they must leave room for one another."""

from collections.abc import Mapping
from ipaddress import ip_network

from fluxiq.errors import SettingsInvalid
from fluxiq.settings.sections import LEDGER_CALL_SECONDS_MAX, Settings
from fluxiq.settings.tls import check_tls


def check_together(settings: Settings, origin: Mapping[str, str]) -> None:
    """Raises SettingsInvalid naming the key and, by `origin`, who said it."""
    _check_ledger(settings, origin)
    _check_reconciliation(settings, origin)
    _check_proxies(settings, origin)
    check_tls(settings.http.tls, origin.get("http.tls", "the settings"))


def _check_ledger(settings: Settings, origin: Mapping[str, str]) -> None:
    ledger = settings.ledger
    checks = (
        (
            int(settings.tigerbeetle.cluster) < 2**128,
            "tigerbeetle.cluster",
            "has more than 128 bits",
        ),
        (
            ledger.suspect_seconds_max >= ledger.deadline_seconds,
            "ledger.suspect_seconds_max",
            "is shorter than deadline_seconds: no probe could end",
        ),
        (
            ledger.open_seconds_max >= ledger.open_seconds,
            "ledger.open_seconds_max",
            "is shorter than open_seconds",
        ),
        (
            ledger.patience_seconds < LEDGER_CALL_SECONDS_MAX,
            "ledger.patience_seconds",
            f"must be below {LEDGER_CALL_SECONDS_MAX:g}, after which a caller leaves",
        ),
        (
            ledger.institution_cap >= ledger.account_cap,
            "ledger.institution_cap",
            "is less than account_cap",
        ),
    )
    for good, key, problem in checks:
        if not good:
            raise SettingsInvalid(
                f"setting {key!r} in {origin.get(key, 'the settings')}: {problem}"
            )


def _check_reconciliation(settings: Settings, origin: Mapping[str, str]) -> None:
    """What is looked at every hour must overlap, and be more than its own edge."""
    key = "reconciliation.recent_seconds"
    if settings.reconciliation.recent_seconds <= settings.reconciliation.margin_seconds:
        source = origin.get(key, "the settings")
        raise SettingsInvalid(f"setting {key!r} in {source}: is not longer than margin_seconds")


def _check_proxies(settings: Settings, origin: Mapping[str, str]) -> None:
    for text in settings.http.trusted_proxies:
        try:
            ip_network(text)
        except ValueError:
            source = origin.get("http.trusted_proxies", "the settings")
            raise SettingsInvalid(
                f"setting 'http.trusted_proxies' in {source}: {text!r} is neither an address nor a "
                "network such as 10.0.0.0/24"
            ) from None
