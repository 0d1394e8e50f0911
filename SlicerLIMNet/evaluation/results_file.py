"""Finished targets of an evaluation, on the disk as soon as they are done."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SlicerLIMNet.errors import ConfigError, OutputError
from SlicerLIMNet.evaluation.target_result import TargetResult


class ResultsFile:
    """A growing file with one finished target a line; a run that was stopped goes on from it.

    Every result has a key made of all that its figures depend on. Results of other settings, other
    weights or other data stay in the file and are not used. A line torn by a crash is dropped.
    """

    def __init__(self, path: Path | None) -> None:
        """Read what is there; without a path everything stays in memory.

        Raises:
            ConfigError: The file cannot be read, or holds something else.
        """
        self._path = path
        self._results: dict[str, TargetResult] = {}
        self._torn_from: int | None = None
        if path is not None and path.exists():
            self._read(path)

    def get(self, key: str) -> TargetResult | None:
        """Return the result of a key; None if there is none."""
        return self._results.get(key)

    def add(self, key: str, result: TargetResult) -> None:
        """Keep a result, and write it to the disk before going on.

        Raises:
            OutputError: It could not be written.
        """
        self._results[key] = result
        if self._path is None:
            return
        line = json.dumps({"key": key, "result": result.to_record()}, ensure_ascii=False)
        try:
            with self._path.open("ab") as file:
                if self._torn_from is not None:
                    file.truncate(self._torn_from)
                    self._torn_from = None
                file.write(f"{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{self._path} could not be written ({error.strerror or error}); make room on the "
                "disk and run again: finished targets are kept"
            ) from error

    def _read(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"the results file {path} cannot be read: {error.strerror or error}"
            ) from error
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._torn_from = whole
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                entry: Mapping[str, Any] = json.loads(line)
                self._results[entry["key"]] = TargetResult.from_record(entry["result"])
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(
                    f"line {number} of {path} is no result of an evaluation; name another file "
                    "with --results, or remove this one"
                ) from error
