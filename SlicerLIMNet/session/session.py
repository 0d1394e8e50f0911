"""A session: one object of one volume, from clicks to a fused 3D mask, in rounds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import AnyClick, Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import FOREGROUND, SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane, Plane, default_plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.rounds import ObjectState, SliceResult, SliceUpdate
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import Cancelled, ClickError, DeviceError, SessionError
from SlicerLIMNet.fusion.fuse import next_slice_to_check
from SlicerLIMNet.imaging.window import Window, choose_window
from SlicerLIMNet.session.history import History
from SlicerLIMNet.session.journal import read_stored
from SlicerLIMNet.session.operations import (
    AddClick,
    Edit,
    Lock,
    Operation,
    RemoveClick,
    Unlock,
    prepare_click,
)
from SlicerLIMNet.session.parts import Networks, OutOfDeviceMemory
from SlicerLIMNet.session.planes import fused_volume, stack_of
from SlicerLIMNet.session.prompts import prompt_with, prompt_without
from SlicerLIMNet.session.recorder import Recorder
from SlicerLIMNet.session.restore import differences, first_state, restore
from SlicerLIMNet.session.round import RoundRun
from SlicerLIMNet.session.stack import SliceStack

BoolArray = npt.NDArray[np.bool_]
Answer = TypeVar("Answer")

_LOG = logging.getLogger(__name__)


class Session:
    """One object of a volume: clicks, rounds, undo, and a journal that survives a crash.

    Every method checks, computes, and changes the state at the end in one step: after an error or
    a cancelled round the session is as it was. Several sessions may share one engine, and then the
    features that it keeps of a volume.
    """

    def __init__(
        self,
        volume: Volume,
        engine: Networks,
        plane: AnyPlane | None = None,
        config: RoundConfig | None = None,
        *,
        window: Window | None = None,
        folder: Path | str | None = None,
    ) -> None:
        """Begin a session without any click.

        Args:
            volume: The image.
            engine: The networks.
            plane: To click in; the one of the coarsest spacing if not given.
            config: How rounds run; the preset's defaults if not given.
            window: Voxel values that become 0 and 1; chosen by the first click if not given.
            folder: `NAME.limnet`, where every operation is written at once; in memory if not given.

        Raises:
            SessionError: The folder already holds a session.
            OutputError: The folder cannot be made.
        """
        self.volume = volume
        self.notices: list[str] = []
        """Sentences for the user about this session, oldest first."""
        self._engine = engine
        self._config = config or engine.default_config
        self._window = None if window is None else (window.low, window.high)
        self._history = History(first_state(volume, plane or default_plane(volume.geometry)))
        self._recorder = Recorder(None if folder is None else Path(folder))
        self._is_running = False

    @classmethod
    def open(cls, path: Path | str, volume: Volume, engine: Networks) -> Session:
        """Go on with a stored session: a folder, where it goes on, or a zip, from which it is read.

        Nothing is computed: all masks are stored. With another volume of this size, other weights
        or another device they are opened all the same, and `notices` says so.

        Raises:
            SessionError: There is no session, it is damaged, or the volume has another size.
        """
        with read_stored(Path(path)) as journal:
            restored = restore(journal, volume)
        session = cls(volume, engine, config=restored.config)
        session._history = restored.history
        session._window = restored.window
        session._recorder = Recorder.going_on(journal, restored.engine)
        session.notices += differences(journal.entries[0], restored.engine, volume, engine.info)
        return session

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
        return self.probability_volume() >= FOREGROUND

    def next_slice_to_check(self) -> int | None:
        """Return the least certain slice that is neither prompted nor locked; None without any."""
        current = self.state.current
        return next_slice_to_check(self.results, skip={*current.prompts, *current.locked})

    def add_click(self, click: AnyClick, plane: AnyPlane | None = None) -> SliceUpdate:
        """Add a click and redraw the prompt mask of its slice; other slices wait for `run_round`.

        Args:
            click: Slice, row and column in the plane, or a position in the patient, and its sign.
            plane: Of the click; the session's if not given. Another one begins a sequence of its
                own over the fused volume.

        Returns:
            The slice that changed, with its new prompt mask.

        Raises:
            ClickError: The click lies outside the volume. The session is left as it was.
        """
        self._check_idle()
        plane = plane or self.plane
        grid = stack_of(self.volume, plane)
        click = grid.resolve(click)
        if not grid.contains(click):
            raise ClickError(f"the {click} lies outside {grid.shape}; click on the image")
        window = self.state.window or self._window or self._chosen_window(grid, click)
        stack = stack_of(self.volume, plane, window)
        before = prepare_click(self.state, plane, click.slice_index, self.volume)
        probability, zoom = self._on_device(
            lambda: prompt_with(before, stack, self._engine, click)
        )
        was_locked = plane == self.plane and click.slice_index in self.locked
        self._commit(AddClick(click, plane, probability, zoom, window))
        return _update(click.slice_index, probability, was_locked)

    def remove_click(self, click: Click) -> SliceUpdate:
        """Take back a click of the plane, the newest that equals it, and redraw its slice.

        Raises:
            ClickError: There is no such click. The session is left as it was.
        """
        self._check_idle()
        stack = self._stack()
        answer = self._on_device(
            lambda: prompt_without(self.state, stack, self._engine, click)
        )
        probability, zoom = answer or (None, None)
        self._commit(RemoveClick(click, probability, zoom))
        return SliceUpdate(click.slice_index, self.shown_mask(click.slice_index))

    def run_round(
        self, cancel: CancelToken | None = None, keep_partial: bool = False
    ) -> Iterator[SliceResult]:
        """Spread the clicked slices through the volume, then fuse with the masks before.

        Args:
            cancel: Asked before every slice.
            keep_partial: Whether a cancelled round keeps the slices done so far, fused like a
                whole round; the others keep their mask.

        Yields:
            The new mask of every slice that the networks reach; after fusion once more those that
            became something else than what was yielded.

        Raises:
            SessionError: No click waits for a round, or a round is running.
            Cancelled: Somebody asked to stop; the session is as it was before the round.
        """
        self._check_idle()
        run = RoundRun(self.state, self._stack(), self._engine, self._config)
        return self._run(run, cancel or CancelToken(), keep_partial)

    def undo(self) -> None:
        """Go back to before the last click, round, lock or edit.

        Raises:
            SessionError: There is nothing to undo.
        """
        self._walk("undo", self.can_undo, self._history.undo)

    def redo(self) -> None:
        """Take the last undo back.

        Raises:
            SessionError: There is nothing to redo.
        """
        self._walk("redo", self.can_redo, self._history.redo)

    def lock(self, index: int) -> None:
        """Keep a slice as it is shown; a locked one stays locked.

        Raises:
            SessionError: There is no such slice.
        """
        self._check_idle()
        if self._slice(index) not in self.locked:
            self._commit(Lock(index))

    def unlock(self, index: int) -> None:
        """Let rounds change a slice again.

        Raises:
            SessionError: There is no such slice.
        """
        self._check_idle()
        if self._slice(index) in self.locked:
            self._commit(Unlock(index))

    def set_mask(
        self, mask: BoolArray, slices: Iterable[int] | None = None, given: bool = False
    ) -> None:
        """Take a mask from outside: edited by hand, which locks its slices, or to start from.

        Args:
            mask: [z, y, x] of the volume; or (rows, columns), for one slice.
            slices: Of the plane, the ones to take. If not given: the slices whose mask differs, or
                all for a mask to start from.
            given: Whether it is a mask to start from, which locks nothing.

        Raises:
            SessionError: The mask has another shape, or there is no such slice.
        """
        self._check_idle()
        wanted = None if slices is None else [self._slice(index) for index in slices]
        masks = self._masks_of(np.asarray(mask, bool), wanted)
        if wanted is None and not given:
            masks = {i: new for i, new in masks.items() if self._differs(i, new)}
        if masks:
            self._commit(Edit(masks, given))

    def configure(self, config: RoundConfig) -> None:
        """Choose how later rounds run; undo does not touch it."""
        self._check_idle()
        if config != self._config:
            self._recorder.option("config", config.to_json())
            self._config = config

    def save(self, path: Path | str) -> None:
        """Write the session: a zip where the name ends in `.zip`, otherwise a new folder.

        Raises:
            OutputError: It could not be written; an old zip is as it was.
            SessionError: Nothing has happened yet, or the folder already holds a session.
        """
        self._recorder.journal.save(Path(path))

    def _run(
        self, run: RoundRun, cancel: CancelToken, keep_partial: bool
    ) -> Iterator[SliceResult]:
        self._check_idle()
        if self.state is not run.state:
            raise SessionError("the session has changed since run_round was called; call it again")
        self._is_running = True
        try:
            is_whole = yield from self._spread(run, cancel, keep_partial)
            check = cancel.raise_if_cancelled if is_whole and not keep_partial else _go_on
            self._commit(self._on_device(lambda: run.fuse(not is_whole, check)))
        finally:
            self._is_running = False
        yield from run.corrections(self.state)
