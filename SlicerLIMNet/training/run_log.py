"""The CSV log of a run: one line every so many steps, none of them twice."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.write_aside import write_aside

EVERY = 20
"""Steps from line to line."""


class RunLog:
    """A log that goes on where the last checkpoint was taken."""

    def __init__(self, path: Path, step: int) -> None:
        """Drop the lines that were written after a checkpoint; those steps are made anew.

        Args:
            path: The file; it need not be there.
            step: Of the checkpoint, 0 for none.

        Raises:
            ConfigError: The file is no log.
        """
        self._path = path
        self._names: list[str] = []
        if path.is_file():
            self._keep_until(step)

    def write(self, row: Mapping[str, float]) -> None:
        """Add a line; figures that the log did not begin with are left out."""
        is_new = not self._names
        self._names = self._names or list(row)
        with self._path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self._names, extrasaction="ignore")
            if is_new:
                writer.writeheader()
            writer.writerow(row)

    def _keep_until(self, step: int) -> None:
        with self._path.open(newline="") as file:
            lines = list(csv.reader(file))
        whole = [line for line in lines[1:] if len(line) == len(lines[0])]  # a crash may tear one
        try:
            rows = [line for line in whole if int(line[0]) <= step]
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"{self._path} is no log of a training run; name another run folder or remove it."
            ) from error
        if len(rows) < len(lines) - 1:
            with write_aside(self._path) as aside, aside.open("w", newline="") as file:
                csv.writer(file).writerows([*lines[:1], *rows])
        self._names = lines[0] if lines else []
