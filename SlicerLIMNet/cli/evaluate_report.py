"""What `limnet evaluate` leaves: lines on the terminal, JSON, a page."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerLIMNet.cli.terminal import say
from SlicerLIMNet.io.write_aside import write_aside
from SlicerLIMNet.session.parts import Networks

if TYPE_CHECKING:  # imported when they are needed: --help must not wait for libraries
    from SlicerLIMNet.evaluation.runner import Evaluation
    from SlicerLIMNet.io.manifest import ManifestVolume


def report_on(
    evaluations: Sequence[Evaluation],
    volumes: Sequence[ManifestVolume],
    engine: Networks | None,
    arguments: argparse.Namespace,
) -> None:
    """Print the means, and write what was asked for."""
    from SlicerLIMNet.evaluation.evaluation_json import report_json

    facts = _facts(evaluations, engine, arguments.manifest)
    _print(evaluations, facts)
    if arguments.json is not None:
        info = {} if engine is None else engine.info.to_json()
        content = report_json(evaluations, facts, info)
        _write(arguments.json, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if arguments.html is not None:
        from SlicerLIMNet.evaluation.evaluation_page import report_page

        title = f"SlicerLIMNet on {arguments.manifest.name}"
        _write(arguments.html, report_page(evaluations, facts, volumes, title))
        say(f"open {arguments.html}")


def _facts(
    evaluations: Sequence[Evaluation], engine: Networks | None, manifest: Path
) -> dict[str, str]:
    """Return what every figure depends on, in words."""
    from SlicerLIMNet import __version__
    from SlicerLIMNet.evaluation.weights_facts import seen_in_training, trained_on

    targets = evaluations[0].targets
    n_volumes = len({target.volume for target in targets})
    facts = {
        "data": f"{manifest.name}: {len(targets)} targets of {n_volumes} volumes",
        "version": __version__,
    }
    if engine is not None:
        info = engine.info
        said = trained_on(info.weights)
        sums = ", ".join(f"{role} {sha256[:10]}" for role, sha256 in info.weights.items())
        facts["weights"] = f"{info.preset} ({sums})"
        facts["training"] = seen_in_training(manifest, said)
        facts |= {f"{role} trained on": text for role, text in said.items()}
        threads = "1 thread" if info.threads == 1 else f"{info.threads} threads"
        facts["device"] = f"{info.device}, {info.precision}, {threads} a process"
    for evaluation in evaluations:
        settings = evaluation.settings
        if settings.rounds is None and settings.depends_on:
            facts[settings.name] = _listed(settings.depends_on)
    return facts


def _print(evaluations: Sequence[Evaluation], facts: Mapping[str, str]) -> None:
    """Print the targets of a single run, else the means of every run."""
    from SlicerLIMNet.evaluation.evaluation_tables import dice_table, lines_of
    from SlicerLIMNet.evaluation.summary import RunSummary

    said = facts["data"]
    if "weights" in facts:
        said += f"; weights {facts['weights']}; {facts['training']}"
    summaries = [RunSummary(evaluation) for evaluation in evaluations]
    if len(evaluations) == 1:
        first = evaluations[0]
        print(f"{first.settings.name}; {first.settings.conditions()}; {said}")
        for target in first.targets:
            print(_row(target.name, target.dice))
        print(_row(f"mean of {len(first.targets)}", first.mean_dice))
        return
    for rule in dict.fromkeys(s.settings.robot.rule for s in summaries):
        same = [s for s in summaries if s.settings.robot.rule is rule]
        print(f"Dice; {same[0].settings.conditions()}; {said}")
        print("\n".join(lines_of(dice_table(same))))


def _row(name: str, dice: Sequence[float]) -> str:
    return f"{name:40} {' '.join(f'{value:.3f}' for value in dice)}"


def _listed(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def _write(path: Path, text: str) -> None:
    with write_aside(path) as aside:
        aside.write_text(text, "utf-8")
