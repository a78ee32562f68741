"""One round of pykka, whose actors are threads: the same work as ours, by its own API."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from time import perf_counter
from typing import Any

CALL_SECONDS_MAX = 30.0


def calls_per_second(callers: int, count: int) -> float:
    """`ask` and wait for the answer, from as many threads as there are callers."""
    server = _echo().start()
    each = count // callers

    def call(_: int) -> None:
        for number in range(each):
            answer = server.ask(number, timeout=CALL_SECONDS_MAX)
            assert answer == number, "an echo returns what it was sent"

    try:
        with ThreadPoolExecutor(callers) as threads:
            began = perf_counter()
            for _ in threads.map(call, range(callers)):
                pass  # raises what the caller did
            return each * callers / (perf_counter() - began)
    finally:
        server.stop(timeout=CALL_SECONDS_MAX)


def casts_per_second(count: int) -> float:
    """`tell`, until the last one has been handled: the answer to a call comes after all of them."""
    server = _echo().start()
    try:
        began = perf_counter()
        for number in range(count):
            server.tell(number)
        server.ask(count, timeout=CALL_SECONDS_MAX)
        return count / (perf_counter() - began)
    finally:
        server.stop(timeout=CALL_SECONDS_MAX)


def starts_per_second(count: int) -> float:
    """`start` of `count` actors: as many threads."""
    echo = _echo()
    started = []
    try:
        began = perf_counter()
        for _ in range(count):
            started.append(echo.start())  # noqa: PERF401 -- those started are stopped, come what may
        return count / (perf_counter() - began)
    finally:
        for actor in started:
            actor.stop(timeout=CALL_SECONDS_MAX)


def _echo() -> Any:
    """Made here and now: pykka is an extra, which may be missing."""

    def on_receive(_self: object, message: object) -> object:
        return message

    pykka = import_module("pykka")
    return type("Echo", (pykka.ThreadingActor,), {"on_receive": on_receive})


PYKKA_ROUNDS: dict[str, Callable[..., float]] = {
    "calls": calls_per_second,
    "casts": casts_per_second,
    "starts": starts_per_second,
}
