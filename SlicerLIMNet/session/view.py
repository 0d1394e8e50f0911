"""What can be seen of a session; nothing here changes anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import AnyPlane
from SlicerLIMNet.domain.rounds import ObjectState, SliceResult
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.fusion.fuse import next_slice_to_check
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.history import History
from SlicerLIMNet.session.journal import Entry
from SlicerLIMNet.session.outside import shown_box
from SlicerLIMNet.session.planes import fused_mask, fused_volume
from SlicerLIMNet.session.recorder import Recorder
from SlicerLIMNet.session.resume import condensed
from SlicerLIMNet.session.stack import SliceStack

BoolArray = npt.NDArray[np.bool_]


class SessionView:
    """The readable side of a session: clicks, masks, scores, and what can be undone."""

    def __init__(
        self, volume: Volume, config: RoundConfig, history: History, recorder: Recorder
    ) -> None:
        self.volume = volume
        self.notices: list[str] = []
        """Sentences for the user about this session, oldest first."""
        self._config = config
        self._history = history
        self._recorder = recorder

    @property
    def state(self) -> ObjectState:
        """Everything that undo restores; immutable."""
        return self._history.state

    @property
    def plane(self) -> AnyPlane:
        """The plane of the last click; slices are counted in it."""
        return self.state.plane

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the plane."""
        return self.state.current.shape

    @property
    def window(self) -> Window:
        """The voxel values that the networks see as 0 and 1.

        Raises:
            SessionError: Nobody has clicked yet, and the first click chooses it.
        """
        if self.state.window is None:
            raise SessionError("the intensity window is not known before the first click")
        return Window(*self.state.window)

    @property
    def stack(self) -> SliceStack:
        """The slices of the plane, in the window of the session.

        Raises:
            SessionError: Nobody has clicked yet, see `window`.
        """
        return SliceStack(self.volume, self.plane, self.window)

    @property
    def config(self) -> RoundConfig:
        """How rounds run."""
        return self._config

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks in the plane, oldest first."""
        return tuple(placed.click for placed in self.state.current.clicks)

    @property
    def locked(self) -> frozenset[int]:
        """The locked slices of the plane."""
        return self.state.current.locked

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an undo to take back."""
        return self._history.can_redo

    @property
    def position(self) -> int:
        """How often `undo` can be called; the place of this state among all of them."""
        return self._history.position

    @property
    def results(self) -> tuple[SliceResult, ...]:
        """The fused mask of every slice of the plane, with provenance and score."""
        return tuple(self.state.current.result(index) for index in range(self.shape[0]))

    @property
    def folder(self) -> Path | None:
        """Where the journal is written; None in memory."""
        return self._recorder.journal.folder

    @property
    def journal_text(self) -> str:
        """The lines of the journal, without the masks."""
        return self._recorder.journal.text

    @property
    def condensed_journal(self) -> list[Entry]:
        """The way to the present state without masks, see `Session.resume`; empty at the start."""
        return condensed(self._recorder.journal.entries, self.state)

    def shown_box(self) -> tuple[tuple[int, int, int], BoolArray]:
        """Return the fused mask with the prompt masks that wait over it, in its smallest box.

        Returns:
            First voxel (z, y, x) of the box, and the mask [z, y, x] in it; both nothing where the
            mask is empty.
        """
        return shown_box(self.state, self.volume)

    def fused_mask(self, index: int) -> BoolArray:
        """Return the mask of a slice after the last round: (rows, columns).

        Raises:
            SessionError: There is no such slice.
        """
        return self.state.current.result(self._slice(index)).mask

    def shown_mask(self, index: int) -> BoolArray:
        """Return the prompt mask that waits for a round, else the fused mask: (rows, columns).

        Raises:
            SessionError: There is no such slice.
        """
        return self.state.shown(self._slice(index)).mask()

    def probability_volume(self) -> npt.NDArray[np.uint8]:
        """Return the fused probabilities of all voxels: [z, y, x], 0..255, the mask from 128 on."""
        return fused_volume(self.state, self.volume)

    def mask_volume(self) -> BoolArray:
        """Return the fused mask: [z, y, x]."""
        return fused_mask(self.state, self.volume)

    def next_slice_to_check(self) -> int | None:
        """Return the least certain slice that is neither prompted nor locked; None without any."""
        current = self.state.current
        return next_slice_to_check(self.results, skip={*current.prompts, *current.locked})

    def _slice(self, index: int) -> int:
        """Return the index of a slice that is there.

        Raises:
            SessionError: It is not.
        """
        if not 0 <= index < self.shape[0]:
            raise SessionError(f"there is no slice {index}; the plane has 0 to {self.shape[0] - 1}")
        return int(index)
