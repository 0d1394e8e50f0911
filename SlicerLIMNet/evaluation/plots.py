"""Curves over rounds, drawn without a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK = "#1f2933"
FAINT = "#9aa5b1"
ACCENT = "#0b7285"
DOTS_PER_INCH = 110


class Curves(NamedTuple):
    """The Dice a round of one object, or of the mean of some."""

    title: str
    with_fusion: Sequence[float]
    without_fusion: Sequence[float]


def dice_plot(mean: Curves, objects: Sequence[Curves]) -> bytes:
    """Return a PNG: Dice over rounds with and without fusion, the mean first, then each object."""
    columns = 3
    rows = -(-(len(objects) + 1) // columns)
    figure = Figure(figsize=(11.5, 3.3 * rows + 0.4), facecolor="white")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, curves in zip(panels, [mean, *objects], strict=False):
        _draw_curves(axes, curves)
    for axes in panels[len(objects) + 1 :]:
        axes.set_visible(False)
    worst = min(min(*c.with_fusion, *c.without_fusion) for c in [mean, *objects])
    panels[0].set_ylim(max(0.0, worst - 0.2), 1.01)
    for axes in panels[::columns]:
        axes.set_ylabel("Dice", color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=2, frameon=False, fontsize=11)
    figure.tight_layout(rect=(0, 0.2 / rows / 3.3 + 0.02, 1, 1))
    return png(figure)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes, the same for the same figure."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _draw_curves(axes: Axes, curves: Curves) -> None:
    rounds = range(1, len(curves.with_fusion) + 1)
    without, with_fusion = curves.without_fusion, curves.with_fusion
    axes.plot(rounds, with_fusion, "o-", color=ACCENT, lw=2.2, zorder=3, label="with fusion")
    axes.plot(rounds, without, "o--", color=FAINT, markersize=5, zorder=4, label="without fusion")
    axes.text(
        0.97,
        0.06,
        f"{with_fusion[-1]:.3f} with\n{without[-1]:.3f} without",
        transform=axes.transAxes,
        ha="right",
        color=INK,
        fontsize=11,
    )
    axes.set_title(curves.title, color=INK, fontsize=12, fontweight="bold")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round", color=INK)
    axes.tick_params(colors=INK)
    axes.grid(axis="y", color="#e4e7eb")
    axes.spines[["top", "right"]].set_visible(False)
