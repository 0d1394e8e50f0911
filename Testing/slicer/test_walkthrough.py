"""The scripted day of a user, with the shipped weights, on the phantom."""

from __future__ import annotations

import pytest

from SlicerLIMNet.evaluation.demo_input import phantom_input
from Testing.slicer.effect_factory import qSlicerSegmentEditorEffectFactory
from Testing.slicer.walkthrough import walkthrough


@pytest.fixture
def phantom():
    return phantom_input((40, 96, 120), (8.0, 10 / 3, 10 / 3))


@pytest.fixture(autouse=True)
def forget_effects():
    """The day registers the shipped effect; tests that follow begin without."""
    before = dict(qSlicerSegmentEditorEffectFactory.registered)
    yield
    qSlicerSegmentEditorEffectFactory.registered.clear()
    qSlicerSegmentEditorEffectFactory.registered.update(before)


def test_a_day_with_the_liver_ends_well(phantom, tmp_path):
    with walkthrough(phantom, "liver", lambda _: None, tmp_path) as day:
        steps = day.run(tmp_path / "scene.mrb")
    scores = {step.name: step.dice for step in steps}
    assert steps[-1].dice >= 0.85
    assert steps[-1].dice > scores["propagate"]  # corrections are worth their clicks
    assert scores["redo"] == scores["save the scene, close it, open it again"]
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert "liver-first-click.png" in pictures
    assert "liver-reopened.png" in pictures
    assert any("running" in name for name in pictures)
