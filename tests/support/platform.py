"""A whole platform in an operating-system process of its own, to be used, stopped and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from actors.addresses import Addresses, read_addresses
from fluxiq.commands.demo_data import Login, read_logins
from tests.support.folders import short_folder

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 60.0
ROOT = Path(__file__).resolve().parents[2]


class PlatformProcess:
    """`fluxiq up` on a data directory. Starting again after a stop or a kill uses the same data."""

    def __init__(
        self, data_dir: Path, environ: Mapping[str, str] | None = None, *, merchants: int = 2
    ) -> None:
        self.data_dir = data_dir
        self.merchants = merchants
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._environ = {
            **os.environ,
            "FLUXIQ_DATA_DIR": str(data_dir),
            "FLUXIQ_HTTP__PORT": "0",
            "FLUXIQ_SIMULATOR__PORT": "0",
            "FLUXIQ_WEB__ENABLED": "false",
            "FLUXIQ_LOG__FORMAT": "json",
            **(environ or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was never started"
        return self._process.pid

    @property
    def addresses(self) -> Addresses:
        return read_addresses(self.data_dir)

    @property
    def logins(self) -> dict[str, Login]:
        """The demo merchants, by ISPB."""
        return {login.ispb: login for login in read_logins(self.data_dir)}

    def start(self) -> "PlatformProcess":
        """Return once `/readyz` says 200 and the demo merchants are there."""
        assert self._process is None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "run.py", "up"],
                cwd=ROOT,
                env=self._environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_up():
            assert self._process.poll() is None, f"it ended: {self.log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"not up: {self.log.read_text()[-4000:]}"
            time.sleep(0.05)
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to stop in order; returns its exit status."""
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        process.send_signal(number)
        return process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """`kill -9`."""
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        process.kill()
        process.wait(STOP_SECONDS_MAX)

    def close(self) -> None:
        """End it, however it is."""
        if self._process is not None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _is_up(self) -> bool:
        if self._process is None or len(self.logins) < self.merchants:
            return False
        addresses = self.addresses
        if addresses.pid != self._process.pid:
            return False
        try:
            answer = httpx.get(f"{addresses.api}/readyz", trust_env=False, timeout=5)
        except httpx.TransportError:
            return False
        return answer.status_code == 200


@contextmanager
def started_platform(name: str) -> Iterator[PlatformProcess]:
    """One with every default, in a folder of that name; for tests that share it."""
    with short_folder(name) as folder:
        platform = PlatformProcess(folder / "data")
        try:
            yield platform.start()
        finally:
            platform.close()
