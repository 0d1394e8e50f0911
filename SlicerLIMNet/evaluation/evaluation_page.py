"""The page of an evaluation: tables, curves, and pictures of the best and worst cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from SlicerLIMNet.evaluation.case_pictures import best_and_worst, case_pictures
from SlicerLIMNet.evaluation.evaluation_plots import (
    Line,
    Panel,
    colour_of,
    dash_of,
    distance_plot,
    round_plot,
)
from SlicerLIMNet.evaluation.evaluation_tables import (
    Table,
    challenge_table,
    dice_table,
    difference_table,
    distance_table,
    failure_table,
    fusion_table,
    group_table,
    reach_table,
    slice_table,
    target_table,
)
from SlicerLIMNet.evaluation.intervals import RESAMPLES
from SlicerLIMNet.evaluation.report import conditions, heading, page, paragraph, picture, table
from SlicerLIMNet.evaluation.robot_user import SEED, ClickRule
from SlicerLIMNet.evaluation.runner import Evaluation
from SlicerLIMNet.evaluation.summary import RunSummary
from SlicerLIMNet.io.manifest import ManifestVolume

_INTRODUCTION = (
    "A robot user, who knows the truth, clicked on every object as a person would: once a round. "
    "After each round the mask of the whole volume is compared with the truth. Figures are means "
    f"over targets; intervals hold 95% of the means of {RESAMPLES} resamples of the targets (seed "
    f"{SEED}). Runs that differ in method, fusion or memory are separate: in each the robot clicks "
    "on that run's own result, unless it says same clicks: these repeat the clicks of the run "
    "with fusion. Baselines get the same robot, whose clicks they see as discs."
)
_REACH = (
    "NSD: share of both surfaces within 2 mm of the other; objects no longer than 4 mm have none. "
    "Area: under Dice over the rounds, by the trapezoid rule. Clicks to a Dice: a target that "
    "never reaches it counts with all its clicks; in brackets how many do reach it; shown for the "
    "longest runs. Slices worsened: share of slices whose Dice fell by more than 0.01 in a round, "
    "mean of the rounds from the second on."
)
_FAILURES = (
    "Flooding: share of the mask outside the object, on the clicked slice and its two neighbours. "
    "Overrun: slices in a row past an end of the object that still hold a mask, mean of both ends. "
    "Decay: Dice lost in ten slices of distance from the nearest clicked slice. False slices: "
    "share of the slices without the object that hold any mask; false voxels: what is marked "
    "there, over the object's voxels."
)
_FUSION = (
    "Slices to judge have an older and a newer mask that differ, and no click of their own. "
    "Regret: Dice of the better one minus Dice of the chosen one, mean of these slices. Without "
    "fusion the newer one is always chosen. The last column: Dice of the whole volume if the "
    "better mask had been taken on each of these slices in the last round."
)
_SLICE = (
    "The object's largest slice alone, clicked twice at its deepest error, without any round; "
    "Dice with its 95% interval, in brackets behind probabilities the number of targets."
)
_TARGETS = "Dice after each round, NSD at 2 mm after the last, and clicks made, of the first run."


def report_page(
    evaluations: Sequence[Evaluation],
    facts: Mapping[str, str],
    volumes: Sequence[ManifestVolume],
    title: str,
) -> str:
    """Return one page of HTML that needs no file beside it.

    Args:
        evaluations: One a run; the first is the one in question.
        facts: What figures depend on, by name.
        volumes: Of the manifest; images of the cases that are shown are read once more.
        title: Of the page.
    """
    summaries = [RunSummary(evaluation) for evaluation in evaluations]
    first = summaries[0]
    parts = [paragraph(_INTRODUCTION), heading("What was measured")]
    parts.append(table(["what", "value"], [[*fact] for fact in facts.items()], is_text=True))
    for rule in dict.fromkeys(s.settings.robot.rule for s in summaries):
        parts += _protocol([s for s in summaries if s.settings.robot.rule is rule], facts)
    parts += _one_run(first, _same_protocol(first, summaries), facts)
    best, worst = best_and_worst(first.targets)
    for words, targets in (("Best cases", best), ("Worst cases", worst)):
        if targets:
            parts.append(heading(f"{words}: {first.settings.name}"))
        for case in case_pictures(targets, volumes):
            text = f"{case.target.name}: Dice {case.target.dice[-1]:.3f} after the last round."
            parts += [picture(case.png, text), _conditions(first, facts)]
    return page(title, parts)


def _protocol(summaries: Sequence[RunSummary], facts: Mapping[str, str]) -> Iterator[str]:
    """Yield what the runs of one protocol led to."""
    rule = summaries[0].settings.robot.rule
    stated = _conditions(summaries[0], facts)
    yield heading(f"Protocol {rule.value}")
    yield picture(_curves(summaries), "Means over targets, a line a run.") + stated
    yield _captioned(dice_table(summaries), "Dice after each round.", stated)
    yield _captioned(reach_table(summaries), _REACH, stated)
    if rule is ClickRule.CVPR25:
        words = "The challenge's four figures over its five clicks; NSD counts 0 up to Dice 0.2. "
        words += "Over the targets that have NSD."
        yield _captioned(challenge_table(summaries), words, stated)
    if len(summaries) > 1:
        words = "Dice after the last round, the first run minus each other, target by target."
        yield _captioned(difference_table(summaries), words, stated)
    yield _captioned(fusion_table(summaries), _FUSION, stated)
    yield _captioned(failure_table(summaries), _FAILURES, stated)


def _one_run(
    first: RunSummary, same: Sequence[RunSummary], facts: Mapping[str, str]
) -> Iterator[str]:
    """Yield what is shown of one run only, or of the runs of its protocol."""
    stated = _conditions(first, facts)
    if len(first.long_curve) > first.settings.robot.rounds:
        yield heading(f"Over {len(first.long_curve)} rounds: protocol {_protocol_name(first)}")
        long = [s for s in same if s.settings.robot == first.settings.robot]
        panel = Panel("Dice", _lines(long, [s.long_curve for s in long]))
        yield picture(round_plot([panel]), "The runs that were made longer.") + stated
    if first.slice_clicks("dice"):
        yield heading("One slice")
        yield _captioned(slice_table(first), _SLICE, stated)
    yield heading(f"With distance from the clicks: {first.settings.name}")
    lines = [
        Line(f"after the {words} round", first.dice_at_distances(last), colour_of(place))
        for place, (words, last) in enumerate((("first", False), ("last", True)))
    ]
    words = "Over the targets that have slices so far from a click."
    yield picture(distance_plot(lines), words) + stated
    yield _captioned(distance_table(first), words, stated)
    yield heading(f"By modality and by volume: protocol {_protocol_name(first)}")
    words = "Dice after the last round."
    by_modality = [(s.settings, s.by_modality) for s in same]
    yield _captioned(group_table(by_modality, "modality"), words, stated)
    by_volume = [(s.settings, s.by_volume) for s in same]
    yield _captioned(group_table(by_volume, "volume"), words, stated)
    yield heading(f"Every target: {first.settings.name}")
    yield _captioned(target_table(first), _TARGETS, stated)


def _same_protocol(first: RunSummary, summaries: Sequence[RunSummary]) -> list[RunSummary]:
    return [s for s in summaries if s.settings.robot.rule is first.settings.robot.rule]


def _protocol_name(summary: RunSummary) -> str:
    return summary.settings.robot.rule.value


def _conditions(summary: RunSummary, facts: Mapping[str, str]) -> str:
    """Return what every figure states."""
    parts = [summary.settings.conditions(), f"{len(summary.targets)} targets"]
    parts += [f"weights {facts['weights']}"] if "weights" in facts else []
    parts += [facts[name] for name in ("training",) if name in facts]
    return conditions("; ".join(parts))


def _curves(summaries: Sequence[RunSummary]) -> bytes:
    panels = [Panel("Dice", _lines(summaries, [s.by_round("dice") for s in summaries]))]
    surfaces = [s.by_round("nsd") for s in summaries]
    if any(mean is not None for mean in surfaces[0]):
        panels.append(Panel("Surface Dice at 2 mm", _lines(summaries, surfaces), "NSD"))
    return round_plot(panels)


def _lines(summaries: Sequence[RunSummary], curves: Sequence[Any]) -> list[Line]:
    return [
        Line(s.settings.name, means, colour_of(place), dash_of(place))
        for place, (s, means) in enumerate(zip(summaries, curves, strict=True))
    ]


def _captioned(content: Table, words: str, stated: str) -> str:
    """Return a table with what it shows below; nothing for one without rows."""
    if not content.rows:
        return ""
    return table(*content) + paragraph(words, is_faint=True) + stated
