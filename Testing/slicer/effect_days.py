"""An effect's logic with a worker of its own, for tests: one is made, used, and cleaned up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from LIMNetSegmentLib.EffectLogic import EffectLogic
from LIMNetSegmentLib.InferenceWorker import InferenceWorker
from LIMNetSegmentLib.SessionDesk import SessionDesk
from Testing.doubles import FakeNetworks

AXIAL, CORONAL, SAGITTAL = 0, 1, 2
MIDDLE = (8, 8)


def make_logic(
    scene: Any, networks: Any = None, journal_root: Path | None = None, **options: Any
) -> EffectLogic:
    """Return an active logic on a scene, whose worker makes the networks given."""
    networks = networks or FakeNetworks()
    worker = InferenceWorker(lambda: SessionDesk(lambda preset, device: networks, journal_root))
    logic = EffectLogic(scene, worker, journal_root)
    logic.setOptions(logic.options.with_(**options))
    logic.activate()
    return logic


def finish(logic: EffectLogic) -> None:
    """Let the worker do what waits, as the timer does."""
    for _ in range(2000):
        if not logic.poll(1.0):
            return
    raise AssertionError("the work does not end")


def click(logic: EffectLogic, index: int = 8, axis: int = AXIAL, at: Any = MIDDLE, **sign: Any):
    """Click into a view of an axis and let it be answered."""
    logic.click((axis, index), at, **sign)
    finish(logic)


def run_round(logic: EffectLogic) -> None:
    """Propagate and let it end."""
    logic.propagate()
    finish(logic)
