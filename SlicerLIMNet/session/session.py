"""A session: one object of one volume, from clicks to a fused 3D mask, in rounds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import AnyClick, Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane, Plane, default_plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.rounds import SliceResult, SliceUpdate
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import Cancelled, ClickError, DeviceError, SessionError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.automatic_window import automatic_window
from SlicerLIMNet.session.history import History
from SlicerLIMNet.session.journal import Entry, Journal, check_format, read_stored
from SlicerLIMNet.session.operations import (
    AddClick,
    Adopt,
    Edit,
    FinishRound,
    Lock,
    Operation,
    RemoveClick,
    Unlock,
    find_click,
    prepare_click,
)
from SlicerLIMNet.session.outside import adopted_slices, edited_slices
from SlicerLIMNet.session.parts import Networks, OutOfDeviceMemory
from SlicerLIMNet.session.planes import stack_of
from SlicerLIMNet.session.prompts import prompt_with, prompt_without
from SlicerLIMNet.session.recorder import Recorder
from SlicerLIMNet.session.restore import Restored, differences, first_state, restore
from SlicerLIMNet.session.resume import RESUME, slices_of_mask
from SlicerLIMNet.session.round import RoundRun
from SlicerLIMNet.session.round_plan import plan_round
from SlicerLIMNet.session.stack import SliceStack
from SlicerLIMNet.session.view import SessionView

BoolArray = npt.NDArray[np.bool_]
Answer = TypeVar("Answer")

_LOG = logging.getLogger(__name__)


class Session(SessionView):
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
        window: Window | tuple[float, float] | None = None,
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
            ConfigError: The window's first value is not below its second.
            SessionError: The folder already holds a session.
            OutputError: The folder cannot be made.
        """
        window = Window(*window) if isinstance(window, tuple) else window
        history = History(first_state(volume, plane or default_plane(volume.geometry)))
        journal = Journal(None if folder is None else Path(folder))
        self._engine = engine
        self._window = None if window is None else (window.low, window.high)
        self._is_running = False
        config = config or engine.default_config
        super().__init__(volume, config, history, Recorder(volume, engine, journal))

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
        return cls._restored(restored, journal, volume, engine)

    @classmethod
    def resume(
        cls,
        entries: Sequence[Entry],
        mask: BoolArray,
        volume: Volume,
        engine: Networks,
        folder: Path | str | None = None,
    ) -> Session:
        """Go on with a session of which there are the mask and the journal without masks.

        Clicks, rounds, locks, provenance and scores come back; what came before the present state
        cannot be undone to. What is not as it was is told in `notices`, see `open`.

        Args:
            entries: See `condensed_journal`.
            mask: [z, y, x] of the volume.
            volume: The image.
            engine: The networks.
            folder: `NAME.limnet`, a new one, where the session goes on.

        Raises:
            SessionError: The journal is damaged, or volume or mask have another size.
        """
        header, slices = (
            check_format(entries, "the journal"),
            slices_of_mask(np.asarray(mask, bool), volume),
        )
        begun = Journal()
        begun.append(header)
        begun.append({"op": RESUME, "lines": list(entries[1:])}, slices)
        restored = restore(begun, volume)
        journal = begun if folder is None else begun.moved_to(Path(folder))
        return cls._restored(restored, journal, volume, engine)

    @classmethod
    def _restored(
        cls, restored: Restored, journal: Journal, volume: Volume, engine: Networks
    ) -> Session:
        session = cls(volume, engine, config=restored.config)
        session._history = restored.history
        session._window = restored.window
        session._recorder = Recorder(volume, engine, journal)
        session.notices += differences(journal.entries[0], restored.engine, volume, engine.info)
        return session

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
        probability, zoom = self._on_device(lambda: prompt_with(before, stack, self._engine, click))
        was_locked = plane == self.plane and click.slice_index in self.locked
        self._commit(AddClick(click, plane, probability, zoom, window))
        return _update(click.slice_index, probability, was_locked)

    def remove_click(self, click: Click) -> SliceUpdate:
        """Take back a click of the plane, the newest that equals it, and redraw its slice.

        Raises:
            ClickError: There is no such click. The session is left as it was.
        """
        self._check_idle()
        find_click(self.state.current, click)
        stack = self.stack
        answer = self._on_device(lambda: prompt_without(self.state, stack, self._engine, click))
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
        plan = plan_round(self.state, self._config)
        run = RoundRun(plan, self.state, self.stack, self._engine, self._config)
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
        self.take_masks(masks, given)

    def take_masks(self, masks: Mapping[int, SparseProbability], given: bool) -> None:
        """Take masks of some slices of the plane from outside, see `set_mask`; none do nothing."""
        self._check_idle()
        if masks:
            self._commit(Edit({self._slice(index): mask for index, mask in masks.items()}, given))

    def take_outside(self, mask: BoolArray, before: BoolArray, lock: bool = True) -> None:
        """Go on from the mask as another program has it, where masks are shown and edited.

        Slices in which the masks differ were edited by hand and become locked. The others, where
        they are not as this session left them, could not be drawn there as they are (a border that
        the user had set, say): they keep what is known of them.

        Args:
            mask: [z, y, x], as it is there now.
            before: [z, y, x], as it was there after the session's last change.
            lock: Whether edited slices become locked; else they are masks to go on from.

        Raises:
            SessionError: A mask has another shape than the volume.
        """
        for voxels in (mask, before):
            if voxels.shape != self.volume.shape_zyx:
                raise SessionError(f"the mask has shape {voxels.shape}; expected the volume's")
        self.take_masks(edited_slices(self.state, self.volume, mask, before), given=not lock)
        self.adopt_masks(adopted_slices(self.state, self.volume, mask))

    def adopt_masks(self, masks: Mapping[int, SparseProbability]) -> None:
        """Take masks of some slices of the plane that could not be shown as they were."""
        self._check_idle()
        if masks:
            self._commit(Adopt({self._slice(index): mask for index, mask in masks.items()}))

    def configure(self, config: RoundConfig) -> None:
        """Choose how later rounds run; undo does not touch it.

        Raises:
            OutputError: The journal could not be written; nothing has changed.
        """
        self._check_idle()
        if config != self._config:
            self._recorder.config(config)
            self._config = config

    def use_engine(self, engine: Networks) -> None:
        """Go on with other networks, or on another device; what was done stays as it is."""
        self._check_idle()
        self._engine = engine
        self._recorder.engine = engine

    def save(self, path: Path | str) -> None:
        """Write the session: a zip where the name ends in `.zip`, otherwise a new folder.

        Raises:
            OutputError: It could not be written; an old zip is as it was.
            SessionError: Nothing has happened yet, or the folder already holds a session.
        """
        self._recorder.save(Path(path))

    def _run(self, run: RoundRun, cancel: CancelToken, keep_partial: bool) -> Iterator[SliceResult]:
        self._check_idle()
        if self.state is not run.state:
            raise SessionError("the session has changed since run_round was called; call it again")
        self._is_running = True
        try:
            outcome = yield from self._round(run, cancel, keep_partial)
            self._commit(outcome)
        finally:
            self._is_running = False
        yield from run.corrections(outcome)

    def _round(
        self, run: RoundRun, cancel: CancelToken, keep_partial: bool
    ) -> Generator[SliceResult, None, FinishRound]:
        """Yield new masks, return the outcome; for want of memory the round begins again."""
        leave = _go_on if keep_partial else cancel.raise_if_cancelled
        while True:
            self._recorder.round_begins(run.plan, self._config)
            try:
                is_whole = yield from _spread(run, cancel, keep_partial)
                return run.fuse(not is_whole, leave)
            except OutOfDeviceMemory as error:
                self._fall_back(error)

    def _walk(self, name: str, is_possible: bool, walk: Callable[[], None]) -> None:
        self._check_idle()
        if is_possible:  # otherwise the history says what is wrong
            self._recorder.step(name)
        walk()

    def _on_device(self, work: Callable[[], Answer]) -> Answer:
        """Return the answer of some work, done smaller or on the CPU if memory runs out."""
        while True:
            try:
                return work()
            except OutOfDeviceMemory as error:
                self._fall_back(error)

    def _fall_back(self, error: OutOfDeviceMemory) -> None:
        if not self._engine.fall_back():
            raise DeviceError(f"{error}; free memory, or take a smaller range or volume") from error
        info = self._engine.info
        notice = f"the device had no memory left; work goes on {info.fallback} on {info.device}"
        _LOG.warning(notice)
        self.notices.append(notice)

    def _commit(self, operation: Operation) -> None:
        """Make an operation happen: applied, written down, and then part of the history."""
        state = operation.apply(self.state, self.volume)
        self._recorder.operation(operation, self.state, self._config, self._window)
        self._history.push(state)  # cannot fail

    def _chosen_window(self, grid: SliceStack, click: Click) -> tuple[float, float]:
        around = grid.index_zyx(click)
        return automatic_window(self.volume, around, _window_axis(grid.plane))

    def _check_idle(self) -> None:
        if self._is_running:
            raise SessionError("a round is running; let it end, or cancel it, first")

    def _masks_of(self, mask: BoolArray, slices: list[int] | None) -> dict[int, SparseProbability]:
        """Return a mask from outside by slice."""
        if mask.shape == self.shape[1:] and slices is not None and len(slices) == 1:
            return {slices[0]: SparseProbability.from_mask(mask)}
        if mask.shape != self.volume.shape_zyx:
            raise SessionError(
                f"the mask has shape {mask.shape}; expected the volume's {self.volume.shape_zyx}, "
                f"or {self.shape[1:]} for one slice"
            )
        found = stack_of(self.volume, self.plane).from_volume(mask.astype(np.uint8) * np.uint8(255))
        wanted = range(self.shape[0]) if slices is None else slices
        return {index: SparseProbability.from_mask(found[index].mask()) for index in wanted}

    def _differs(self, index: int, new: SparseProbability) -> bool:
        return not np.array_equal(new.mask(), self.fused_mask(index))


def _spread(
    run: RoundRun, cancel: CancelToken, keep_partial: bool
) -> Generator[SliceResult, None, bool]:
    """Yield new masks; return whether the round came to its end."""
    try:
        yield from run.spread(lambda: cancel.is_cancelled)
    except Cancelled:
        if keep_partial:
            return False
        raise
    return True


def _go_on() -> None:
    """Never leave."""


def _update(index: int, probability: SparseProbability, was_locked: bool) -> SliceUpdate:
    sentences = []
    if was_locked:
        sentences.append(f"slice {index} was locked; the click unlocked it")
    if not probability.has_foreground:
        sentences.append(
            f"the prompt mask of slice {index} is empty; add a positive click if "
            "the object is there"
        )
    return SliceUpdate(index, probability.mask(), "; ".join(sentences))


def _window_axis(plane: AnyPlane) -> int:
    """Return the array axis across which the surroundings of a click are not looked at."""
    return plane.axis if isinstance(plane, Plane) else 0
