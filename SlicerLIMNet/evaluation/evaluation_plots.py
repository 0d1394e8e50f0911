"""Curves of an evaluation: figures over rounds, and Dice over the distance to a click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from SlicerLIMNet.evaluation.intervals import Mean
from SlicerLIMNet.evaluation.plots import FAINT, INK, png
from SlicerLIMNet.evaluation.propagation_failures import DISTANCES

RUN_COLOURS = (
    "#0b7285",
    "#d9480f",
    "#5f3dc4",
    "#2b8a3e",
    "#c2255c",
    "#846358",
    "#e8a200",
    "#343a40",
    "#4dabf7",
)
"""Of lines, one for each run of a whole comparison."""
_DASHES = ("-", "--", ":")


class Line(NamedTuple):
    """One run in a plot."""

    name: str
    means: Sequence[Mean | None]
    colour: str
    dash: str = "-"


class Panel(NamedTuple):
    """One plot of several lines."""

    title: str
    lines: Sequence[Line]
    unit: str = "Dice"


def round_plot(panels: Sequence[Panel]) -> bytes:
    """Return a PNG: panels beside each other, means over rounds; the first line with its interval.

    All panels have the same runs; they are named below.
    """
    lines = panels[0].lines
    legend_rows = -(-len(lines) // 3)
    height = 4.0 + 0.26 * legend_rows
    figure = Figure(figsize=(11.5, height), facecolor="white")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        _draw_rounds(axes, panel)
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="lower center", ncols=min(3, len(lines)), frameon=False, fontsize=10
    )
    figure.tight_layout(rect=(0, (0.26 * legend_rows + 0.12) / height, 1, 1))
    return png(figure)


def distance_plot(lines: Sequence[Line]) -> bytes:
    """Return a PNG: Dice of slices over their distance to the nearest clicked slice."""
    figure = Figure(figsize=(8.5, 4.2), facecolor="white")
    axes = figure.subplots()
    for line in lines:
        places = [place for place, mean in enumerate(line.means) if mean is not None]
        heights = [mean.mean for mean in line.means if mean is not None]
        axes.plot(places, heights, "o", color=line.colour, ls=line.dash, lw=2, label=line.name)
    axes.set_xticks(range(len(DISTANCES)), [distance_name(*ends) for ends in DISTANCES])
    axes.set_xlabel("slices to the nearest clicked slice", color=INK)
    axes.set_ylabel("mean Dice of these slices", color=INK)
    axes.legend(frameon=False, fontsize=10)
    _calm(axes)
    figure.tight_layout()
    return png(figure)


def distance_name(low: int, high: int | None) -> str:
    """Return how a group of distances is called."""
    if high is None:
        return f"{low} and more"
    return "clicked" if high == 0 else f"{low} to {high}"


def dash_of(number: int) -> str:
    """Return the style of a line: neighbours differ, so that equal ones can be told apart."""
    return _DASHES[number % len(_DASHES)]


def colour_of(number: int) -> str:
    """Return the colour of a line."""
    return RUN_COLOURS[number % len(RUN_COLOURS)]


def _draw_rounds(axes: Axes, panel: Panel) -> None:
    for number, line in enumerate(panel.lines):
        rounds = [place for place, mean in enumerate(line.means, start=1) if mean is not None]
        means = [mean for mean in line.means if mean is not None]
        axes.plot(
            rounds,
            [mean.mean for mean in means],
            "o",
            color=line.colour,
            ls=line.dash,
            lw=2 if number else 3.4,  # the run in question can be seen below one that equals it
            markersize=4,
            label=line.name,
            zorder=3 + number,
        )
        if number == 0:
            lows, highs = [m.low for m in means], [m.high for m in means]
            axes.fill_between(rounds, lows, highs, color=line.colour, alpha=0.12, lw=0)
    axes.set_title(panel.title, color=INK, fontsize=12, fontweight="bold")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round", color=INK)
    axes.set_ylabel(panel.unit, color=INK)
    _calm(axes)


def _calm(axes: Axes) -> None:
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color="#e4e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
