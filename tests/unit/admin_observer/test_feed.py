"""What the platform says, or does not say, on a real socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from fluxiq.admin.client import watch
from fluxiq.admin.observer import feed as module
from fluxiq.admin.observer.feed import Feed
from fluxiq.admin.observer.model import Link, Model
from fluxiq.admin.protocol import Fault
from fluxiq.errors import Refused, StartRefused, Unavailable
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.admin_observer.observer_kit import FakePlatform, bank, diff, node, supervisor, tree


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)


class Watcher:
    """A model that is kept by a feed, and a way to wait for what it becomes."""

    def __init__(self, find_socket: Callable[[], Path]) -> None:
        self.model = Model()
        self._news = trio.Event()
        self.feed = Feed(find_socket, self.model, self._changed)

    def _changed(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def until(self, is_so: Callable[[Model], bool]) -> None:
        while not is_so(self.model):
            await self._news.wait()


@asynccontextmanager
async def watching(find_socket: Callable[[], Path]) -> AsyncIterator[Watcher]:
    watcher = Watcher(find_socket)
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watcher.feed.follow)
            nursery.start_soon(watcher.feed.poll)
            yield watcher
            nursery.cancel_scope.cancel()


async def test_the_tree_and_its_changes_are_known(path: Path) -> None:
    platform = FakePlatform(*bank())
    async with platform.serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.is_live)
        await platform.tell(diff(node("root/new")))
        await watcher.until(lambda model: "root/new" in model.nodes)


async def test_a_platform_that_goes_is_lost_and_one_that_comes_is_found(path: Path) -> None:
    async with watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.link is Link.LOST)
        assert "nobody answers" in watcher.model.link_reason
        async with FakePlatform(*bank()).serving(path):
            await watcher.until(lambda model: model.is_live)
        await watcher.until(lambda model: model.link is Link.LOST)
        assert "root/http_api" in watcher.model.nodes
        async with FakePlatform(supervisor("root")).serving(path):
            await watcher.until(lambda model: model.is_live)
            assert set(watcher.model.nodes) == {"root"}


async def test_a_platform_that_moved_is_found_where_it_is_now(path: Path) -> None:
    places = [path.with_name("old.sock")]
    async with watching(lambda: places[-1]) as watcher:
        await watcher.until(lambda model: model.link is Link.LOST)
        places.append(path)
        async with FakePlatform(*bank()).serving(path):
            await watcher.until(lambda model: model.is_live)


async def test_an_address_that_cannot_be_read_is_a_platform_that_is_not_there(path: Path) -> None:
    def find_socket() -> Path:
        raise StartRefused("no platform has run in here")

    async with watching(find_socket) as watcher:
        await watcher.until(lambda model: model.link is Link.LOST)
        assert watcher.model.link_reason == "no platform has run in here"


async def test_a_diff_that_does_not_follow_is_answered_with_a_new_watch(path: Path) -> None:
    platform = FakePlatform(*bank())
    async with platform.serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.is_live)
        platform.now = tree(*bank(), node("root/new"), revision=9)
        await platform.tell(diff(before=5, after=6))
        await watcher.until(lambda model: "root/new" in model.nodes)
        assert platform.watchers == 2


async def test_restarts_that_wait_for_their_turn_are_asked_for(path: Path) -> None:
    platform = FakePlatform(*bank())
    platform.answers["statistics"] = lambda _: {"admission": {"waiting": 5}}
    async with platform.serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.admission_waiting == 5)
        assert ("statistics", {"name": "root"}) in platform.asked


@pytest.mark.parametrize(
    "answer", [{}, {"admission": None}, [], Fault(code="internal", message="our bug")]
)
async def test_a_platform_that_does_not_tell_them_is_shown_without(
    path: Path, answer: object
) -> None:
    platform = FakePlatform(*bank())
    platform.answers["statistics"] = lambda _: answer
    async with platform.serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.is_live and len(platform.asked) > 3)
        assert watcher.model.admission_waiting is None


async def test_a_tree_without_anything_in_it_is_a_tree(path: Path) -> None:
    async with FakePlatform().serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.is_live)
        await trio.sleep(module.POLL_SECONDS * 3)
        assert watcher.model.is_live
        assert watcher.model.nodes == {}


async def test_a_platform_whose_loop_is_stuck_is_said_not_to_answer_until_it_does(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS_MAX", 0.05)
    platform = FakePlatform(*bank())
    well = platform.answers["statistics"]
    async with platform.serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.admission_waiting == 0)
        platform.answers["statistics"] = lambda _: 60.0
        await watcher.until(lambda model: model.link is Link.SILENT)
        platform.answers["statistics"] = well
        await watcher.until(lambda model: model.is_live)


# The client's watch.


async def test_a_watch_that_is_refused_says_why(path: Path) -> None:
    platform = FakePlatform(*bank())
    async with platform.serving(path), watching(lambda: path) as watcher:
        await watcher.until(lambda model: model.is_live)
        await platform.tell(Fault(code="too_many", message="1000 watch already"))
        await watcher.until(lambda model: model.link is Link.LOST)
        assert watcher.model.link_reason == "1000 watch already"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"hello\n", Unavailable),
        (b'{"version":1,"answer":[]}\n', Unavailable),
        (b'{"version":1,"answer":{"changed":7}}\n', Unavailable),
        (b'{"version":1,"error":{"code":"too_many","message":"enough"}}\n', Refused),
        (b'{"version":1,', Unavailable),
        (b"", Unavailable),
    ],
)
async def test_a_watch_of_something_else_than_a_platform_is_an_error_that_says_so(
    path: Path, said: bytes, error: type[Exception]
) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.send_all(said)
        await stream.aclose()

    with trio.fail_after(PATIENCE_SECONDS):
        bound = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await bound.bind(str(path))
        bound.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, answer, [trio.SocketListener(bound)])
            with pytest.raises(error):
                await anext(watch(path))
            nursery.cancel_scope.cancel()


async def test_a_tree_of_many_megabytes_is_read_whole_and_a_line_without_end_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [supervisor("root"), *(node(f"root/{number:05}") for number in range(20_000))]
    platform = FakePlatform(*nodes)
    with trio.fail_after(PATIENCE_SECONDS):
        async with platform.serving(path):
            changes = watch(path)
            told = await anext(changes)
            await changes.aclose()
            assert len(getattr(told, "nodes", ())) == len(nodes)

            monkeypatch.setattr("fluxiq.admin.client.ANSWER_BYTES_MAX", 100_000)
            with pytest.raises(Unavailable, match="a line of over 100000 bytes"):
                await anext(watch(path))
