"""Levels of the log that end by themselves: nobody can forget the platform at debug."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from fluxiq.telemetry import levels as module
from fluxiq.telemetry import logs
from fluxiq.telemetry.levels import Levels, TooManyChanges
from tests.support.written_logs import written_logs


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setattr(logs, "Levels", lambda settings: Levels(settings, clock))
    with written_logs() as written:
        yield written


def events(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_a_change_is_in_force_at_once_and_falls_back_by_itself_and_says_so(
    stream: io.StringIO, clock: Clock
) -> None:
    log = structlog.get_logger("weather")
    log.debug("before")
    logs.levels().change("debug", seconds=60)
    log.debug("during")
    clock.now += 60
    log.debug("after")
    log.info("still")

    assert events(stream) == ["during", "log_level_fell_back", "still"]


def test_looking_at_the_levels_ends_what_is_over_though_nobody_logs(
    stream: io.StringIO, clock: Clock
) -> None:
    logs.levels().change("error", "weather", seconds=60)
    clock.now += 59
    assert logs.levels().changes() == [("weather", "error", 1.0)]
    clock.now += 1
    assert logs.levels().changes() == []


def test_the_most_specific_name_wins_and_neighbours_keep_their_level(stream: io.StringIO) -> None:
    logs.levels().change("error", "fluxiq", seconds=60)
    logs.levels().change("debug", "fluxiq.api", seconds=60)
    structlog.get_logger("fluxiq.api").debug("door")
    structlog.get_logger("fluxiq.api.guard").debug("guard")
    structlog.get_logger("fluxiq.bus").warning("bus")
    structlog.get_logger("fluxiqx").debug("another")
    structlog.get_logger("fluxiqx").info("another_at_info")
    structlog.get_logger().info("nobody")

    assert events(stream) == ["door", "guard", "another_at_info", "nobody"]


def test_the_log_can_be_made_quieter_too(stream: io.StringIO) -> None:
    logs.levels().change("error", seconds=60)
    structlog.get_logger("tree").warning("restarting")
    structlog.get_logger("tree").error("crashed")

    assert events(stream) == ["crashed"]


def test_a_library_says_what_it_kept_to_itself_once_it_is_named(
    stream: io.StringIO, clock: Clock
) -> None:
    library = logging.getLogger("some.package")
    library.debug("chatter")
    logs.levels().change("debug", seconds=60)
    library.debug("chatter of all is not asked for")
    logs.levels().end()
    logs.levels().change("debug", "some", seconds=30)
    library.debug("asked for")
    clock.now += 30
    library.debug("over")
    library.info("and out")

    assert events(stream) == ["asked for", "log_level_fell_back"]
    assert logging.getLogger("some").level == logging.NOTSET


def test_ended_early_everything_is_as_the_settings_say(stream: io.StringIO) -> None:
    logs.levels().change("debug", "weather", seconds=60)
    logs.levels().change("debug", "some.package", seconds=60)
    logs.levels().end("weather")
    assert [area for area, _, _ in logs.levels().changes()] == ["some.package"]
    logs.levels().end()
    structlog.get_logger("weather").debug("quiet")

    assert (events(stream), logs.levels().changes()) == ([], [])
    assert logging.getLogger("some.package").level == logging.NOTSET


def test_a_change_of_the_same_area_replaces_the_one_before(stream: io.StringIO) -> None:
    logs.levels().change("debug", "weather", seconds=60)
    logs.levels().change("error", "weather", seconds=90)

    assert logs.levels().changes() == [("weather", "error", 90.0)]


def test_changes_are_bounded_and_so_are_the_names_that_are_kept(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARD_MAX", 3)
    for number in range(module.CHANGES_MAX):
        logs.levels().change("debug", f"area{number}", seconds=60)
    with pytest.raises(TooManyChanges):
        logs.levels().change("debug", "one.more", seconds=60)
    for number in range(10):
        structlog.get_logger(f"speaker{number}").info("here")

    assert logs.levels().heard() == ["speaker0", "speaker1", "speaker2"]


def test_without_a_configuration_there_are_no_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_levels", None)
    with pytest.raises(logs.LoggingNotSetUp):
        logs.levels()
