"""The effect as Slicer runs it, all parts together, on fake networks."""

from __future__ import annotations

import gc
import sys
import time
import weakref

import numpy as np
import pytest

from Testing.slicer.effect_factory import register_effect
from Testing.slicer.effect_scene import (
    EffectScene,
    HeldNetworks,
    node_names,
    use_networks,
    worker_threads,
)
from Testing.slicer.gil_loop import run_holding_gil
from Testing.slicer.python_qt import connections, let_qt_work
from Testing.slicer.start import EFFECT
from Testing.slicer.waiting import wait_until

IN_FIRST, IN_SECOND, OUTSIDE = (12, 16, 12), (12, 16, 34), (2, 2, 2)


@pytest.fixture
def networks() -> HeldNetworks:
    """Networks that go on by themselves; a test may hold them."""
    held = HeldNetworks()
    held.may_go_on.set()
    return held


@pytest.fixture
def scene(application, make_views, make_editor, networks, monkeypatch):
    register_effect(EFFECT)
    use_networks(monkeypatch, networks)
    made = EffectScene(application, make_views, make_editor)
    yield made
    networks.may_go_on.set()


@pytest.mark.parametrize("view", [0, 1, 2])
def test_a_click_and_a_round_in_every_view_find_the_block(scene, view):
    scene.click(IN_FIRST, view)
    assert scene.mask().any()
    assert scene.mask()[IN_FIRST]
    scene.propagate()
    assert np.array_equal(scene.mask(), scene.truth(0))


def test_every_action_is_one_state_of_the_editor(scene):
    seen = [scene.mask()]
    scene.click(IN_FIRST)
    seen.append(scene.mask())
    scene.propagate()
    seen.append(scene.mask())
    for before in reversed(seen[:-1]):
        scene.editor.undo()
        scene.wait()
        assert np.array_equal(scene.mask(), before)
    for after in seen[1:]:
        scene.editor.redo()
        scene.wait()
        assert np.array_equal(scene.mask(), after)
    assert len(scene.logic.state.clicks) == 1


def test_segments_keep_their_sessions_apart(scene):
    scene.click(IN_FIRST)
    scene.propagate()
    scene.editor.setCurrentSegmentID(scene.segments[1])
    assert scene.logic.state.clicks == ()
    scene.click(IN_SECOND, view=2)
    scene.propagate()
    assert np.array_equal(scene.mask(1), scene.truth(1))
    scene.editor.setCurrentSegmentID(scene.segments[0])
    scene.wait()
    assert len(scene.logic.state.clicks) == 1
    assert scene.logic.state.planeName == "axial"
    assert np.array_equal(scene.mask(0), scene.truth(0))


def test_a_click_goes_to_the_segment_of_the_click(scene, networks):
    networks.may_go_on.clear()
    scene.click(IN_FIRST)
    scene.logic.propagate()
    wait_until(networks.has_begun.is_set)
    scene.editor.setCurrentSegmentID(scene.segments[1])
    networks.may_go_on.set()
    scene.wait()
    assert not scene.mask(1).any()


KEYS = ("n", "Return", "c", "l", "d", "BackSpace", "Delete", "Escape", "x", "Shift_L", "F5")


def random_action(scene, rng) -> None:
    """Do one of the things a hand may do."""
    view = scene.views[rng.integers(3)]
    xy = tuple(int(value) for value in rng.integers(-20, 320, 2))
    held = {"ctrl": bool(rng.random() < 0.2), "shift": bool(rng.random() < 0.1)}
    button = str(rng.choice(["Left", "Left", "Left", "Right", "Middle"]))
    actions = {
        "click": lambda: view.click(xy, button, **held),
        "aimed": lambda: scene.click_only(IN_FIRST if rng.random() < 0.5 else IN_SECOND),
        "press": lambda: view.press(xy, button, **held),
        "release": lambda: view.release(xy, button, **held),
        "double": lambda: view.double_click(xy, **held),
        "move": lambda: view.move(xy, **held),
        "drag": lambda: view.drag(xy, (xy[1], xy[0]), **held),
        "wheel": lambda: view.wheel(xy, int(rng.choice([-3, -1, 1, 2])), **held),
        "key": lambda: view.key(str(rng.choice(KEYS)), xy, **held),
        "leave": lambda: (view.leave(xy), scene.views[0].enter(xy)),
        "segment": lambda: scene.editor.setCurrentSegmentID(str(rng.choice(scene.segments))),
        "effect": lambda: scene.editor.setActiveEffectByName(
            "" if rng.random() < 0.3 else "LIMNet"
        ),
        "history": lambda: (scene.editor.undo if rng.random() < 0.6 else scene.editor.redo)(),
        "cancel": lambda: scene.effect.panel.rounds.cancelButton.click(),
        "propagate": lambda: scene.effect.panel.rounds.propagateButton.click(),
        "time": let_qt_work,
        "patience": scene.wait,
    }
    weights = np.array([4, 5, 2, 2, 1, 3, 2, 2, 4, 1, 2, 1, 2, 1, 3, 4, 4], float)
    actions[str(rng.choice(list(actions), p=weights / weights.sum()))]()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_200_random_events_in_a_row_raise_nothing(scene, networks, seed):
    rng = np.random.default_rng(seed)
    for _ in range(200):
        random_action(scene, rng)
    scene.wait()
    assert networks.prompts_asked > 3
    assert networks.has_begun.is_set()  # rounds ran, too
    scene.editor.setActiveEffectByName("LIMNet")
    scene.click(IN_FIRST)
    assert not scene.logic.state.isError


