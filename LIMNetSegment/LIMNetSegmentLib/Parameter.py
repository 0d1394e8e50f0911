"""The options of the effect: a frozen dataclass that the segment editor node stores as text."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

UNTIL_END = "until_end"
WHOLE = "whole"
COUNT = "count"
RANGES = (UNTIL_END, WHOLE, COUNT)

AUTOMATIC = "auto"
VIEW = "view"
GIVEN = "given"
WINDOWS = (AUTOMATIC, VIEW, GIVEN)


class ParameterStore(Protocol):
    """What of `scriptedEffect` stores parameters; all values are text or whole numbers."""

    def parameter(self, name: str, /) -> str: ...

    def parameterDefined(self, name: str, /) -> bool: ...

    def setParameter(self, name: str, value: str | int, /) -> None: ...

    def setParameterDefault(self, name: str, value: str | int, /) -> None: ...


@dataclass(frozen=True)
class EffectOptions:
    """What the user chose; every value is valid, whatever the node held."""

    preset: str = "light"
    """Which networks: `light` or `paper`."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`."""
    range: str = UNTIL_END
    """How far a round goes: `until_end` of the object, `whole` volume, or `count` slices."""
    sliceCount: int = 10
    """Slices each way, where the range is `count`."""
    automatic: bool = False
    """Whether a round follows every click."""
    fusion: bool = True
    """Whether earlier results may stay where they are better."""
    window: str = AUTOMATIC
    """Intensities seen: `auto`, the `view`'s window and level, or `given`."""
    windowLow: str = "-160"
    """Lowest intensity of a `given` window; text, since the node rounds numbers."""
    windowHigh: str = "240"
    """Highest intensity of a `given` window; text likewise."""
    positive: bool = True
    """Active polarity of clicks."""
    lockEdited: bool = True
    """Whether slices that were edited by hand become locked."""

    @property
    def roundRange(self) -> str | int:
        """The range as the engine takes it."""
        return self.sliceCount if self.range == COUNT else self.range

    @property
    def givenWindow(self) -> tuple[float, float] | None:
        """Both numbers of a given window; None where they make none."""
        try:
            low, high = float(self.windowLow), float(self.windowHigh)
        except ValueError:
            return None
        return (low, high) if low < high else None

    @property
    def chosenWindow(self) -> tuple[str, str, str]:
        """All that the window depends on."""
        return (self.window, self.windowLow, self.windowHigh)

    def with_(self, **changes: Any) -> EffectOptions:
        """Return the options with some changed."""
        return replace(self, **changes)


_CHOICES = {"range": RANGES, "window": WINDOWS}


def setDefaults(store: ParameterStore) -> None:
    """Give every option its default in the node, where it has none yet."""
    for name, value in _asStored(EffectOptions()).items():
        store.setParameterDefault(name, value)


def readOptions(store: ParameterStore) -> EffectOptions:
    """Return what the node holds; what is missing or makes no sense has its default."""
    values = {}
    for field in fields(EffectOptions):
        if store.parameterDefined(field.name):
            parsed = _parsed(field.name, store.parameter(field.name), field.default)
            values[field.name] = field.default if parsed is None else parsed
    return EffectOptions(**values)


def writeOptions(store: ParameterStore, options: EffectOptions) -> None:
    """Store the options that differ from what the node holds."""
    before = _asStored(readOptions(store))
    for name, value in _asStored(options).items():
        if before[name] != value or not store.parameterDefined(name):
            store.setParameter(name, value)


def _asStored(options: EffectOptions) -> dict[str, str | int]:
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {
        name: int(value) if isinstance(value, bool) else value for name, value in values.items()
    }


def _parsed(name: str, text: str, default: Any) -> Any:
    """Return what a text of the node stands for; None where it makes no sense."""
    if isinstance(default, bool):
        return {"0": False, "1": True}.get(text)
    if isinstance(default, int):
        return int(text) if text.isdigit() else None
    if text in _CHOICES.get(name, (text,)):
        return text or None
    return None
