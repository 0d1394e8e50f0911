"""The tables of an evaluation: rows of text for a page or a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from SlicerLIMNet.evaluation.evaluation_plots import distance_name
from SlicerLIMNet.evaluation.intervals import Mean
from SlicerLIMNet.evaluation.propagation_failures import DISTANCES
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.evaluation.summary import Group, RunSummary, difference

NOTHING = "–"  # noqa: RUF001 - a dash, as tables have it


class Table(NamedTuple):
    """Header and rows; the rows numbered in `strong` stand out."""

    header: list[str]
    rows: list[list[str]]
    strong: Sequence[int] = ()


def dice_table(summaries: Sequence[RunSummary]) -> Table:
    """Return mean Dice a round of every run, the last with its interval."""
    rounds = summaries[0].settings.robot.rounds
    header = ["run", *(f"round {number}" for number in range(1, rounds + 1)), "last: 95% interval"]
    rows = [
        [s.settings.name, *map(number, s.by_round("dice")), interval(s.last_dice)]
        for s in summaries
    ]
    return Table(header, rows, (0,))


def reach_table(summaries: Sequence[RunSummary]) -> Table:
    """Return surface Dice, area, clicks to a Dice, seconds, and slices made worse, of every run."""
    robot = summaries[0].settings.robot
    goals = [f"{c.dice:.2f} (most {c.most})" for c in summaries[0].clicks_to_reach]
    header = ["run", "NSD, first", "NSD, last", f"area (of {robot.rounds - 1})"]
    header += [f"clicks to {goal}" for goal in goals]
    header += ["s, first round", "s, later rounds", "slices worsened"]
    most = max(s.settings.robot.length for s in summaries)
    return Table(header, [_reach_row(s, most) for s in summaries], (0,))


def challenge_table(summaries: Sequence[RunSummary]) -> Table:
    """Return the four figures of protocol `cvpr25`; no rows for another protocol."""
    names = {
        "area_dice": "area under Dice",
        "area_nsd": "area under NSD",
        "final_dice": "final Dice",
        "final_nsd": "final NSD",
    }
    rows = [
        [s.settings.name, *(f"{number(s.challenge[n])} {interval(s.challenge[n])}" for n in names)]
        for s in summaries
        if s.challenge
    ]
    return Table(["run", *names.values()], rows, (0,))


def failure_table(summaries: Sequence[RunSummary]) -> Table:
    """Return the failures of propagation of every run, after the first and the last round."""
    header = ["run", "flooding, first", "last", "overrun, first", "last", "decay, first", "last"]
    header += ["false slices, first", "last", "false voxels, last"]
    rows = []
    for s in summaries:
        cells = [s.settings.name]
        for figure in ("flooding", "overrun", "decay", "false_slices"):
            means = s.by_round(figure)
            digits = 1 if figure == "overrun" else 3
            cells += [number(means[0], digits), number(means[-1], digits)]
        rows.append([*cells, number(s.by_round("false_voxels")[-1])])
    return Table(header, rows, (0,))


def fusion_table(summaries: Sequence[RunSummary]) -> Table:
    """Return what the judge chose, against what the best judge would have, of every run."""
    header = ["run", "slices to judge a round", "regret, second round", "last"]
    header += ["Dice, last", "had the better mask been taken"]
    rows = []
    for s in summaries:
        regret, oracle = s.by_round("regret"), s.by_round("oracle_dice")
        if all(mean is None for mean in regret):
            continue
        judged = [mean.mean for mean in s.by_round("judged_slices")[1:] if mean is not None]
        second = regret[min(1, len(regret) - 1)]
        row = [s.settings.name, f"{sum(judged) / max(1, len(judged)):.1f}", number(second)]
        rows.append([*row, number(regret[-1]), number(s.last_dice), number(oracle[-1])])
    return Table(header, rows)


def difference_table(summaries: Sequence[RunSummary]) -> Table:
    """Return the first run's last Dice minus that of every other, target by target."""
    first = summaries[0]
    rows = []
    for other in summaries[1:]:
        found = difference(first, other)
        rows.append([other.settings.name, f"{found.mean:+.3f}", interval(found, sign=True)])
    return Table([f"{first.settings.name}, minus", "mean difference", "95% interval"], rows)


