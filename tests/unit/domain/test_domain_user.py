"""A person with a password: locked out for failures, locked by others, removed for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fluxiq.domain.roles import Role
from fluxiq.domain.user import (
    TRANSITIONS,
    Locked,
    LockOut,
    PasswordChosen,
    PasswordReset,
    Removed,
    Renamed,
    RoleGiven,
    TotpConfirmed,
    TotpOffered,
    TotpRemoved,
    Unlocked,
    User,
    UserChange,
    UserEvent,
    UserStatus,
    advance,
    begin_attempt,
    changed,
    is_acting_owner,
)
from fluxiq.errors import Refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LOCK_OUT = LockOut(failures=3, seconds=10.0, seconds_max=35.0)


def person(**said: Any) -> User:
    values: dict[str, Any] = {
        "id": "usr_1",
        "merchant_id": "mch_1",
        "document": "52998224725",
        "name": "Maria",
        "role": Role.OWNER,
        "status": UserStatus.ACTIVE,
        "password_hash": "old",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return User(**(values | said))


# describe begin_attempt


def test_failures_are_counted_before_anybody_looks_and_the_delay_grows_to_its_limit() -> None:
    user, now, delays = person(), NOW, []
    for _ in range(6):
        begun = begin_attempt(user, LOCK_OUT, now)
        assert begun is not None
        until = begun.locked_until
        delays.append(0.0 if until is None else (until - now).total_seconds())
        user, now = begun, until or now
    assert delays == [0, 0, 10, 20, 35, 35]
    assert user.failures == 6


def test_nobody_begins_while_locked_out_nor_while_locked_nor_when_removed() -> None:
    out = person(failures=3, locked_until=NOW + timedelta(seconds=1))
    assert begin_attempt(out, LOCK_OUT, NOW) is None
    assert begin_attempt(out, LOCK_OUT, NOW + timedelta(seconds=1)) is not None
    for status in (UserStatus.LOCKED, UserStatus.REMOVED):
        assert begin_attempt(person(status=status), LOCK_OUT, NOW) is None


def test_a_million_failures_overflow_nothing() -> None:
    assert LOCK_OUT.seconds_after(1_000_000) == 35.0


# describe advance


def test_every_event_in_every_status_is_decided() -> None:
    for status in UserStatus:
        for event in UserEvent:
            if status is UserStatus.REMOVED:
                with pytest.raises(Refused, match="removed"):
                    advance(status, event)
            else:
                assert advance(status, event) is TRANSITIONS[status, event]


# describe changed


@pytest.mark.parametrize(
    "change",
    [Locked(), Unlocked(), Removed(), Renamed(name="x"), RoleGiven(role=Role.OPERATOR)],
)
def test_who_was_removed_does_not_change(change: UserChange) -> None:
    with pytest.raises(Refused) as caught:
        changed(person(status=UserStatus.REMOVED), change, LATER)
    assert caught.value.code == "user_not_found"


def test_unlocking_also_ends_a_lock_out() -> None:
    user = person(status=UserStatus.LOCKED, failures=9, locked_until=LATER)
    after = changed(user, Unlocked(), LATER)
    assert (after.status, after.failures, after.locked_until) == (UserStatus.ACTIVE, 0, None)


def test_what_changes_nothing_keeps_the_moment() -> None:
    assert changed(person(), Renamed(name="Maria"), LATER) == person()
    assert changed(person(), Renamed(name="Ana"), LATER).updated_at == LATER


def test_a_password_is_chosen_by_who_knew_the_last_one() -> None:
    after = changed(
        person(one_time_until=LATER), PasswordChosen(seen="old", password_hash="new"), LATER
    )
    assert (after.password_hash, after.one_time_until) == ("new", None)
    with pytest.raises(Refused) as caught:
        changed(after, PasswordChosen(seen="old", password_hash="newer"), LATER)
    assert caught.value.code == "user_changed"


def test_a_reset_leaves_the_second_factor_unless_told() -> None:
    user = person(totp_secret=b"s", totp_step=7, recovery_codes=(b"c",), failures=4)
    kept = changed(user, PasswordReset(password_hash="one", until=LATER), NOW)
    assert (kept.one_time_until, kept.failures, kept.totp_secret) == (LATER, 0, b"s")
    gone = changed(user, PasswordReset(password_hash="one", until=LATER, without_totp=True), NOW)
    assert (gone.totp_secret, gone.totp_step, gone.recovery_codes) == (None, None, ())


def test_a_second_factor_is_offered_confirmed_and_removed() -> None:
    offered = changed(person(), TotpOffered(secret=b"s"), LATER)
    assert (offered.totp_pending, offered.totp_secret) == (b"s", None)
    with pytest.raises(Refused):
        changed(offered, TotpConfirmed(secret=b"other", step=1, recovery_codes=()), LATER)

    confirm = TotpConfirmed(secret=b"s", step=1, recovery_codes=(b"c",))
    confirmed = changed(offered, confirm, LATER)
    assert (confirmed.totp_pending, confirmed.totp_secret, confirmed.totp_step) == (None, b"s", 1)
    with pytest.raises(Refused):
        changed(confirmed, TotpOffered(secret=b"t"), LATER)
    assert changed(confirmed, TotpRemoved(), LATER).totp_secret is None


def test_an_acting_owner_is_active() -> None:
    assert is_acting_owner(person())
    assert not is_acting_owner(person(status=UserStatus.LOCKED))
    assert not is_acting_owner(person(role=Role.MANAGER))
