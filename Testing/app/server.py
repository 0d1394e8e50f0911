"""`limnet app` in a process of its own, for tests that use it as people do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HOLD_VARIABLE = "LIMNET_HOLD"
"""Environment variable of the server: the folder of the files that hold rounds."""
FAKE_VARIABLE = "LIMNET_FAKE_NETWORKS"
"""Environment variable of the server: the engine is a fake one."""

ROOT = Path(__file__).resolve().parents[2]
_SECONDS_TO_END = 30
_FAREWELL = "limnet app: ended"


class Server:
    """A running `limnet app`; what it logs is a fault."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] = {}) -> None:
        """Start it and wait until it listens.

        Args:
            folder: For its data and its log.
            options: Of `limnet app`, besides those that every test has.
            environment: Beside this process's.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._log = folder / "log.txt"
        command = [
            *(sys.executable, "-m", "Testing.app.held_server", "app", *options),
            *("--port", "0", "--no-browser", "--testing", "--data", str(folder / "data")),
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, HOLD_VARIABLE: str(folder), **environment},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("LIMNet runs at "), f"limnet app said: {said}{self.log}"
        self.address = said.split()[-1]

    @property
    def log(self) -> str:
        """What it wrote on stderr so far."""
        return self._log.read_text("utf-8")

    @contextmanager
    def holding(self, tab: str) -> Iterator[None]:
        """Let the rounds of a tab wait between two slices, for the time of a `with`."""
        hold = self.folder / f"hold-{tab}"
        hold.touch()
        try:
            yield
        finally:
            hold.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C does, if nobody has; it must have had nothing to complain of."""
        if self._process.poll() is not None:
            return
        code = self._end(signal.SIGINT)
        assert code == 0, f"limnet app ended with {code}: {self.log}"
        said = [line for line in self.log.splitlines() if line and not line.startswith(_FAREWELL)]
        assert not said, f"limnet app logged: {self.log}"

    def _end(self, number: int) -> int:
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process.stdout.close()
