"""What a terminal shows while a command works: sentences, bars and log lines, all on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from SlicerLIMNet.domain.progress import Progress

_BETWEEN_DRAWINGS_S = 0.1
_BETWEEN_LINES_S = 10.0  # in a log file, where every drawing is a line


def say(text: str) -> None:
    """Write a sentence to stderr, above a bar if there is one."""
    tqdm.write(text, file=sys.stderr)


def print_json(content: object) -> None:
    """Write what a machine may read to stdout."""
    print(json.dumps(content, indent=1, ensure_ascii=False))


def bar(text: str, unit: str, total: int | None = None) -> Any:
    """Return a progress bar of tqdm on stderr; a context that ends with it."""
    pause_s = _BETWEEN_DRAWINGS_S if sys.stderr.isatty() else _BETWEEN_LINES_S
    return tqdm(desc=text, unit=unit, total=total, file=sys.stderr, mininterval=pause_s)


@contextmanager
def reported(text: str, unit: str) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows how far a piece of work has come."""
    with bar(text, unit) as shown:

        def report(progress: Progress) -> None:
            shown.total = progress.total
            shown.set_postfix_str(progress.text, refresh=False)
            shown.update(progress.done - shown.n)

        yield report


@contextmanager
def logging_to_stderr(is_verbose: bool) -> Iterator[None]:
    """Show what the engine logs: everything from INFO on where asked for, else errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("SlicerLIMNet")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO if is_verbose else logging.ERROR)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
