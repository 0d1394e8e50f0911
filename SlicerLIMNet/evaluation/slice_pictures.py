"""Pictures of slices: the image with contours of truth and result, and the clicks.

Slices appear as in a radiological reading: the patient's right on the left, the front or the head
on top. What is drawn is given in array indices; only the axes of the picture turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.plane import Plane, plane_name
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.plots import png
from SlicerLIMNet.evaluation.robot_rounds import RoundOutcome
from SlicerLIMNet.imaging.window import SOFT_TISSUE_WINDOW, Window

BoolArray = npt.NDArray[np.bool_]

NIGHT = "#0f1419"
PALE = "#e6e9ec"
TRUTH_COLOUR = "white"
POSITIVE_COLOUR = "#35e06b"
NEGATIVE_COLOUR = "#ff4136"
COLOURS = ("#ffb000", "#c79bff", "#2ad4ff", "#4f8cff", "#ff5fa2")
"""Of results, one an object; light enough for a dark image and unlike the clicks."""
CROP_MARGIN = 1.45
"""Side of a cropped picture over the extent of the object in it."""

_DISPLAY_DIRECTION_LPS = {0: (0, 0, -1), 1: (0, 1, 0), 2: (1, 0, 0)}
"""Where the indices of z, y, x must grow to, so that rows go down and columns to the right."""


class ObjectRun(NamedTuple):
    """One object, its truth, and what the rounds with fusion led to."""

    name: str
    truth: BoolArray  # [z, y, x]
    outcomes: Sequence[RoundOutcome]


def overview_picture(
    volume: Volume, runs: Sequence[ObjectRun], window: Window = SOFT_TISSUE_WINDOW
) -> bytes:
    """Return a PNG: the slices of three planes that show the most objects, with the last result."""
    truths = np.stack([run.truth for run in runs])
    planes = (Plane(0), Plane(1), Plane(2))
    ratios = [_width_to_height(volume, plane) for plane in planes]
    figure = Figure(figsize=(4.6 * sum(ratios), 5.3), facecolor=NIGHT)
    panels = figure.subplots(1, 3, width_ratios=ratios)
    for axes, plane in zip(panels, planes, strict=True):
        index = _fullest_slice(truths, plane.axis)
        _show_slice(axes, volume, plane, index, window)
        for run, colour in _coloured(runs):
            _outline(axes, plane, index, run.truth, TRUTH_COLOUR, 0.9)
            _outline(axes, plane, index, run.outcomes[-1].mask, colour, 1.8)
        axes.set_title(
            f"{plane_name(plane, volume.geometry)}, slice {index}", color=PALE, fontsize=12
        )
    entries = [
        _line(colour, 2.2, f"{spoken(run.name)} {run.outcomes[-1].dice:.3f}")
        for run, colour in _coloured(runs)
    ]
    _legend(figure, [*entries, _line(TRUTH_COLOUR, 1.0, "truth")])
    figure.subplots_adjust(left=0.01, right=0.99, top=0.92, bottom=0.09, wspace=0.03)
    return png(figure)


def rounds_picture(
    volume: Volume, runs: Sequence[ObjectRun], window: Window = SOFT_TISSUE_WINDOW
) -> bytes:
    """Return a PNG: a row an object, a column a round, each the clicked slice after the round."""
    rounds = max(len(run.outcomes) for run in runs)
    figure = Figure(figsize=(2.35 * rounds + 0.4, 2.35 * len(runs) + 0.9), facecolor=NIGHT)
    grid = figure.subplots(len(runs), rounds, squeeze=False)
    for cells, (run, colour) in zip(grid, _coloured(runs), strict=True):
        for number, axes in enumerate(cells):
            _round_cell(axes, volume, run, number, colour, window)
        cells[0].set_ylabel(spoken(run.name), color=colour, fontsize=13, fontweight="bold")
    for number, axes in enumerate(grid[0], start=1):
        axes.set_title(f"round {number}", color=PALE, fontsize=13)
    clicks = [
        _marker(POSITIVE_COLOUR, "P", "click: belongs to it"),
        _marker(NEGATIVE_COLOUR, "X", "click: does not"),
    ]
    _legend(figure, [_line(PALE, 2.2, "result, in colour"), _line("white", 0.9, "truth"), *clicks])
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.subplots_adjust(0.43 / width, 0.5 / height, 0.995, 1 - 0.4 / height, 0.03, 0.03)
    return png(figure)


def _round_cell(
    axes: Axes, volume: Volume, run: ObjectRun, number: int, colour: str, window: Window
) -> None:
    """Draw the slice clicked in a round, cropped round the object."""
    outcome, plane = run.outcomes[number], Plane(0)
    if outcome.click is None:
        _quiet(axes)
        axes.text(0.5, 0.5, "nothing left\nto click", color="#8a939b", ha="center", va="center")
        return
    index = outcome.click.slice_index
    _show_slice(axes, volume, plane, index, window)
    _outline(axes, plane, index, run.truth, TRUTH_COLOUR, 0.9)
    _outline(axes, plane, index, outcome.mask, colour, 1.7)
    past = [earlier.click for earlier in run.outcomes[: number + 1] if earlier.click is not None]
    clicks = [click for click in past if click.slice_index == index]
    _draw_clicks(axes, clicks)
    _crop(axes, volume, run.truth, clicks)
    note: dict[str, Any] = {
        "fontsize": 11,
        "color": PALE,
        "transform": axes.transAxes,
        "va": "top",
    }
    back = {"facecolor": NIGHT, "alpha": 0.65, "edgecolor": "none", "pad": 1.5}
    axes.text(0.02, 0.98, f"slice {index}", bbox=back, **note)
    axes.text(0.98, 0.98, f"Dice {outcome.dice:.3f}", ha="right", bbox=back, **note)


def _show_slice(axes: Axes, volume: Volume, plane: Plane, index: int, window: Window) -> None:
    geometry = volume.geometry
    _, row_mm, column_mm = plane.from_zyx(geometry.spacing_zyx_mm)
    axes.imshow(
        np.take(volume.array, index, axis=plane.axis),
        cmap="gray",
        vmin=window.low,
        vmax=window.high,
        interpolation="bicubic",
        aspect=row_mm / column_mm,
    )
    _, rows, columns = plane.axes
    if _runs_against_display(volume, rows):
        axes.invert_yaxis()
    if _runs_against_display(volume, columns):
        axes.invert_xaxis()
    _quiet(axes)


def _runs_against_display(volume: Volume, axis: int) -> bool:
    direction = volume.geometry.axis_direction_lps(axis)
    return float(np.dot(direction, _DISPLAY_DIRECTION_LPS[axis])) < 0


def _outline(
    axes: Axes, plane: Plane, index: int, mask: BoolArray, colour: str, width: float
) -> None:
    section = np.take(mask, index, axis=plane.axis)
    if section.any() and not section.all():
        axes.contour(section, levels=[0.5], colors=[colour], linewidths=[width])


def _draw_clicks(axes: Axes, clicks: Sequence[Click]) -> None:
    """Draw the clicks of a slice; the newest is the largest."""
    for age, click in enumerate(reversed(clicks)):
        axes.scatter(
            [click.column],
            [click.row],
            s=95 if age == 0 else 45,
            marker="P" if click.positive else "X",
            color=POSITIVE_COLOUR if click.positive else NEGATIVE_COLOUR,
            edgecolors="black",
            linewidths=0.9,
            zorder=4,
        )


def _crop(axes: Axes, volume: Volume, truth: BoolArray, clicks: Sequence[Click]) -> None:
    """Limit a picture to a square, in mm, round the object's extent over all slices and clicks."""
    spacing = np.array(volume.geometry.spacing_zyx_mm[1:])
    places = [(click.row, click.column) for click in clicks]
    pixels = np.concatenate([np.argwhere(truth.any(axis=0)), np.reshape(places, (-1, 2))])
    first, last = pixels.min(axis=0), pixels.max(axis=0)
    half = CROP_MARGIN * float(((last - first + 1) * spacing).max()) / 2 / spacing
    low, high = (first + last) / 2 - half, (first + last) / 2 + half
    rows, columns = (low[0], high[0]), (low[1], high[1])
    axes.set_ylim(rows if _runs_against_display(volume, 1) else rows[::-1])
    axes.set_xlim(columns[::-1] if _runs_against_display(volume, 2) else columns)


