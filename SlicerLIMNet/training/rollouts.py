"""Rollouts: what rounds of the real session make of training volumes, kept for the judge to learn.

The robot user clicks as in evaluation, fusion is off, so that good and bad rounds both happen.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.robot_rounds import run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.io.write_aside import write_aside
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.session.session import Session
from SlicerLIMNet.session.stack import SliceStack
from SlicerLIMNet.training.pool import Pool, Target
from SlicerLIMNet.training.pool_files import LabelledVolume

log = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Rollout:
    """The rounds of one object.

    Shapes: images [z, y, x] bytes, windowed; truth [z, y, x]; masks [round, z, y, x].
    """

    images: npt.NDArray[np.uint8]
    truth: BoolArray
    masks: BoolArray
    clicked: npt.NDArray[np.int64]
    """[round], the slice clicked in each; -1 where nothing was left to click."""
    slice_step: float
    """From slice to slice, in pixels of a slice."""


@dataclass(frozen=True)
class RolloutConfig:
    """How rollouts are made."""

    rounds: int = 6
    """Clicks an object."""
    jitter_pixels: float = 2.0
    """Clicks move by up to this distance within the error."""
    most_per_group: int = 16
    """Objects of an anatomy that are rolled out."""


def rollouts(
    pool: Pool, folder: Path, config: RolloutConfig, make_engine: Callable[[], Networks]
) -> list[Rollout]:
    """Return the rollouts of a pool's real targets, made where the folder does not have them.

    Args:
        pool: Its real targets are rolled out, evenly over volumes.
        folder: Of files named after volume and label; made if missing.
        config: How.
        make_engine: Called once, and only if a rollout is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    targets = list(_chosen(pool, config.most_per_group))
    engine: Networks | None = None
    for target in tqdm(targets, desc="rollouts", unit="object"):
        path = folder / _file_name(target)
        if path.is_file():
            continue
        engine = engine or make_engine()
        made = roll_out(target, engine, config)
        with write_aside(path) as aside:
            np.savez_compressed(
                aside,
                images=made.images,
                truth=np.packbits(made.truth),
                masks=np.packbits(made.masks),
                shape=np.array(made.masks.shape),
                clicked=made.clicked,
                slice_step=made.slice_step,
            )
    return [read_rollout(folder / _file_name(target)) for target in targets]


def roll_out(target: Target, engine: Networks, config: RolloutConfig) -> Rollout:
    """Return the rounds of one object, each the previous one's result corrected by one click."""
    volume = as_volume(target.volume)
    truth = target.volume.labels == target.value
    session = Session(volume, engine, Plane(0), RoundConfig(fusion=False))
    robot = RobotUser(truth, volume.geometry.spacing_zyx_mm, jitter_pixels=config.jitter_pixels)
    outcomes = list(run_rounds(session, truth, robot, config.rounds))
    masks = np.stack([outcome.mask for outcome in outcomes])
    clicks = [outcome.click for outcome in outcomes]
    clicked = np.array([-1 if click is None else click.slice_index for click in clicks])
    stack = SliceStack(volume, Plane(0), session.window)
    images = np.stack([stack.image(i) for i in range(len(truth))])
    shown = np.round(images * 255).astype(np.uint8)
    return Rollout(shown, truth, masks, clicked, stack.slice_step)


def read_rollout(path: Path) -> Rollout:
    """Return a rollout from its file."""
    with np.load(path) as data:
        shape = tuple(int(n) for n in data["shape"])
        voxels = int(np.prod(shape[1:]))
        truth = np.unpackbits(data["truth"], count=voxels).astype(bool).reshape(shape[1:])
        masks = np.unpackbits(data["masks"], count=shape[0] * voxels).astype(bool)
        return Rollout(
            data["images"],
            truth,
            masks.reshape(shape),
            data["clicked"],
            float(data["slice_step"]),
        )


def as_volume(volume: LabelledVolume) -> Volume:
    """Return a volume of the pool with its original intensities, as the engine would read it."""
    low, high = volume.window
    geometry = Geometry(volume.voxels.shape, volume.spacing_zyx_mm, (0.0, 0.0, 0.0), IDENTITY)
    voxels = (volume.voxels.astype(np.float32) / 255 * (high - low) + low).astype(np.float32)
    return Volume(voxels, geometry, volume.modality, volume.name)


def _chosen(pool: Pool, most: int) -> Iterator[Target]:
    for targets in pool.real.values():
        usable = [target for target in targets if len(target.slices[0]) >= 3]
        step = max(1, len(usable) // most)
        yield from usable[::step][:most]


def _file_name(target: Target) -> str:
    return re.sub(r"[^\w-]", "_", f"{target.volume.name}-{target.value}") + ".npz"


def describe(made: list[Rollout]) -> str:
    """Return a line for the log: objects, and mean Dice a round."""
    scores = [[dice(rollout.truth, mask) for mask in rollout.masks] for rollout in made]
    means = ", ".join(f"{mean:.3f}" for mean in np.mean(scores, axis=0))
    return f"{len(made)} objects, mean Dice a round {means}"
