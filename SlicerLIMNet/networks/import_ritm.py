"""Read the weights files that the authors of RITM publish, and name their tensors as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from SlicerLIMNet.errors import WeightsError
from SlicerLIMNet.networks.prompt_network import RITM_SIZES, RitmNetwork

_PREFIXES = (  # ours, published; the backbone last, because its prefix begins the others
    ("click_branch.", "maps_transform."),
    ("pixel_features.", "feature_extractor.conv3x3_ocr."),
    ("context.", "feature_extractor.ocr_distri_head.object_context_block."),
    ("fusion.", "feature_extractor.ocr_distri_head.conv_bn_dropout."),
    ("main_head.", "feature_extractor.cls_head."),
    ("auxiliary_head.", "feature_extractor.aux_head."),
    ("backbone.", "feature_extractor."),
)
_WITHOUT_EFFECT = ("context.f_pixel.", "context.f_object.")


class PublishedWeights(NamedTuple):
    """The content of a published file, ready for `RitmNetwork(size).load_state_dict`."""

    state_dict: dict[str, Tensor]
    """Complete, under our names."""
    size: str
    """A key of `RITM_SIZES`."""
    unmatched: tuple[str, ...]
    """Published names in the file that the network has no place for."""
    missing: tuple[str, ...]
    """Our names of tensors without effect that the file lacks; they hold start values."""


def load_published_ritm(path: Path | str) -> PublishedWeights:
    """Read a weights file of RITM; nothing in it is ever executed.

    Args:
        path: A `.pth` file with previous-mask input, such as `coco_lvis_h32_itermask.pth`.

    Returns:
        Tensors, size, and the names that did not fit.

    Raises:
        WeightsError: The file is missing, damaged, unsafe, of another network or size, or lacks
            tensors that matter.
    """
    published = _read_tensors(Path(path))
    size = _size_of(published, path)
    found = {ours: tensor for name, tensor in published.items() if (ours := our_name(name))}
    expected = RitmNetwork(size).state_dict()
    _check(found, expected, path)
    return PublishedWeights(
        {name: found.get(name, start) for name, start in expected.items()},
        size,
        tuple(name for name in published if our_name(name) not in expected),
        tuple(name for name in expected if name not in found),
    )


def our_name(published: str) -> str | None:
    """Return our name of a published tensor; None if no part of the network is called so."""
    for ours, theirs in _PREFIXES:
        if published.startswith(theirs):
            return ours + published.removeprefix(theirs)
    return None


def published_name(ours: str) -> str:
    """Return the name of one of our tensors in published files."""
    for prefix, theirs in _PREFIXES:
        if ours.startswith(prefix):
            return theirs + ours.removeprefix(prefix)
    raise KeyError(ours)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}; check the path")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can raise anything
        raise WeightsError(
            f"{path} is damaged or holds more than tensors, so it was not read; download it again"
            " from the authors of RITM"
        ) from error
    state: Any = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise WeightsError(f"{path} has no 'state_dict' of tensors; expected a file of RITM")
    return state


def _size_of(published: dict[str, Tensor], path: Path | str) -> str:
    """Return the size by shapes: the configuration inside the file may be of another version."""
    block = "feature_extractor.ocr_distri_head.object_context_block"
    try:
        width = len(published["feature_extractor.stage2.0.branches.0.0.conv1.weight"])
        context_width = len(published[f"{block}.f_pixel.0.weight"])
        click_channels = published["maps_transform.0.weight"].shape[1]
    except KeyError as error:
        raise WeightsError(
            f"{path} has no tensor {error}; expected a file of RITM with an HRNet"
        ) from error
    if click_channels != 3:
        raise WeightsError(
            f"{path} is a model with {click_channels} click channels, without previous mask;"
            " use one whose name ends in 'itermask'"
        )
    bottlenecks = 4 if any(n.startswith("feature_extractor.layer1.2.") for n in published) else 2
    found = (width, context_width, bottlenecks)
    for size, config in RITM_SIZES.items():
        if (config.backbone.width, config.context_width, config.backbone.bottlenecks) == found:
            return size
    raise WeightsError(
        f"{path} has width {width}, context width {context_width} and {bottlenecks} bottlenecks;"
        f" expected one of the sizes {', '.join(RITM_SIZES)}"
    )


def _check(found: dict[str, Tensor], expected: dict[str, Tensor], path: Path | str) -> None:
    lacking = [n for n in expected if n not in found and not _may_be_missing(n)]
    if lacking:
        raise WeightsError(
            f"{path} lacks {len(lacking)} tensors, the first is"
            f" {published_name(lacking[0])}; use a complete file"
        )
    for name in expected.keys() & found.keys():
        if expected[name].shape != found[name].shape:
            raise WeightsError(
                f"{path} has {published_name(name)} of shape {tuple(found[name].shape)}; expected"
                f" {tuple(expected[name].shape)}, use a file of RITM with previous-mask input"
            )


def _may_be_missing(name: str) -> bool:
    return name.endswith("num_batches_tracked") or name.startswith(_WITHOUT_EFFECT)
