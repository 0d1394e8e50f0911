"""Options of rounds, and presets."""

from __future__ import annotations

import json

import pytest

from SlicerLIMNet.domain.config import PRESETS, RoundConfig, preset_by_name
from SlicerLIMNet.errors import ConfigError


@pytest.mark.parametrize("range_", ["until_end", "whole", 0, 7])
@pytest.mark.parametrize("memory", ["permanent", "paper"])
def test_options_survive_the_way_through_json(range_, memory):
    config = RoundConfig(range=range_, memory=memory, fusion=False, empty_slices_to_stop=2, seed=3)
    assert RoundConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"range": "far"}, "a range is until_end, whole or a number"),
        ({"range": -1}, "a range is"),
        ({"range": True}, "a range is"),
        ({"range": 2.5}, "a range is"),
        ({"memory": "short"}, "memory is permanent or paper"),
        ({"fusion": 1}, "fusion is true or false"),
        ({"empty_slices_to_stop": 0}, "1 or more empty slices"),
        ({"seed": "x"}, "a seed is a whole number"),
        ({"fusion_margin": 0.5}, "a fusion margin is 0 to under 0.5"),
        ({"fusion_margin": "x"}, "a fusion margin is 0 to under 0.5"),
        ({"follow": "me"}, "follow is nearest or clicked"),
        ({"speed": 1}, "unknown option of a round: speed"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RoundConfig.from_json(options)


def test_the_presets_have_the_defaults_of_the_specification():
    light = RoundConfig(range="until_end", memory="permanent", fusion_margin=0.15)
    assert preset_by_name("light").round == light
    assert preset_by_name("paper").round == RoundConfig(range="whole", memory="paper")
    assert all(preset.round.fusion for preset in PRESETS.values())
    for preset in PRESETS.values():
        assert set(preset.weights) == {"prompt", "memory", "quality"}
        assert set(preset.sources) == set(preset.weights.values())


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ConfigError, match="'heavy'; choose one of light, paper"):
        preset_by_name("heavy")
