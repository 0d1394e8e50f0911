"""The whole effect in the stand-in, with fake networks: what tests across its parts begin with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.session.parts import SpreadSlice
from Testing.doubles import FakeNetworks
from Testing.slicer.application import ijk_to_ras, segment_mask
from Testing.slicer.waiting import wait_until

VIEWS = (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal"))


def two_blocks() -> npt.NDArray[np.uint8]:
    """Return the labels 1 and 2 of two blocks in 24 x 40 x 48 voxels, [k, j, i]."""
    labels = np.zeros((24, 40, 48), np.uint8)
    labels[6:18, 8:26, 6:20] = 1
    labels[8:16, 10:24, 28:42] = 2
    return labels


class HeldNetworks(FakeNetworks):
    """Networks that stop before every slice of a round until they are let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()
        self.has_begun = threading.Event()

    def spread(self, task: Any, cancel: Any) -> Iterator[SpreadSlice]:
        for number, found in enumerate(super().spread(task, cancel)):
            if number == 2:
                self.has_begun.set()
            if number >= 2 and not self.may_go_on.is_set():
                while not (cancel() or self.may_go_on.wait(0.005)):
                    pass
            yield found


def use_networks(monkeypatch: Any, networks: Any) -> None:
    """Let every clone of the effect that is made from now on work with these networks."""
    import LIMNetSegmentLib
    from LIMNetSegmentLib.EffectLogic import EffectLogic
    from LIMNetSegmentLib.InferenceWorker import InferenceWorker
    from LIMNetSegmentLib.MrmlBridge import MrmlBridge
    from LIMNetSegmentLib.SessionDesk import SessionDesk

    def make_logic(effect: Any, data_folder: Any) -> EffectLogic:
        worker = InferenceWorker.shared(lambda: SessionDesk(lambda preset, device: networks))
        return EffectLogic(MrmlBridge(effect.scriptedEffect), worker)

    monkeypatch.setattr(LIMNetSegmentLib.SegmentEditorEffect, "makeLogic", make_logic)


class EffectScene:
    """A volume with two blocks, two segments, three views and an editor with our effect."""

    def __init__(self, application: Any, make_views: Any, make_editor: Any) -> None:
        self.application = application
        self.labels = two_blocks()
        voxels = np.where(self.labels > 0, 300, 100).astype(np.int16)
        voxels[0] = 0  # the darkest voxels do not count for the window
        self.volume = application.add_volume(voxels, np.diag([-1.0, -1.5, 2.5, 1]), "Image")
        self.segmentation, self.segments = application.add_segmentation(
            self.volume, ["first", "second"]
        )
        self.views = make_views(*VIEWS, showing=self.volume)
        self.editor = make_editor(self.views, self.segmentation, self.volume, self.segments[0])
        self.editor.setActiveEffectByName("LIMNet")

    @property
    def effect(self) -> Any:
        """The effect's Python object."""
        return self.editor.effectByName("LIMNet").self()

    @property
    def logic(self) -> Any:
        """The effect's logic."""
        return self.effect.logic

    def click(self, kji: tuple[int, int, int], view: int = 0, **keys: bool) -> None:
        """Click at a voxel in a view and wait for the answer."""
        self.click_only(kji, view, **keys)
        self.wait()

    def click_only(self, kji: tuple[int, int, int], view: int = 0, **keys: bool) -> None:
        """Click at a voxel in a view."""
        ras = (ijk_to_ras(self.volume) @ [*kji[::-1], 1.0])[:3]
        self.views[view].click(self.views[view].aim(ras), **keys)

    def propagate(self) -> None:
        """Press the button and wait for the end of the round."""
        self.effect.panel.rounds.propagateButton.click()
        self.wait()

    def wait(self) -> None:
        """Wait until nothing is under way."""
        wait_until(lambda: not self.logic.state.isBusy)

    def truth(self, segment: int = 0) -> npt.NDArray[np.bool_]:
        """The block that belongs to a segment: [k, j, i]."""
        return self.labels == segment + 1

    def mask(self, segment: int = 0) -> npt.NDArray[np.bool_]:
        """A segment: [k, j, i]."""
        return segment_mask(self.segmentation, self.segments[segment], self.volume)


def worker_threads() -> list[str]:
    """Return the names of the effect's threads that live."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("LIMNet")]


def node_names(scene: Any) -> list[str]:
    """Return the IDs of all nodes of a scene."""
    return sorted(scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes()))
