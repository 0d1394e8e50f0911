"""What can be chosen about a round, and the presets: which networks, which defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from SlicerLIMNet.errors import ConfigError

UNTIL_END = "until_end"
WHOLE = "whole"
PERMANENT = "permanent"
PAPER = "paper"
NEAREST = "nearest"
CLICKED = "clicked"
LIGHT_MARGIN = 0.15  # of those tried on held-out training volumes the one that costs least


@dataclass(frozen=True)
class RoundConfig:
    """How a round runs.

    Raises:
        ConfigError: An option is unknown or out of range.
    """

    range: str | int = UNTIL_END
    """How far a round goes: `until_end` of the object, `whole` volume, or slices each way."""
    memory: str = PERMANENT
    """References: `permanent` takes every prompted slice, `paper` only the one just clicked."""
    follow: str = NEAREST
    """With `permanent`: slices are followed from the `nearest` reference, or from the `clicked`."""
    incremental: bool = True
    """With `permanent` and `nearest`: masks between two references stay if both are old."""
    fusion: bool = True
    """Whether the quality network chooses between previous and new mask; else the new one stays."""
    fusion_margin: float = 0.0
    """The previous mask stays if the quality network's p for it is above 0.5 by more than this."""
    empty_slices_to_stop: int = 5
    """With `until_end`: empty slices in a row after which a direction stops (k)."""
    seed: int = 0
    """Of whatever is drawn at random; nothing is, today."""

    def __post_init__(self) -> None:
        _check_range(self.range)
        if self.memory not in (PERMANENT, PAPER):
            raise ConfigError(f"memory is {PERMANENT} or {PAPER}, not {self.memory!r:.50}")
        if self.follow not in (NEAREST, CLICKED):
            raise ConfigError(f"follow is {NEAREST} or {CLICKED}, not {self.follow!r:.50}")
        for name in ("fusion", "incremental"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is true or false, not {getattr(self, name)!r:.50}")
        is_number = isinstance(self.fusion_margin, (int, float))
        if not (is_number and 0 <= self.fusion_margin < 0.5):
            raise ConfigError(f"a fusion margin is 0 to under 0.5, not {self.fusion_margin!r:.50}")
        if not _is_whole(self.empty_slices_to_stop) or self.empty_slices_to_stop < 1:
            raise ConfigError(
                f"a direction stops after 1 or more empty slices, not "
                f"{self.empty_slices_to_stop!r:.50}"
            )
        if not _is_whole(self.seed):
            raise ConfigError(f"a seed is a whole number, not {self.seed!r:.50}")

    def to_json(self) -> dict[str, Any]:
        """Return the options as plain values; `from_json` gives an equal object."""
        return asdict(self)

    @classmethod
    def from_json(cls, options: Mapping[str, Any]) -> RoundConfig:
        """Return the options that `to_json` wrote; those that are missing have their default.

        Raises:
            ConfigError: An option is unknown or out of range.
        """
        unknown = sorted(set(options) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown option of a round: {', '.join(unknown)}")
        return cls(**options)


def _check_range(value: object) -> None:
    if value in (UNTIL_END, WHOLE) and isinstance(value, str):
        return
    if not _is_whole(value) or int(value) < 0:  # type: ignore[call-overload]
        raise ConfigError(
            f"a range is {UNTIL_END}, {WHOLE} or a number of slices each way, not {value!r:.50}"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Preset:
    """A set of three networks and the defaults that belong to them."""

    name: str
    """As users write it."""
    round: RoundConfig
    """Defaults of its sessions."""
    weights: Mapping[str, str]
    """File stem by role (prompt, memory, quality); a version `-vN` may follow."""
    sources: Mapping[str, str]
    """By file stem, where weights that are missing come from; a file name comes first."""


_SHIPPED = "install the package again, which brings this file, or put one"

PRESETS: Mapping[str, Preset] = {
    "light": Preset(
        name="light",
        round=RoundConfig(fusion_margin=LIGHT_MARGIN),
        weights={"prompt": "light-prompt", "memory": "light-memory", "quality": "light-quality"},
        sources={
            "light-prompt": _SHIPPED,
            "light-memory": _SHIPPED,
            "light-quality": _SHIPPED,
        },
    ),
    "paper": Preset(
        name="paper",
        round=RoundConfig(range=WHOLE, memory=PAPER),
        weights={"prompt": "paper-prompt", "memory": "paper-memory", "quality": "paper-quality"},
        sources={
            "paper-prompt": "coco_lvis_h32_itermask.pth "
            "(release v1.0 of github.com/SamsungLabs/ritm_interactive_segmentation)",
            "paper-memory": "XMem.pth (releases of github.com/hkchengrex/XMem)",
            "paper-quality": "train the quality network (`limnet train fusion`) and save it",
        },
    ),
}


def preset_by_name(name: str) -> Preset:
    """Return a preset.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r:.50}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
