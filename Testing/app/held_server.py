"""`limnet` as it is, but for two things that tests ask for by the environment.

A round of a tab waits between two slices while the folder LIMNET_HOLD has a file `hold-TAB`: so a
test knows that a round is under way, however quick the machine is. With LIMNET_FAKE_NETWORKS the
engine is a fake one, which is quick.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from LIMNetSegmentApp import SharedEngines
from LIMNetSegmentApp.SharedEngines import TabEngine
from SlicerLIMNet.cli.main import main
from Testing.app.server import FAKE_VARIABLE, HOLD_VARIABLE
from Testing.doubles import FakeNetworks

_spread = TabEngine.spread


def _held(engine: TabEngine, task: Any, cancel: Any) -> Iterator[Any]:
    hold = Path(os.environ[HOLD_VARIABLE]) / f"hold-{engine._tab}"
    for found in _spread(engine, task, cancel):
        yield found
        while hold.exists() and not cancel():
            time.sleep(0.01)


if __name__ == "__main__":
    TabEngine.spread = _held  # type: ignore[method-assign]
    if FAKE_VARIABLE in os.environ:
        SharedEngines._makeEngine = lambda _preset, _device: FakeNetworks()
    sys.exit(main())
