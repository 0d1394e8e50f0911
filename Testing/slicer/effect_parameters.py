"""The parameters of an effect: text in the attributes of the segment editor node."""

from __future__ import annotations

from typing import Any

import vtk


class EffectParameters:
    """The part of `scriptedEffect` that stores values."""

    name: str
    editor: Any

    def parameterSetNode(self) -> Any:
        """Return the segment editor node; None where there is none."""
        return self.editor.mrmlSegmentEditorNode() if self.editor else None

    def scene(self) -> Any:
        """Return the scene of the segment editor node."""
        node = self.parameterSetNode()
        return node.GetScene() if node else None

    def parameter(self, name: str) -> str:
        """Return a value as text; empty, with an error, where it is not defined."""
        node = self.parameterSetNode()
        value = node.GetAttribute(self._key(name)) if node else None
        if value is None and node:
            value = node.GetAttribute(name)
        if value is None:
            self._error(f"parameter {name} is not defined")
        return value or ""

    def integerParameter(self, name: str) -> int:
        """Return a whole number; "3.0" is none and gives 0, with an error."""
        try:
            return int(self.parameter(name))
        except ValueError:
            self._error(f"parameter {name} is no whole number")
            return 0

    def doubleParameter(self, name: str) -> float:
        """Return a number."""
        try:
            return float(self.parameter(name))
        except ValueError:
            self._error(f"parameter {name} is no number")
            return 0.0

    def parameterDefined(self, name: str) -> bool:
        """Tell whether the effect has a value of this name."""
        node = self.parameterSetNode()
        return bool(node and node.GetAttribute(self._key(name)))

    def commonParameterDefined(self, name: str) -> bool:
        """Tell whether all effects share a value of this name."""
        node = self.parameterSetNode()
        return bool(node and node.GetAttribute(name))

    def setParameter(self, name: str, value: str | int | float) -> None:
        """Store a value for this effect."""
        self.setCommonParameter(self._key(name), value)

    def setCommonParameter(self, name: str, value: str | int | float) -> None:
        """Store a value for all effects; the same value again tells nobody."""
        if type(value) not in (str, int, float):
            raise TypeError(f"{name} = {value!r}: C++ has overloads for str, int and float only")
        node = self.parameterSetNode()
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        if node is None:
            self._error(f"parameter {name} was set without a segment editor node")
        elif (node.GetAttribute(name) or "") != text:
            was = node.GetDisableModifiedEvent()
            node.SetDisableModifiedEvent(1)
            node.SetAttribute(name, text)
            node.SetDisableModifiedEvent(was)
            node.InvokeCustomModifiedEvent(node.EffectParameterModified)

    def setParameterDefault(self, name: str, value: str | int | float) -> None:
        """Store a value where there is none."""
        if not self.parameterDefined(name):
            self.setParameter(name, value)

    def setCommonParameterDefault(self, name: str, value: str | int | float) -> None:
        """Store a shared value where there is none."""
        if not self.commonParameterDefined(name):
            self.setCommonParameter(name, value)

    def nodeReference(self, name: str) -> Any:
        """Return a node that the effect refers to."""
        node = self.parameterSetNode()
        return node.GetNodeReference(self._key(name)) or node.GetNodeReference(name)

    def setNodeReference(self, name: str, target: Any) -> None:
        """Refer to a node, or to none."""
        self.setCommonNodeReference(self._key(name), target)

    def setCommonNodeReference(self, name: str, target: Any) -> None:
        """Refer to a node for all effects."""
        node = self.parameterSetNode()
        node.SetNodeReferenceID(name, target.GetID() if target else None)
        node.InvokeCustomModifiedEvent(node.EffectParameterModified)

    def _key(self, name: str) -> str:
        return f"{self.name}.{name}"

    @staticmethod
    def _error(text: str) -> None:
        """Log an error as qCritical does; the fault collection hears it."""
        vtk.vtkOutputWindow.GetInstance().DisplayErrorText(f"ERROR: {text}\n")
