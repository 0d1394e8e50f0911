"""Read the weights files that the authors of XMem publish, and name their tensors as ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from SlicerLIMNet.errors import WeightsError
from SlicerLIMNet.networks.memory_network import F16_CHANNELS, XMemNetwork

_RENAMED = (  # published, ours
    (".attention.ChannelGate.mlp.1.", ".attention.channel_reduce."),
    (".attention.ChannelGate.mlp.3.", ".attention.channel_expand."),
    (".attention.SpatialGate.spatial.conv.", ".attention.spatial."),
)
_SPLIT_BLOCKS = ("value_encoder.fuser.block1.", "decoder.fuser.block1.")
_MASK_CONVOLUTION = "value_encoder.conv1.weight"
_MASK_INPUTS = 5  # image, mask of the object, sum of the others' masks
_COUNTER = "num_batches_tracked"


class PublishedMemoryWeights(NamedTuple):
    """The content of a published file, ready for `XMemNetwork(*channels).load_state_dict`."""

    state_dict: dict[str, Tensor]
    """Complete, under our names."""
    channels: tuple[int, int, int]
    """Of key, value and sensory state; the last is 0 for weights without sensory memory."""
    single_object: bool
    """Whether the file knew one object only: a zero input for the other objects was appended."""
    unmatched: tuple[str, ...]
    """Names in the file that the network has no place for."""


def load_published_xmem(path: Path | str) -> PublishedMemoryWeights:
    """Read a weights file or a training checkpoint of XMem; nothing in it is ever executed.

    Args:
        path: A `.pth` file such as `XMem-s012.pth`.

    Returns:
        Tensors, channels, and the names that did not fit.

    Raises:
        WeightsError: The file is missing, damaged, unsafe, of another network, or incomplete.
    """
    return convert_published_xmem(_read_tensors(Path(path)), str(path))


def convert_published_xmem(published: Mapping[str, Tensor], source: str) -> PublishedMemoryWeights:
    """Return published tensors under our names; `source` names the file in errors.

    Raises:
        WeightsError: Tensors are missing or have another shape than XMem's.
    """
    try:
        channels = _channels(published)
        ours = _our_tensors(published)
        single_object = ours[_MASK_CONVOLUTION].shape[1] == _MASK_INPUTS - 1
    except KeyError as error:
        raise WeightsError(f"{source} has no tensor {error}; expected a file of XMem") from error
    if single_object:
        weight = ours[_MASK_CONVOLUTION]
        ours[_MASK_CONVOLUTION] = torch.cat([weight, torch.zeros_like(weight[:, :1])], dim=1)
    with torch.device("meta"):
        expected = XMemNetwork(*channels).state_dict()
    _check(ours, expected, source)
    state = {name: ours.get(name, torch.zeros((), dtype=torch.long)) for name in expected}
    unmatched = tuple(name for name in ours if name not in expected)
    return PublishedMemoryWeights(state, channels, single_object, unmatched)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}; check the path")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can raise anything
        raise WeightsError(
            f"{path} is damaged or holds more than tensors, so it was not read; download it again"
            " from the authors of XMem"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("network"), dict):
        content = content["network"]
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise WeightsError(f"{path} is no dictionary of tensors; expected a file of XMem")
    return content


def _channels(published: Mapping[str, Tensor]) -> tuple[int, int, int]:
    gates = published.get("decoder.hidden_update.transform.weight")
    return (
        len(published["key_proj.key_proj.weight"]),
        len(published["value_encoder.fuser.block2.conv2.weight"]),
        0 if gates is None else len(gates) // 3,
    )


def _our_tensors(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    ours = {_our_name(name): tensor for name, tensor in published.items()}
    for block in _SPLIT_BLOCKS:
        ours.update(_split(block, ours))
        del ours[f"{block}conv1.bias"], ours[f"{block}downsample.bias"]
    return ours


def _our_name(name: str) -> str:
    for theirs, ours in _RENAMED:
        name = name.replace(theirs, ours)
    return name


def _split(block: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a `SplitResidualBlock` from those over joined channels."""
    inner, shortcut = tensors[f"{block}conv1.weight"], tensors[f"{block}downsample.weight"]
    biases = [tensors[f"{block}conv1.bias"], tensors[f"{block}downsample.bias"]]
    return {
        f"{block}image.weight": torch.cat([inner[:, :F16_CHANNELS], shortcut[:, :F16_CHANNELS]]),
        f"{block}image.bias": torch.cat(biases),
        f"{block}conv1.weight": inner[:, F16_CHANNELS:].contiguous(),
        f"{block}downsample.weight": shortcut[:, F16_CHANNELS:].contiguous(),
    }


def _check(ours: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    lacking = [name for name in expected if name not in ours and not name.endswith(_COUNTER)]
    if lacking:
        raise WeightsError(
            f"{source} lacks {len(lacking)} tensors, the first is {lacking[0]}; use a complete"
            " file of XMem"
        )
    for name, tensor in expected.items():
        if name in ours and ours[name].shape != tensor.shape:
            raise WeightsError(
                f"{source} has {name} of shape {tuple(ours[name].shape)}; expected"
                f" {tuple(tensor.shape)}, use a file of XMem"
            )
