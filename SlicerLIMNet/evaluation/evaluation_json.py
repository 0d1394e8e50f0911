"""The report of an evaluation for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from SlicerLIMNet.evaluation.runner import Evaluation
from SlicerLIMNet.evaluation.summary import RunSummary


def report_json(
    evaluations: Sequence[Evaluation], facts: Mapping[str, Any], engine: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the report as plain values: the first run, and all runs if there are several.

    Args:
        evaluations: One a run; the first is the one in question.
        facts: What else figures depend on: manifest, weights, training.
        engine: Of `EngineInfo`; empty where no engine was needed.
    """
    runs = [
        {
            "name": evaluation.settings.name,
            **evaluation.to_json(),
            "summary": RunSummary(evaluation).to_json(),
            "depends_on": dict(evaluation.settings.depends_on),
        }
        for evaluation in evaluations
    ]
    report = {"format": 1, "facts": dict(facts), **runs[0], "engine": dict(engine)}
    return report | ({"runs": runs} if len(runs) > 1 else {})
