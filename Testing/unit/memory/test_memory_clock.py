from __future__ import annotations

import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.memory.clock import MemoryClock, SliceDuties
from SlicerLIMNet.memory.config import MemoryConfig


def ticks(config: MemoryConfig, slices: int, masks: tuple[int, ...] = (0,)) -> list[SliceDuties]:
    clock = MemoryClock(config)
    return [clock.tick(has_mask=t in masks, is_last=t == slices - 1) for t in range(slices)]


def test_slices_are_remembered_at_the_interval_and_the_last_leaves_no_trace():
    duties = ticks(MemoryConfig(every=5), 16)
    assert [t for t, duty in enumerate(duties) if duty.remember] == [0, 5, 10]
    assert duties[-1] == SliceDuties(False, False, False)


def test_a_mask_on_the_way_starts_the_interval_anew():
    duties = ticks(MemoryConfig(every=5), 14, masks=(0, 7))
    assert [t for t, duty in enumerate(duties) if duty.remember] == [0, 5, 7, 12]


def test_a_slice_in_step_makes_either_the_deep_or_the_normal_update():
    for duty in ticks(MemoryConfig(every=3), 10)[:-1]:
        assert duty.deep_update is duty.remember
        assert duty.normal_update is not duty.remember


def test_a_clock_of_its_own_makes_deep_updates_on_memory_slices_only():
    duties = ticks(MemoryConfig(every=5, deep_every=7), 20)
    both = [t for t, duty in enumerate(duties) if duty.remember and duty.deep_update]
    assert both == [0, 10]
    assert all(duty.normal_update for duty in duties[:-1])


@pytest.mark.parametrize(
    "options",
    [
        {"every": 0},
        {"deep_every": 0},
        {"top_k": 0},
        {"prototypes": 0},
        {"min_slices": 10, "max_slices": 10},
        {"prototypes": 200, "long_term_elements": 100},
    ],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(ConfigError, match=f"memory option .*{list(options)[-1]}"):
        MemoryConfig(**options)
