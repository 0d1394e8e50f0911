"""What a run of an evaluation depends on, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from SlicerLIMNet.domain.config import PAPER, PERMANENT, RoundConfig
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
from SlicerLIMNet.evaluation.robot_user import SEED, ClickRule

LIMNET = "limnet"
"""The method that this package is about; the others are the baselines."""

CHALLENGE_CLICKS = 5

_SLICE_RULES = {
    ClickRule.WORST_SLICE: "largest slice, then the slice of lowest Dice",
    ClickRule.ERROR_CENTRE: "largest slice, then the slice of the centre of the largest 3D error",
    ClickRule.CVPR25: "the slice of the centre of the largest 3D error",
}


@dataclass(frozen=True)
class RunSettings:
    """One way to segment every target."""

    method: str = LIMNET
    """`limnet` or a baseline."""
    robot: RobotConfig = field(default_factory=RobotConfig)
    """How the robot user clicks."""
    rounds: RoundConfig | None = field(default_factory=RoundConfig)
    """How sessions run; None for a baseline, which has no such options."""
    same_clicks: bool = False
    """Whether the clicks are those of the same run with fusion, not chosen on this run's result."""
    depends_on: Mapping[str, Any] = field(default_factory=dict)
    """What else the figures depend on: weights and device, or a baseline's parameters."""

    @property
    def name(self) -> str:
        """What the run is called in tables."""
        if self.rounds is None:
            return self.method.replace("-", " ")
        if self.rounds.fusion:
            return f"{self.rounds.memory} memory, with fusion"
        clicks = ", same clicks" if self.same_clicks else ""
        return f"{self.rounds.memory} memory, without{clicks}"

    @property
    def clicked_first(self) -> RunSettings:
        """The run whose clicks this one repeats; itself if it repeats none."""
        if not self.same_clicks or self.rounds is None:
            return self
        return replace(self, rounds=replace(self.rounds, fusion=True), same_clicks=False)

    def to_json(self) -> dict[str, Any]:
        """Return what every figure of the run depends on, as plain values."""
        rounds = self.rounds
        said = {
            "method": self.method,
            "protocol": self.robot.rule.value,
            "rounds": self.robot.rounds,
            "most_clicks": self.robot.length,
            "clicks_a_round": 1,
            "slice_rule": _SLICE_RULES[self.robot.rule],
            "slices_along": "array axis 0",
            "spacing": "native",
            "jitter_pixels": self.robot.jitter_pixels,
            "seed": SEED,
        }
        if rounds is not None:
            said |= {
                "fusion": rounds.fusion,
                "clicks_of": "the run with fusion" if self.same_clicks else "this run",
                "memory": rounds.memory,
                "range": rounds.range,
                "follow": rounds.follow,
                "incremental": rounds.incremental,
                "fusion_margin": rounds.fusion_margin,
                "empty_slices_to_stop": rounds.empty_slices_to_stop,
            }
        return said

    def conditions(self) -> str:
        """Return in words how the robot clicked; nothing about the method."""
        jitter = self.robot.jitter_pixels
        moved = f", moved at random by up to {jitter:g} pixels" if jitter else ""
        return (
            f"protocol {self.robot.rule.value}, {self.robot.rounds} rounds of 1 click{moved}; "
            f"slice clicked: {_SLICE_RULES[self.robot.rule]}; slices along array axis 0, native "
            f"spacing; seed {SEED}"
        )


def with_long_first(runs: Sequence[RunSettings], most_clicks: int) -> list[RunSettings]:
    """Return the runs; the first, and those that differ from it in fusion only, are made longer."""
    long = replace(runs[0].robot, most_clicks=most_clicks)
    memory = None if runs[0].rounds is None else runs[0].rounds.memory
    return [
        replace(run, robot=long)
        if run.robot == runs[0].robot and run.rounds is not None and run.rounds.memory == memory
        else run
        for run in runs
    ]


def compared_runs(
    methods: Sequence[str],
    robots: Sequence[RobotConfig],
    rounds: RoundConfig,
    depends_on: Mapping[str, Mapping[str, Any]],
    compare_fusion: bool = False,
    compare_memory: bool = False,
) -> list[RunSettings]:
    """Return the runs of a comparison, protocol by protocol; the first is the one in question.

    Args:
        methods: `limnet` and baselines.
        robots: One a protocol.
        rounds: How sessions run where nothing is compared.
        depends_on: By method, what its figures depend on.
        compare_fusion: With fusion; without it, each on its own clicks; without it on the clicks
            of the run with it.
        compare_memory: Both memory modes, the one of `rounds` first.
    """
    other = PAPER if rounds.memory == PERMANENT else PERMANENT
    memories = [rounds.memory, other] if compare_memory else [rounds.memory]
    fusions = [(True, False), (False, False), (False, True)]
    if not compare_fusion:
        fusions = [(rounds.fusion, False)]
    configs = [
        (replace(rounds, memory=memory, fusion=fusion), same)
        for memory in memories
        for fusion, same in fusions
    ]
    runs = []
    for robot in robots:
        for method in methods:
            facts = depends_on[method]
            if method == LIMNET:
                runs += [
                    RunSettings(method, robot, config, same, facts) for config, same in configs
                ]
            else:
                runs.append(RunSettings(method, robot, None, depends_on=facts))
    return runs
