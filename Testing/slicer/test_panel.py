"""The panel: what is seen and what a button does in every state, with and without engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6 import QtWidgets

from LIMNetSegmentLib.EffectPanel import EffectPanel
from LIMNetSegmentLib.InstallLogic import InstallLogic, Machine
from LIMNetSegmentLib.Parameter import EffectOptions
from Testing.slicer.panel_doubles import (
    ASKING,
    CLICKED,
    CRASHED,
    DONE,
    FAILED,
    MISSING,
    READY,
    RUNNING,
    STATES,
    FakeLogic,
    FakePackages,
)
from Testing.slicer.python_qt import connections, grab, let_qt_work

WIDTH = 350  # of a narrow module panel
MACHINE = Machine("Linux", "x86_64", (3, 12))


@pytest.fixture
def logic():
    return FakeLogic()


@pytest.fixture
def packages():
    return FakePackages()


@pytest.fixture
def stored():
    """Options that the panel gave away."""
    return []


@pytest.fixture
def panel(logic, packages, stored, tmp_path):
    made = EffectPanel(
        logic, InstallLogic(packages, MACHINE), stored.append, lambda: None, tmp_path
    )
    logic.stateChanged.connect(made.showWork)
    made.widget.resize(WIDTH, 600)
    made.showState()
    made.widget.show()
    yield made
    made.cleanup()
    made.widget.close()


def press(button):
    """Press a button as a user can: only if it is seen and enabled."""
    assert button.isVisible()
    assert button.isEnabled()
    button.click()


# What is seen


@pytest.mark.parametrize("name", STATES)
def test_every_state_says_something_and_fits_a_narrow_panel(panel, logic, name):
    logic.show(STATES[name])
    let_qt_work()
    assert panel.statusText
    assert panel.widget.minimumSizeHint.width() <= WIDTH
    picture = grab(panel.widget)
    colours = {picture.pixel(x, y) for x in range(0, WIDTH, 3) for y in range(0, 300, 3)}
    assert len(colours) > 10


def test_without_volume_the_panel_says_what_is_missing(panel, logic):
    logic.show(MISSING)
    assert panel.status.text == "Choose a source volume."
    assert not panel.rounds.propagateButton.enabled
    assert not panel.clicks.removeButton.enabled


def test_it_says_what_to_do_next(panel, logic):
    logic.show(READY)
    assert "Click the structure" in panel.status.text
    logic.show(CLICKED)
    assert "propagate" in panel.status.text
    logic.show(ASKING)
    assert "Keep the slices" in panel.status.text


def test_an_error_is_seen_as_one(panel, logic):
    logic.show(FAILED)
    assert panel.status.text == "The weights are damaged."
    assert panel.status.styleSheet
    logic.show(READY)
    assert not panel.status.styleSheet


def test_the_plane_rounds_and_device_are_told(panel, logic):
    logic.show(DONE)
    assert panel.planeLabel.text == "Axial slices, rounds: 2, CPU, slower"
    logic.show(CLICKED)
    assert "Coronal" in panel.planeLabel.text


def test_only_what_makes_sense_is_seen_of_a_round(panel, logic):
    rounds = panel.rounds
    rows = {
        "start": rounds.propagateButton,
        "running": rounds.cancelButton,
        "asking": rounds.keepButton,
        "crashed": rounds.resumeButton,
    }
    for state, seen in (
        (READY, {"start"}),
        (CLICKED, {"start"}),
        (RUNNING, {"running"}),
        (ASKING, {"asking"}),
        (CRASHED, {"start", "crashed"}),
    ):
        logic.show(state)
        assert {name for name, button in rows.items() if button.isVisible()} == seen


def test_progress_counts_slices(panel, logic):
    logic.show(RUNNING)
    assert panel.rounds.progress.value == 12
    assert panel.rounds.progress.maximum == 80
    assert panel.rounds.progress.text == "12 / 80 slices"
    logic.show(ASKING)
    assert panel.rounds.keepButton.text == "Keep 14 slices"


def test_clicks_are_counted(panel, logic):
    logic.show(READY)
    assert panel.clicks.label.text == "No clicks yet"
    logic.show(RUNNING)
    assert panel.clicks.label.text == "1 positive, 1 negative, 1 new"


def test_the_slice_that_is_seen_is_told(panel, logic):
    logic.show(DONE)
    assert panel.slices.sliceLabel.text.startswith("Slice 6: round 2, certainty 40 %")
    for word in ("round&nbsp;1", "round&nbsp;2", "edited&nbsp;by&nbsp;hand", "clicked", "locked"):
        assert word in panel.slices.legend.text
    logic.show(replace(DONE, currentSlice=6))
    assert panel.slices.lockButton.text == "Unlock"
    assert panel.slices.lockButton.checked


# What buttons do


@pytest.mark.parametrize("name", STATES)
def test_every_button_that_can_be_pressed_can_be_pressed_in_every_state(
    panel, logic, name, dialogs
):
    logic.show(STATES[name])
    ask_for_a_file = (panel.files.openButton, panel.files.saveButton)
    for button in panel.widget.findChildren(QtWidgets.QAbstractButton):
        if button.isVisible() and button.isEnabled() and button is not panel.weights.button:
            if any(button is asks for asks in ask_for_a_file):
                dialogs.will_be_answered("")
            button.click()
            logic.show(STATES[name])
    assert all(call[0] for call in logic.taken())


def test_buttons_of_rounds(panel, logic):
    rounds = panel.rounds
    for state, button, call in (
        (CLICKED, rounds.propagateButton, ("propagate",)),
        (RUNNING, rounds.cancelButton, ("cancel",)),
        (ASKING, rounds.keepButton, ("keepPartial",)),
        (ASKING, rounds.backButton, ("goBack",)),
        (CRASHED, rounds.resumeButton, ("resumeAfterCrash",)),
        (CRASHED, rounds.dismissButton, ("dismissResume",)),
    ):
        logic.show(state)
        press(button)
        assert logic.taken() == [call]


def test_buttons_of_slices(panel, logic):
    logic.show(DONE)
    for button, call in (
        (panel.slices.nextButton, ("goToNextSlice",)),
        (panel.slices.lockButton, ("toggleLock", 5)),
        (panel.slices.changeButton, ("showLastChange", True)),
    ):
        press(button)
        assert logic.taken() == [call]
    logic.show(replace(DONE, isShowingChange=True))
    assert panel.slices.changeButton.checked
    press(panel.slices.changeButton)
    assert logic.taken() == [("showLastChange", False)]


def test_buttons_that_would_do_nothing_cannot_be_pressed(panel, logic):
    logic.show(READY)
    for button in (
        panel.rounds.propagateButton,
        panel.clicks.removeButton,
        panel.slices.nextButton,
        panel.slices.lockButton,
        panel.slices.changeButton,
    ):
        assert not button.enabled


def test_the_last_click_is_removed(panel, logic):
    logic.show(DONE)
    press(panel.clicks.removeButton)
    assert logic.taken() == [("removeClick", 1)]
    logic.show(READY)
    panel.clicks.removeLast()
    assert logic.taken() == []


def test_the_strip_goes_to_slices_and_locks_them(panel, logic):
    logic.show(DONE)
    let_qt_work()
    panel.slices.strip.pressed(1, False)
    panel.slices.strip.pressed(WIDTH, True)
    assert logic.taken() == [("goToSlice", 0), ("toggleLock", 7)]


# Options


def test_the_signs_are_two_buttons_of_which_one_is_down(panel, logic, stored):
    logic.show(READY)
    assert panel.clicks.positiveButton.checked
    press(panel.clicks.negativeButton)
    assert stored == [EffectOptions(positive=False)]
    logic.setOptions(stored[0])
    assert panel.clicks.negativeButton.checked
    assert not panel.clicks.positiveButton.checked


def test_rounds_after_every_click_are_an_option(panel, logic, stored):
    logic.show(READY)
    press(panel.rounds.automaticCheck)
    assert stored == [EffectOptions(automatic=True)]


def test_advanced_options_are_folded_away(panel, logic):
    logic.show(READY)
    assert not panel.advanced.widget.isVisible()
    press(panel.advancedButton)
    assert panel.advanced.widget.isVisible()
    assert panel.widget.minimumSizeHint.width() <= WIDTH
    press(panel.advancedButton)
    assert not panel.advanced.widget.isVisible()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda a: a.preset.setCurrentIndex(1), {"preset": "paper"}),
        (lambda a: a.device.setCurrentIndex(2), {"device": "cpu"}),
        (lambda a: a.range.setCurrentIndex(1), {"range": "whole"}),
        (lambda a: a.sliceCount.setValue(25), {"sliceCount": 25}),
        (lambda a: a.fusion.click(), {"fusion": False}),
        (lambda a: a.window.setCurrentIndex(1), {"window": "view"}),
        (lambda a: a.lockEdited.click(), {"lockEdited": False}),
    ],
)
def test_every_advanced_option_is_handed_on(panel, logic, stored, change, wanted):
    logic.show(READY)
    change(panel.advanced)
    assert stored == [EffectOptions(**wanted)]


def test_a_window_is_given_as_two_numbers(panel, logic, stored):
    press(panel.advancedButton)
    logic.setOptions(EffectOptions(window="given"))
    advanced = panel.advanced
    assert advanced.windowLow.isVisible()
    advanced.windowLow.setText("-1000.5")
    advanced.windowLow.editingFinished.emit()
    assert stored[-1].windowLow == "-1000.5"
    assert stored[-1].givenWindow == (-1000.5, 240.0)
    logic.setOptions(EffectOptions(window="given", windowLow="much"))
    assert advanced.windowLow.styleSheet
    logic.setOptions(EffectOptions())
    assert not advanced.windowLow.isVisible()


def test_options_of_elsewhere_are_shown_and_not_handed_on_again(panel, logic, stored):
    options = EffectOptions(
        preset="paper",
        device="cuda:1",
        range="count",
        sliceCount=3,
        automatic=True,
        fusion=False,
        window="given",
        windowLow="0.5",
        windowHigh="2.5",
        positive=False,
        lockEdited=False,
    )
    logic.setOptions(options)
    assert not stored
    assert panel.advanced.read(EffectOptions(automatic=True, positive=False)) == options
    assert panel.rounds.automaticCheck.checked


# Without engine


@pytest.fixture
def bare(logic, stored, tmp_path):
    packages = FakePackages(isComplete=False)
    made = EffectPanel(
        logic, InstallLogic(packages, MACHINE), stored.append, lambda: None, tmp_path
    )
    made.packages = packages
    made.widget.resize(WIDTH, 400)
    made.showState()
    made.widget.show()
    yield made
    made.cleanup()
    made.widget.close()


def test_without_torch_the_panel_says_what_is_missing_and_how_large(bare):
    assert "torch" in bare.statusText
    assert "300 MB" in bare.statusText
    assert bare.install.installButton.isVisible()
    assert not bare.clicks.widget.isVisible()
    assert not bare.isReady
    assert not bare.packages.asked


def test_one_click_installs_and_the_panel_is_there(bare):
    press(bare.install.installButton)
    assert bare.packages.asked
    assert bare.isReady
    assert bare.clicks.widget.isVisible()
    assert not bare.install.widget.isVisible()


def test_the_text_of_a_failure_is_seen_and_it_can_be_tried_again(bare):
    bare.packages.fault = RuntimeError("no network: pypi.org cannot be reached")
    press(bare.install.installButton)
    assert bare.install.failure.isVisible()
    assert "pypi.org" in bare.install.failure.toPlainText()
    bare.packages.fault = None
    press(bare.install.installButton)
    assert bare.isReady


def test_a_folder_of_wheels_is_asked_for(bare, dialogs):
    dialogs.will_be_answered("")
    press(bare.install.folderButton)
    assert not bare.packages.asked
    dialogs.will_be_answered("wheels")
    press(bare.install.folderButton)
    assert bare.packages.asked[0][:3] == ["--no-index", "--find-links", "wheels"]
    assert bare.isReady


def test_an_intel_mac_has_no_button(logic, stored, tmp_path):
    install = InstallLogic(FakePackages(isComplete=False), Machine("Darwin", "x86_64", (3, 12)))
    panel = EffectPanel(logic, install, stored.append, lambda: None, tmp_path)
    panel.widget.show()
    panel.showState()
    assert "Intel" in panel.statusText
    assert not panel.install.installButton.isVisible()
    panel.cleanup()
    panel.widget.close()


def test_states_that_come_without_engine_change_nothing(bare, logic):
    logic.stateChanged.connect(bare.showWork)
    logic.show(DONE)
    assert "torch" in bare.statusText


# The end


def test_after_its_end_nothing_is_connected(panel, logic):
    panel.cleanup()
    for widget in panel.widget.findChildren(QtWidgets.QWidget):
        assert not connections(widget), widget
    logic.show(CLICKED)
    panel.rounds.propagateButton.click()
    assert logic.taken() == []