def test_leaving_takes_everything_off_the_scene(scene):
    scene.editor.setActiveEffectByName("")
    nodes = node_names(scene.application.scene)
    props = [view.renderer.GetViewProps().GetNumberOfItems() for view in scene.views]
    scene.editor.setActiveEffectByName("LIMNet")
    scene.click(IN_FIRST)
    scene.propagate()
    scene.logic.showLastChange(True)
    scene.editor.setActiveEffectByName("")
    assert node_names(scene.application.scene) == nodes
    now = [view.renderer.GetViewProps().GetNumberOfItems() for view in scene.views]
    assert now == props
    assert not scene.effect.timer.active


def test_a_closed_editor_leaves_no_observer_thread_or_timer(scene):
    scene.click(IN_FIRST)
    scene.propagate()
    effect, logic, panel, timer = scene.effect, scene.logic, scene.effect.panel, scene.effect.timer
    assert worker_threads()
    scene.editor.close_editor()
    assert worker_threads() == []
    assert not timer.active
    assert connections(timer) == []
    left = [weakref.ref(thing) for thing in (logic, panel)]
    del logic, panel, timer
    effect.panel = effect.timer = None
    gc.collect()
    assert [thing() for thing in left] == [None, None]  # nothing calls them: nothing holds them


def test_an_effect_that_was_left_hears_nothing(scene):
    scene.click(IN_FIRST)
    scene.propagate()
    heard = []
    scene.editor.setActiveEffectByName("")
    scene.logic.stateChanged.connect(lambda: heard.append("state"))
    scene.segmentation.GetSegmentation().RemoveSegment(scene.segments[1])
    scene.volume.Modified()
    scene.views[0].click((150, 150))
    scene.views[0].node.SetSliceOffset(3.0)
    let_qt_work()
    assert heard == []


def test_a_scene_closed_in_the_middle_of_a_round_ends_it(scene, networks, application):
    networks.may_go_on.clear()
    scene.click(IN_FIRST)
    scene.effect.panel.rounds.propagateButton.click()
    wait_until(networks.has_begun.is_set)
    application.close_scene()
    networks.may_go_on.set()
    let_qt_work()
    wait_until(lambda: not scene.logic.state.isBusy)
    scene.editor.setActiveEffectByName("LIMNet")
    scene.views[0].click((150, 150))
    assert scene.logic.state.statusText


def test_leaving_in_the_middle_of_a_round_leaves_the_segment_as_it_was(scene, networks):
    networks.may_go_on.clear()
    scene.click(IN_FIRST)
    before = scene.mask()
    scene.effect.panel.rounds.propagateButton.click()
    wait_until(networks.has_begun.is_set)
    scene.editor.setActiveEffectByName("")
    networks.may_go_on.set()
    scene.editor.setActiveEffectByName("LIMNet")
    scene.wait()
    assert np.array_equal(scene.mask(), before)


class ManySteps(HeldNetworks):
    """Networks that ask for the interpreter's lock many times a slice, as torch does."""

    STEPS = 25

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on.set()
        self.slices = 0

    def spread(self, task, cancel):
        for found in super().spread(task, cancel):
            for _ in range(self.STEPS):
                time.sleep(0)
            self.slices += 1
            yield found


@pytest.mark.parametrize("networks", [ManySteps()], ids=["many steps"])
def test_a_round_does_not_starve_in_slicer_s_event_loop(scene, networks):
    scene.click(IN_FIRST)
    scene.logic.propagate()
    turns = run_holding_gil(scene.effect._poll, lambda: not scene.logic.state.isBusy)
    assert networks.slices > 10
    assert turns < 3 * networks.slices  # one a report; without waiting it would be 25 a slice
    assert np.array_equal(scene.mask(), scene.truth(0))


def test_the_interpreter_switches_as_it_does_by_default():
    assert sys.getswitchinterval() == pytest.approx(0.005)  # what the turns above stand on