def _fullest_slice(truths: BoolArray, axis: int) -> int:
    """Return the slice that shows the most objects, and of these the largest share of them."""
    others = tuple(i + 1 for i in range(3) if i != axis)
    areas = np.count_nonzero(truths, axis=others)  # (objects, slices)
    shares = areas / np.maximum(areas.max(axis=1, keepdims=True), 1)
    return int((np.count_nonzero(areas, axis=0) + shares.mean(axis=0)).argmax())


def _width_to_height(volume: Volume, plane: Plane) -> float:
    sizes_mm = np.array(volume.shape_zyx) * volume.geometry.spacing_zyx_mm
    _, rows, columns = plane.axes
    return float(sizes_mm[columns] / sizes_mm[rows])


def _quiet(axes: Axes) -> None:
    """Take ticks and frame away; what lies beyond the image is black."""
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _legend(figure: Figure, entries: list[Line2D]) -> None:
    figure.legend(
        handles=entries,
        loc="lower center",
        ncols=len(entries),
        frameon=False,
        labelcolor=PALE,
        fontsize=12,
    )


def _coloured(runs: Sequence[ObjectRun]) -> Iterator[tuple[ObjectRun, str]]:
    return zip(runs, cycle(COLOURS), strict=False)


def _line(colour: str, width: float, text: str) -> Line2D:
    return Line2D([], [], color=colour, linewidth=width, label=text)


def _marker(colour: str, shape: str, text: str) -> Line2D:
    return Line2D(
        [],
        [],
        color=colour,
        marker=shape,
        markersize=9,
        linestyle="none",
        markeredgecolor="black",
        label=text,
    )


def spoken(name: str) -> str:
    """Return an object's name as a person writes it: kidney_right is kidney right."""
    return name.replace("_", " ")
