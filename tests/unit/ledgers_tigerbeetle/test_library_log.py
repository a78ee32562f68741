"""What the library logs: kept by client, and told once for as long as it repeats itself."""

import logging

import pytest

from fluxiq.ledgers.tigerbeetle import library_log

CLIENT = 190434787639190983433080381036686763665
REFUSED = f"(message_bus): {CLIENT}: on_connect: error to=0 error.ConnectionRefused"
CONNECTED = f"(message_bus): {CLIENT}: on_connect: connected to=0"
ERROR, WARNING = 0, 1


def test_the_last_words_of_a_client_are_kept_until_it_is_forgotten() -> None:
    library_log.hear(ERROR, REFUSED)
    library_log.hear(WARNING, CONNECTED)

    assert library_log.last_words(CLIENT) == "(message_bus): on_connect: connected to=0"
    library_log.forget(CLIENT)
    assert library_log.last_words(CLIENT) == ""


def test_what_repeats_itself_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        library_log.hear(ERROR, REFUSED)
    library_log.hear(WARNING, CONNECTED)
    library_log.hear(ERROR, REFUSED)
    library_log.forget(CLIENT)

    assert [record.levelno for record in caplog.records] == [
        logging.ERROR,
        logging.WARNING,
        logging.ERROR,
    ]


def test_clients_that_nobody_closed_do_not_pile_up() -> None:
    for number in range(library_log.CLIENTS_MAX + 10):
        library_log.hear(ERROR, f"(vsr): {10**30 + number}: it went wrong")

    assert len(library_log._said) == library_log.CLIENTS_MAX
    library_log._said.clear()
