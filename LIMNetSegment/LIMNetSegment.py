"""A hidden module: it registers the effect LIMNet of the Segment Editor, and tests it in Slicer.

Importing it needs neither torch nor the engine nor a main window.
"""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

EFFECT_NAME = "LIMNet"


class LIMNetSegment(ScriptedLoadableModule):
    """Says who we are, and registers the effect once Slicer has started."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("LIMNet")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations"]
        parent.contributors = ["SlicerLIMNet contributors"]
        parent.hidden = True
        parent.helpText = _(
            "This module adds the effect LIMNet to the Segment Editor. It segments a structure of "
            "a volume from a few clicks on slices. Nothing leaves this computer."
        )
        parent.acknowledgementText = _(
            'An open implementation of LIM-Net: "Lightweight Method for Interactive 3D Medical '
            'Image Segmentation with Multi-Round Result Fusion", 2024. Research software, no '
            "medical device."
        )
        slicer.app.connect("startupCompleted()", registerEffect)


def registerEffect() -> None:
    """Make the effect known to every segment editor."""
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    import LIMNetSegmentLib  # first: setPythonSource then finds the class in the package

    source = Path(LIMNetSegmentLib.__file__).with_name("SegmentEditorEffect.py")
    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    effect.setPythonSource(source.as_posix())
    effect.self().register()


class LIMNetSegmentTest(ScriptedLoadableModuleTest):
    """Tests the effect in a real Segment Editor; it needs neither torch nor a main window."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_panelWithoutVolume()
        self.setUp()
        self.test_panelWithSegment()
        self.delayDisplay("Test passed")

    def test_panelWithoutVolume(self):
        """The effect is there, and its panel says what is missing."""
        editor, effect = self._chooseEffect(self._newEditor())
        assert effect.panel.statusText
        self._leave(editor)

    def test_panelWithSegment(self):
        """Options are kept in the node of the editor, and leaving leaves nothing behind."""
        editor = self._newEditor()
        volume, segmentation = self._addBall()
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)
        editor, effect = self._chooseEffect(editor)
        effect.switchPolarity()
        node = effect.scriptedEffect.parameterSetNode()
        assert node.GetAttribute(f"{EFFECT_NAME}.positive") == "0"
        effect.switchPolarity()
        assert node.GetAttribute(f"{EFFECT_NAME}.positive") == "1"
        self._leave(editor)
        assert not effect.timer.active

    def _newEditor(self):
        editor = slicer.qMRMLSegmentEditorWidget()
        editor.setMRMLScene(slicer.mrmlScene)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        editor.setMRMLSegmentEditorNode(node)
        return editor

    def _chooseEffect(self, editor):
        editor.setActiveEffectByName(EFFECT_NAME)
        assert editor.activeEffect() is not None
        return editor, editor.activeEffect().self()

    def _leave(self, editor):
        editor.setActiveEffect(None)

    def _addBall(self):
        """Return a small volume with a bright ball in it, and a segmentation with one segment."""
        import numpy as np

        offsets = np.indices((24, 32, 32)) - np.array([12, 16, 16]).reshape(3, 1, 1, 1)
        ball = (np.linalg.norm(offsets, axis=0) < 8).astype(np.int16) * 200
        volume = slicer.util.addVolumeFromArray(ball, name="Ball")
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        segmentation.CreateDefaultDisplayNodes()
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segmentation.GetSegmentation().AddEmptySegment("ball", "ball")
        return volume, segmentation
