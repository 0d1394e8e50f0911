"""What a run amounts to: means over targets with intervals, by modality, by volume, paired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from SlicerLIMNet.evaluation.intervals import Mean, mean_of, means_by_round
from SlicerLIMNet.evaluation.propagation_failures import DISTANCES
from SlicerLIMNet.evaluation.robot_user import ClickRule
from SlicerLIMNet.evaluation.run_settings import CHALLENGE_CLICKS
from SlicerLIMNet.evaluation.runner import Evaluation
from SlicerLIMNet.evaluation.target_result import TargetResult
from SlicerLIMNet.evaluation.target_run import LONG_CURVE
from SlicerLIMNet.metrics import area_under_curve, challenge_scores, clicks_to_reach

DICE_TO_REACH = (0.80, 0.85, 0.90)

FIGURES_A_ROUND = (
    "dice",
    "nsd",
    "seconds",
    "slices_worsened",
    "false_slices",
    "false_voxels",
    "flooding",
    "overrun",
    "decay",
    "clicked_probability",
    "prompt_dice",
    "judged_slices",
    "regret",
    "oracle_dice",
)


@dataclass(frozen=True)
class ClicksToReach:
    """How many clicks it takes to reach a Dice; targets that never do count with the most."""

    dice: float
    """To reach."""
    clicks: Mean
    """Over targets."""
    most: int
    """Clicks that a target was given."""
    reached: int
    """Targets that came so far."""

    def to_json(self) -> dict[str, Any]:
        """Return all as plain values."""
        return {**self.clicks.to_json(), "most": self.most, "reached": self.reached}


@dataclass(frozen=True)
class Group:
    """Targets of one modality or volume."""

    name: str
    """Of the modality or volume."""
    n: int
    """Targets."""
    dice: list[Mean | None]
    """A round."""


class RunSummary:
    """The figures of a run over all its targets."""

    def __init__(self, evaluation: Evaluation) -> None:
        """Take a run; figures are computed when they are asked for."""
        self.settings = evaluation.settings
        self.targets = evaluation.targets

    def by_round(self, figure: str) -> list[Mean | None]:
        """Return one of `FIGURES_A_ROUND`, its mean in every round.

        Rounds without a click take no time: they do not count for the seconds.
        """
        curves = [target.figure(figure) for target in self.targets]
        if figure == "seconds":
            curves = [[seconds or None for seconds in curve] for curve in curves]
        return means_by_round(curves)

    @property
    def last_dice(self) -> Mean:
        """After the last round."""
        last = mean_of(target.dice[-1] for target in self.targets)
        assert last is not None
        return last

    @property
    def area(self) -> Mean | None:
        """Under the Dice curve over the rounds, by the trapezoid rule: rounds - 1 at most."""
        return mean_of(area_under_curve(target.dice) for target in self.targets)

    @property
    def clicks_to_reach(self) -> list[ClicksToReach]:
        """For every one of `DICE_TO_REACH`."""
        most = self.settings.robot.length
        found = []
        for goal in DICE_TO_REACH:
            clicks = mean_of(clicks_to_reach(t.long_dice, goal, most) for t in self.targets)
            assert clicks is not None
            reached = sum(max(target.long_dice) >= goal for target in self.targets)
            found.append(ClicksToReach(goal, clicks, most, reached))
        return found

    @property
    def long_curve(self) -> list[Mean | None]:
        """Dice a round over up to ten rounds."""
        length = min(LONG_CURVE, self.settings.robot.length)
        return means_by_round([target.long_dice[:length] for target in self.targets])

    @property
    def challenge(self) -> dict[str, Mean | None]:
        """The four figures of protocol `cvpr25`, over the targets that have a surface Dice.

        Empty for other protocols, or if no target has one.
        """
        measured = [target for target in self.targets if target.rounds[0].nsd is not None]
        if self.settings.robot.rule is not ClickRule.CVPR25 or not measured:
            return {}
        scores = [
            challenge_scores(target.dice, target.figure("nsd"), CHALLENGE_CLICKS)
            for target in measured
        ]
        return {name: mean_of(score[name] for score in scores) for name in scores[0]}

    def dice_at_distances(self, last: bool) -> list[Mean | None]:
        """Return mean Dice of slices by distance, after the first or the last round.

        Over the targets that have slices so far away.
        """
        place = -1 if last else 0
        curves = [t.dice_at_distances[place] for t in self.targets if t.dice_at_distances[place]]
        return means_by_round(curves) if curves else [None] * len(DISTANCES)

    def slice_clicks(self, figure: str) -> list[Mean | None]:
        """Return a figure of `SliceClicks` after one and two clicks; empty if not measured."""
        measured = [t.slice_clicks for t in self.targets if t.slice_clicks is not None]
        return means_by_round([getattr(clicks, figure) for clicks in measured])

    def clicked_probability(self, positive: bool) -> list[Mean | None]:
        """Return the probability at the pixel of the last of one and two clicks of `SliceClicks`.

        Args:
            positive: Only of positive clicks, or only of negative ones.
        """
        measured = [t.slice_clicks for t in self.targets if t.slice_clicks is not None]
        curves = [
            [
                p if sign is positive else None
                for p, sign in zip(clicks.clicked_probability, clicks.positive, strict=True)
            ]
            for clicks in measured
        ]
        return means_by_round(curves)

    def groups(self, name_of: Callable[[TargetResult], str]) -> list[Group]:
        """Return the targets by a name, in the order in which the names come up."""
        names = dict.fromkeys(name_of(target) for target in self.targets)
        return [self._group(name, name_of) for name in names]

    @property
    def by_modality(self) -> list[Group]:
        """CT, MR, ..."""
        return self.groups(lambda target: target.modality or "not said")

    @property
    def by_volume(self) -> list[Group]:
        """By the names of the manifest."""
        return self.groups(lambda target: target.volume)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "by_round": {name: _json(self.by_round(name)) for name in FIGURES_A_ROUND},
            "area_under_dice": _one(self.area),
            "clicks_to_reach": {f"{c.dice:.2f}": c.to_json() for c in self.clicks_to_reach},
            "long_curve": _json(self.long_curve),
            "challenge": {name: _one(mean) for name, mean in self.challenge.items()},
            "dice_at_distances": {
                "slices": [list(distance) for distance in DISTANCES],
                "first_round": _json(self.dice_at_distances(last=False)),
                "last_round": _json(self.dice_at_distances(last=True)),
            },
            "slice_clicks": {
                name: _json(self.slice_clicks(name)) for name in ("dice", "object_probability")
            }
            | {
                "probability_at_positive": _json(self.clicked_probability(positive=True)),
                "probability_at_negative": _json(self.clicked_probability(positive=False)),
            },
            "by_modality": {group.name: _group_json(group) for group in self.by_modality},
            "by_volume": {group.name: _group_json(group) for group in self.by_volume},
        }

    def _group(self, name: str, name_of: Callable[[TargetResult], str]) -> Group:
        curves = [target.dice for target in self.targets if name_of(target) == name]
        return Group(name, len(curves), means_by_round(curves))


def difference(one: RunSummary, other: RunSummary) -> Mean:
    """Return the mean over targets of one run's last Dice minus the other's, target by target."""
    pairs = zip(one.targets, other.targets, strict=True)
    found = mean_of(a.dice[-1] - b.dice[-1] for a, b in pairs)
    assert found is not None
    return found


def _group_json(group: Group) -> dict[str, Any]:
    return {"n": group.n, "dice": _json(group.dice)}


def _json(means: Sequence[Mean | None]) -> list[dict[str, Any] | None]:
    return [_one(mean) for mean in means]


def _one(mean: Mean | None) -> dict[str, Any] | None:
    return None if mean is None else mean.to_json()
