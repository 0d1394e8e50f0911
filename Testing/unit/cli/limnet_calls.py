"""Calls of `limnet` inside the test's process, on small files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.cli.engine import EngineChoice
from SlicerLIMNet.cli.main import main
from Testing.doubles import FakeNetworks

CENTRE = {"slice": 8, "row": 8, "column": 8, "positive": True}


@dataclass
class Calls:
    """Calls in a folder, with fake networks that keep what they were asked."""

    folder: Path
    capture: Any
    networks: FakeNetworks = field(default_factory=FakeNetworks)
    choices: list[EngineChoice] = field(default_factory=list)
    code: int = 0
    out: str = ""
    err: str = ""

    def __call__(self, *words: object) -> Calls:
        """Call, and keep exit code, stdout and stderr."""
        self.code = main([str(word) for word in words], self._engine)
        self.out, self.err = self.capture.readouterr()
        return self

    def segment(self, *words: object, volume: str = "ball.nrrd", out: str = "out.seg.nrrd") -> Any:
        """Segment with the clicks of clicks.json."""
        clicks = ("--clicks", self.folder / "clicks.json")
        return self("segment", self.folder / volume, *clicks, "-o", self.folder / out, *words)

    @property
    def json(self) -> Any:
        """What stdout says to a machine."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What stderr says after the bars."""
        lines = [line for line in self.err.replace("\r", "\n").split("\n") if line.strip()]
        return next(line for line in reversed(lines) if line.startswith("limnet: "))

    def write_clicks(self, *rounds: list[dict[str, Any]]) -> Calls:
        """Write clicks.json."""
        (self.folder / "clicks.json").write_text(json.dumps({"rounds": rounds}))
        return self

    def write_image(self, name: str, voxels: np.ndarray) -> Path:
        """Write an image with a grid that shows every mistake."""
        image = sitk.GetImageFromArray(voxels, isVector=False)
        if image.GetDimension() == 3:
            image.SetSpacing((0.75, 0.5, 3.0))
            image.SetOrigin((-12.5, 40.0, 7.25))
            image.SetDirection((-1, 0, 0, 0, 0, 1, 0, 1, 0))
        sitk.WriteImage(image, str(self.folder / name))
        return self.folder / name

    def _engine(self, choice: EngineChoice) -> FakeNetworks:
        self.choices.append(choice)
        return self.networks
