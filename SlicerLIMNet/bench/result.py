"""What a bench has found: seconds, slices a second, ratios; as JSON and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from SlicerLIMNet.bench.cases import BenchSize
from SlicerLIMNet.bench.network_clock import NetworkWork

STEPS = {
    "warm_up": "warm-up of an engine",
    "window": "intensity window of the volume",
    "first_click": "first click",
    "later_click": "later click",
    "first_round": "first round",
    "later_round": "later round",
    "fusion": "  of it fusion",
    "write_back": "mask of the whole volume",
    "later_round_without_cache": "later round, no features kept",
    "naive_first_round": "first round, plain path",
    "naive_later_round": "later round, plain path",
    "naive_in_region_first_round": "first round, plain path in a region",
    "naive_in_region_later_round": "later round, plain path in a region",
}
"""What is measured, by its name in JSON, and how a table says it; the plain path only on wish."""
ROUNDS = ("first_round", "later_round")


@dataclass(frozen=True)
class BenchResult:
    """Seconds of every step in every repeat, and what they depend on."""

    size: BenchSize
    """Of the volume."""
    seconds: dict[str, list[float]]
    """By name of the step, one a repeat."""
    work: dict[str, list[NetworkWork]]
    """Of the networks in each step, one a repeat."""
    gflop: dict[str, float]
    """That the networks compute in each step."""
    same_masks: bool
    """Whether the later round gave the same with and without kept features, bit for bit."""
    dice_to_naive: float | None
    """Between the masks of the plain path in a region and these; None if it was not run."""
    feature_mib: float
    """Memory of the features that were kept."""
    peak_mib: float | None
    """The most memory of the process, or on the GPU, before the plain path ran."""
    matrix_gflops: float
    """Rate of a large matrix product on this machine, in GFLOP/s."""
    facts: dict[str, Any]
    """Versions, threads, device, precision."""

    @property
    def medians(self) -> dict[str, float]:
        """Seconds by step."""
        return {step: median(values) for step, values in self.seconds.items()}

    @property
    def slices_per_second(self) -> dict[str, float]:
        """Slices that truly went through the propagation network, by time of the whole round."""
        return {
            step: self.work[step][-1].slices / seconds
            for step, seconds in self.medians.items()
            if step.endswith("_round")
        }

    @property
    def share_outside(self) -> dict[str, float]:
        """Share of a step's time that is spent outside the networks and their memory."""
        return {
            step: 1 - median(work.seconds for work in self.work[step]) / self.medians[step]
            for step in ("first_click", "later_click", *ROUNDS)
        }

    @property
    def share_of_machine(self) -> dict[str, float]:
        """Rate of the networks while they work, as a share of the machine's matrix products."""
        rates = {
            step: self.gflop[step] / median(work.seconds for work in self.work[step])
            for step in ROUNDS
        }
        return {step: rate / self.matrix_gflops for step, rate in rates.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """How many times faster rounds are than on the plain path; empty if that was not run."""
        middle = self.medians
        return {
            name.removeprefix("_"): middle[f"naive{where}_{step}"] / middle[step]
            for where, ending in (("", ""), ("_in_region", "_with_region_in_both"))
            for step, name in zip(ROUNDS, (f"first{ending}", f"later{ending}"), strict=True)
            if f"naive{where}_{step}" in middle
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "volume": {"slices": self.size.slices, "pixels": self.size.pixels},
            "repeats": len(self.seconds["first_round"]),
            "seconds": {
                step: {
                    "median": round(median(values), 4),
                    "least": round(min(values), 4),
                    "most": round(max(values), 4),
                }
                for step, values in self.seconds.items()
            },
            "network_slices": {step: self.work[step][-1].slices for step in ROUNDS},
            "slices_per_second": _rounded(self.slices_per_second),
            "share_outside_networks": _rounded(self.share_outside),
            "network_gflop": _rounded({step: self.gflop[step] for step in ROUNDS}),
            "matrix_product_gflop_per_second": round(self.matrix_gflops, 1),
            "share_of_matrix_product_rate": _rounded(self.share_of_machine),
            "ratios_to_naive": _rounded(self.ratios),
            "dice_to_naive": self.dice_to_naive,
            "same_masks_with_and_without_cache": self.same_masks,
            "feature_mib": round(self.feature_mib, 1),
            "peak_mib": None if self.peak_mib is None else round(self.peak_mib, 1),
            **self.facts,
        }

    def lines(self) -> list[str]:
        """Return a table for a terminal."""
        return [*self._heading(), *self._table(), *self._figures()]

    def _heading(self) -> list[str]:
        size, facts = self.size, self.facts
        shown = [
            f"{size.slices} slices of {size.pixels} x {size.pixels}; {facts['preset']}, "
            f"{facts['device']}, {facts['precision']}, {facts['threads']} threads, torch "
            f"{facts['versions']['torch']}"
        ]
        if facts["random_weights"]:
            shown.append("random weights: the times count, the masks mean nothing")
        return shown

    def _table(self) -> list[str]:
        shown = [f"{'seconds':36} {'median':>8} {'least':>8} {'most':>8} {'slices/s':>9}"]
        for step, name in STEPS.items():
            values = self.seconds.get(step)
            if values is None:
                continue
            row = " ".join(f"{value:8.3f}" for value in (median(values), min(values), max(values)))
            rate = self.slices_per_second.get(step)
            shown.append(f"{name:36} {row}" + (f" {rate:9.1f}" if rate is not None else ""))
        return shown

    def _figures(self) -> list[str]:
        masks = "the same masks, bit for bit" if self.same_masks else "OTHER MASKS"
        outside, reached = self.share_outside, self.share_of_machine
        shown = [
            "slices through the network: "
            + ", ".join(f"{self.work[step][-1].slices} in the {STEPS[step]}" for step in ROUNDS),
            f"outside the networks: {outside['first_round']:.0%} of a first round, "
            f"{outside['later_round']:.0%} of a later one, {outside['first_click']:.0%} of a first "
            "click",
            f"a large matrix product here: {self.matrix_gflops:.0f} GFLOP/s in "
            f"{self.facts['precision']}; the networks reach {reached['first_round']:.0%} of it in "
            f"a first round, {reached['later_round']:.0%} in a later one",
            f"with and without kept features ({self.feature_mib:.0f} MiB): {masks}",
        ]
        if self.peak_mib is not None:
            shown.append(f"most memory: {self.peak_mib:.0f} MiB")
        if self.ratios:
            shown.append(
                "times faster than the plain path: "
                + ", ".join(f"{name.replace('_', ' ')} {x:.1f}" for name, x in self.ratios.items())
            )
        if self.dice_to_naive is not None:
            shown.append(f"Dice to the masks of the plain path: {self.dice_to_naive:.4f}")
        return shown


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, 4) for name, figure in figures.items()}
