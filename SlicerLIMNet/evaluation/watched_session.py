"""What happens inside a round, noted while it runs: prompts under clicks, masks before fusion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import PAPER
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.rounds import ObjectState, Origin, SliceResult
from SlicerLIMNet.evaluation.robot_rounds import ClickedSession
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.session.view import SessionView

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Notes:
    """What was noted of a round."""

    clicked_probability: float
    """Of the object at the clicked pixel, right after the click, 0..1."""
    prompt_dice: float
    """Of the clicked slice's prompt mask."""
    judged_slices: int
    """Slices with a choice: an older mask and a new one that differ, and no prompt mask."""
    regret: float | None
    """Mean over these slices: Dice of the better mask minus Dice of the chosen one; None of none.
    Without fusion the chosen one is the new one: then it is what the best judge could win."""
    oracle_dice: float
    """Of the whole volume, had the better mask been chosen on each of these slices."""


class WatchedSession:
    """A session that passes everything on, and keeps what `notes` needs.

    The work of noting is done in `notes`, so that seconds a round stay those of the session.
    """

    def __init__(self, session: ClickedSession) -> None:
        """Watch a session; of one that is not `limnet`'s there is nothing to note."""
        self._session = session
        self._view = session if isinstance(session, SessionView) else None
        self._click: Click | None = None
        self._prompt: SparseProbability | None = None
        self._before: ObjectState | None = None
        self._spread: dict[int, SparseProbability] = {}

    def add_click(self, click: Click) -> Any:
        """Add a click and keep what it made of its slice."""
        update = self._session.add_click(click)
        if self._view is not None:
            self._click, self._prompt = click, self._view.state.shown(click.slice_index)
        return update

    def run_round(self, cancel: CancelToken) -> Iterator[Any]:
        """Run a round and keep the new masks from before fusion."""
        if self._view is None:
            yield from self._session.run_round(cancel)
            return
        self._before, self._spread = self._view.state, {}
        for result in self._session.run_round(cancel):
            if self._is_new(result):
                self._spread.setdefault(result.slice_index, result.probability)
            yield result

    def mask_volume(self) -> BoolArray:
        """Return the result so far, [z, y, x]."""
        return self._session.mask_volume()

    def notes(self, truth: BoolArray) -> Notes | None:
        """Return what the last round led to; None if the session could not be watched.

        Args:
            truth: [z, y, x], the object.
        """
        if self._view is None or self._click is None or self._prompt is None:
            return None
        index = self._click.slice_index
        place = round(self._click.row), round(self._click.column)
        choices = dict(self._choices())
        oracle, regrets = self._view.mask_volume(), []
        for i, (old, new) in choices.items():
            scores = dice(truth[i], old), dice(truth[i], new)
            regrets.append(max(scores) - dice(truth[i], oracle[i]))
            oracle[i] = old if scores[0] > scores[1] else new
        return Notes(
            clicked_probability=float(self._prompt.dense()[place]),
            prompt_dice=dice(truth[index], self._prompt.mask()),
            judged_slices=len(choices),
            regret=float(np.mean(regrets)) if regrets else None,
            oracle_dice=dice(truth, oracle),
        )

    def _is_new(self, result: SliceResult) -> bool:
        """Whether a mask is this round's; fusion yields again the older ones that it kept."""
        made = result.provenance
        assert self._before is not None
        return made.origin is Origin.ROUND and made.round_number > self._before.rounds

    def _choices(self) -> Iterator[tuple[int, tuple[BoolArray, BoolArray]]]:
        """Yield old and new mask of every slice where they differ and no prompt mask decides."""
        assert self._view is not None
        assert self._before is not None
        config, current = self._view.config, self._before.current
        decided = set(self._before.pending if config.memory == PAPER else current.prompts)
        empty = SparseProbability.empty(current.shape[1:])
        for index, old in current.results.items():
            if index in decided or index in current.locked:
                continue
            # `whole` and `until_end` reach every slice: one that was not followed is empty
            unreached = empty if isinstance(config.range, str) else old.probability
            new = self._spread.get(index, unreached)
            masks = old.mask, new.mask()
            if not np.array_equal(*masks):
                yield index, masks