def slice_table(summary: RunSummary) -> Table:
    """Return what one and two clicks on a slice lead to; no rows if that was not measured."""
    header = ["clicks on the slice", "Dice of the slice", "probability: mean over the object"]
    header += ["at a positive click", "at a negative click"]
    columns = [
        summary.slice_clicks("dice"),
        summary.slice_clicks("object_probability"),
        summary.clicked_probability(positive=True),
        summary.clicked_probability(positive=False),
    ]
    rows = [
        [str(count), f"{number(dice)} {interval(dice)}", *map(counted, probabilities)]
        for count, (dice, *probabilities) in enumerate(zip(*columns, strict=True), start=1)
    ]
    return Table(header, rows)


def distance_table(summary: RunSummary) -> Table:
    """Return mean Dice of slices by distance to the nearest clicked one, first and last round."""
    header = ["slices to the nearest clicked", *(distance_name(*ends) for ends in DISTANCES)]
    first, last = (summary.dice_at_distances(flag) for flag in (False, True))
    rows = [["after the first round", *map(number, first)], ["after the last", *map(number, last)]]
    counts = ["targets, first round", *("0" if mean is None else str(mean.n) for mean in first)]
    return Table(header, [*rows, counts])


def group_table(groups_by_run: Sequence[tuple[RunSettings, Sequence[Group]]], what: str) -> Table:
    """Return the last Dice of every modality or volume, a column a run."""
    header = [what, "targets", *(settings.name for settings, _ in groups_by_run)]
    rows = []
    for place, group in enumerate(groups_by_run[0][1]):
        last = [number(groups[place].dice[-1]) for _, groups in groups_by_run]
        rows.append([group.name, str(group.n), *last])
    return Table(header, rows)


def target_table(summary: RunSummary) -> Table:
    """Return the Dice a round of every target, and what tells targets apart."""
    rounds = summary.settings.robot.rounds
    header = ["target", "modality", "size z y x", "spacing z y x, mm"]
    header += [f"{n}" for n in range(1, rounds + 1)]
    header += ["NSD", "clicks"]
    rows = []
    for t in summary.targets:
        size = " x ".join(str(n) for n in t.shape_zyx)
        spacing = " x ".join(f"{mm:.3g}" for mm in t.spacing_zyx_mm)
        scores = [f"{score:.3f}" for score in t.dice]
        surface = t.rounds[-1].nsd
        last = NOTHING if surface is None else f"{surface:.3f}"
        rows.append([t.name, t.modality or "", size, spacing, *scores, last, str(len(t.clicks))])
    return Table(header, rows)


def lines_of(content: Table) -> list[str]:
    """Return a table as lines of a terminal."""
    whole = [content.header, *content.rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(content.header))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in whole
    ]


def number(mean: Mean | None, digits: int = 3) -> str:
    """Return a mean as text."""
    return NOTHING if mean is None else f"{mean.mean:.{digits}f}"


def counted(mean: Mean | None) -> str:
    """Return a mean as text, with the number of targets behind it."""
    return NOTHING if mean is None else f"{mean.mean:.3f} ({mean.n})"


def interval(mean: Mean | None, sign: bool = False) -> str:
    """Return the interval of a mean as text."""
    if mean is None:
        return NOTHING
    style = "+.3f" if sign else ".3f"
    return f"[{mean.low:{style}}, {mean.high:{style}}]"


def _reach_row(summary: RunSummary, most: int) -> list[str]:
    surface, seconds = summary.by_round("nsd"), summary.by_round("seconds")
    worsened = [mean.mean for mean in summary.by_round("slices_worsened")[1:] if mean is not None]
    later = [mean.mean for mean in seconds[1:] if mean is not None]
    reach = [
        f"{c.clicks.mean:.1f} ({c.reached} of {c.clicks.n})" if c.most == most else NOTHING
        for c in summary.clicks_to_reach
    ]
    return [
        summary.settings.name,
        number(surface[0]),
        number(surface[-1]),
        number(summary.area),
        *reach,
        number(seconds[0], 2),
        f"{sum(later) / len(later):.2f}" if later else NOTHING,
        f"{sum(worsened) / len(worsened):.3f}" if worsened else NOTHING,
    ]
