"""The engine: three networks on a device in a precision; it knows no volume and no session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from SlicerLIMNet import __version__
from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import NEAREST, UNTIL_END, WHOLE, RoundConfig, preset_by_name
from SlicerLIMNet.domain.guides import NO_GUIDES, Guides
from SlicerLIMNet.domain.masks import SparseProbability, quantise
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.fusion.judge import Judge
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.imaging.resample import Pixels, bounding_box
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.networks.arranged import arranged
from SlicerLIMNet.networks.memory_interface import MemoryNetwork
from SlicerLIMNet.networks.memory_network import XMemNetwork
from SlicerLIMNet.networks.prompt_network import RitmNetwork
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.propagator import Propagator
from SlicerLIMNet.propagation.region import Region, RegionConfig, choose_region
from SlicerLIMNet.propagation.savings import EXACT, PLAIN
from SlicerLIMNet.propagation.schedule import RangeRule
from SlicerLIMNet.propagation.slice_views import SeenSlices
from SlicerLIMNet.propagation.way import PropagatedSlice
from SlicerLIMNet.session.devices import (
    cache_budget_mib,
    choose_device,
    choose_precision,
    memory_of,
)
from SlicerLIMNet.session.engine_networks import EngineNetworks, load_networks
from SlicerLIMNet.session.parts import (
    BoolArray,
    EngineInfo,
    FloatArray,
    PromptAnswer,
    RegionNumbers,
    SpreadSlice,
    SpreadTask,
    Zoom,
)
from SlicerLIMNet.session.prompters import prompter_of
from SlicerLIMNet.session.propagators import PropagatorPool
from SlicerLIMNet.session.thread_count import ThreadCount
from SlicerLIMNet.session.warm_up import follow_disk, made_slice

SMALL, CPU = "small", "cpu"
"""What the engine falls back to when memory runs out, in this order."""

_JUDGED_AT_ONCE, _JUDGED_AT_ONCE_SMALL = 32, 4
_CPU_JUDGED_BYTES = 32  # pairs times bytes a number: more takes new memory for every batch
_XMEM_REGIONS = (384, 192)  # the crops that XMem was trained on, and what it may do with
_LIGHT_EVERY = 2  # steadier later rounds than 5 on held-out training volumes
_LIGHT_REGIONS = (128,)  # the crops that the light network was trained on
_BECOMES_ZERO = 0.0019  # a little less than half a step of the bytes that probabilities are kept in


@dataclass(frozen=True)
class EngineOptions:
    """How an engine was asked for; what it then runs with stands in its `info`."""

    preset: str
    """By name."""
    precision: str
    """auto, float32 or bfloat16."""
    feature_cache_mib: float | None
    """For features of slices; None takes what suits the device."""


class Engine:
    """The networks of a preset, ready to work for any number of sessions.

    It is used from one thread at a time. When a device runs out of memory the engine, for all its
    sessions, first works in smaller steps and then on the CPU.
    """

    def __init__(
        self,
        preset: str = "light",
        device: str = "auto",
        *,
        precision: str = "auto",
        threads: int | None = None,
        weights: Mapping[str, Path | str] | None = None,
        feature_cache_mib: float | None = None,
        with_fusion: bool = True,
        networks: EngineNetworks | None = None,
        plain: bool = False,
    ) -> None:
        """Load networks and move them to a device.

        Args:
            preset: `light` or `paper`.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
            precision: `auto` takes bfloat16 where it is measured to be fast, else float32.
            threads: Of the CPU; if not given, as many as torch has for the thread that makes the
                engine, and fewer while other work makes that many slow, see `ThreadCount`.
            weights: Files to take in place of the preset's, by role: prompt, memory, quality.
            feature_cache_mib: Memory for features of slices, which make later rounds faster.
            with_fusion: Whether the quality network is needed; without it rounds must not fuse.
            networks: To take in place of files, in evaluation mode; copies of them run, so that
                training may go on.
            plain: Whether to run the networks as they are and one slice after the other, for
                comparison: the same results, only slower.

        Raises:
            ConfigError: An option is unknown.
            WeightsError: A file is missing, damaged, or of another network.
            DeviceError: This machine has no such device.
        """
        chosen = preset_by_name(preset)
        if threads is not None and threads < 1:
            raise ConfigError(f"an engine needs 1 thread or more, not {threads}")
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        if threads is not None:
            torch.set_num_threads(threads)
        self._threads = torch.get_num_threads()
        self._thread_count = ThreadCount(self._threads) if threads is None else None
        self._options = EngineOptions(preset, precision, feature_cache_mib)
        loaded = networks or load_networks(chosen, weights or {}, with_fusion)
        self._networks = loaded if plain else _arranged(loaded)
        self._savings = PLAIN if plain else EXACT
        has_judge = self._networks.quality is not None
        self.default_config = replace(chosen.round, fusion=chosen.round.fusion and has_judge)
        self._fallback = ""
        self._set_up()

    @property
    def info(self) -> EngineInfo:
        """What results depend on, as of now."""
        return EngineInfo(
            engine_version=__version__,
            preset=self._options.preset,
            weights=self._networks.sha256,
            device=str(self.device),
            precision=str(self.dtype).removeprefix("torch."),
            threads=self._threads,
            fallback=self._fallback,
        )

    @property
    def networks(self) -> EngineNetworks:
        """The networks as they run: arranged for work, on the device, in the precision."""
        return self._networks

    @property
    def feature_bytes(self) -> int:
        """Memory that features of slices take now."""
        return self._propagators.bytes

    def prompt(
        self,
        image: FloatArray,
        clicks: Sequence[Click],
        previous: FloatArray,
        zoom: Zoom,
        guides: Guides = NO_GUIDES,
    ) -> PromptAnswer:
        """Segment the object that was clicked on a slice; see `Networks`."""
        pixels = [PixelClick(click.row, click.column, click.positive) for click in clicks]
        with self._ready():
            return self._prompter(image, pixels, previous, zoom, guides)

    def choose_region(self, masks: Sequence[BoolArray], in_use: RegionNumbers) -> RegionNumbers:
        """Return where to look for an object with these masks; see `Networks`."""
        before = None if in_use is None else _region_of(in_use)
        shape = (masks[0].shape[0], masks[0].shape[1])
        region = choose_region(masks, shape, self._regions, before)
        return (*region.box, region.size)

    def spread(self, task: SpreadTask, cancel: Callable[[], bool]) -> Iterator[SpreadSlice]:
        """Yield every slice that a round reaches, but the start; see `Networks`."""
        assert task.region is not None
        propagator = self._propagators.take(task.stack_key)
        rows_columns = task.references[task.start].shape
        with self._ready() as suit_threads:
            for found in propagator.propagate(
                task.images,
                task.references,
                task.start,
                task.n_slices,
                _rule(task.config),
                MemoryMode(task.config.memory),
                _region_of(task.region),
                cancel,
                from_nearest=task.config.follow == NEAREST,
                slice_step=task.slice_step,
                settled=task.settled,
            ):
                self._propagators.trim()
                suit_threads()
                yield SpreadSlice(found.index, _stored(found, rows_columns))

    def prefer(
        self,
        images: Sequence[Pixels],
        previous: Sequence[BoolArray],
        current: Sequence[BoolArray],
        facts: Sequence[FloatArray],
    ) -> npt.NDArray[np.float64]:
        """Return how probable it is that each previous mask is the better one; see `Networks`.

        Raises:
            ConfigError: The engine was made without its quality network.
        """
        if self._judge is None:
            raise ConfigError(
                "this engine has no quality network; make it with fusion, or switch fusion off"
            )
        with self._ready():
            return self._judge.preferences(images, previous, current, facts)

    def warm_up(self, rows_columns: tuple[int, int] = (256, 256)) -> None:
        """Run every network once, so that the first click and the first round need not wait for it.

        To be called when a volume is loaded, from the thread that uses the engine: it takes a few
        tenths of a second on a CPU. No result depends on it, and nothing of it is kept.

        Args:
            rows_columns: Of the slices.
        """
        image, disk = made_slice(rows_columns)
        middle = Click(0, rows_columns[0] // 2, rows_columns[1] // 2)
        self.prompt(image, [middle], np.zeros_like(image), None)
        with self._ready():
            follow_disk(self._new_propagator(FeatureCache(0)), image, disk, self._regions)
            if self._judge is not None:
                self._judge.preferences([image] * 4, [disk] * 4, [~disk] * 4)

    def fall_back(self) -> bool:
        """Make all later work smaller, then move it to the CPU; False if nothing is left to do."""
        if not self._fallback:
            self._fallback = SMALL
        elif self._fallback == SMALL and self.device.type != "cpu":
            self._fallback = CPU
            self.device = torch.device("cpu")
            self.dtype = choose_precision(self._options.precision, self.device)
        else:
            return False
        self._set_up()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return True

    def _set_up(self) -> None:
        """Put the networks where they belong, with empty caches."""
        networks = self._networks
        budget_mib = self._options.feature_cache_mib
        if budget_mib is None:
            budget_mib = cache_budget_mib(self.device)
        judged_at_once = _JUDGED_AT_ONCE
        if self.device.type == "cpu":
            judged_at_once = _CPU_JUDGED_BYTES // self.dtype.itemsize
        if self._fallback:
            budget_mib, judged_at_once = budget_mib / 8, _JUDGED_AT_ONCE_SMALL
        for network in (networks.memory, networks.quality):
            if network is not None:
                network.to(self.device, self.dtype)
        # the light prompt network chooses among windows, and bfloat16 made it choose others
        is_heavy = isinstance(networks.prompt, RitmNetwork)
        prompt_dtype = self.dtype if is_heavy else torch.float32
        networks.prompt.to(self.device, prompt_dtype)
        self._prompter = prompter_of(networks.prompt, self.device, prompt_dtype)
        is_xmem = isinstance(networks.memory, XMemNetwork)
        self._regions = RegionConfig(*(_XMEM_REGIONS if is_xmem else _LIGHT_REGIONS))
        self._memory_config = MemoryConfig() if is_xmem else MemoryConfig(every=_LIGHT_EVERY)
        self._propagators = PropagatorPool(self._new_propagator, budget_mib)
        self._judge = None
        if networks.quality is not None:
            self._judge = Judge(networks.quality, self.device, self.dtype, judged_at_once)

    @contextmanager
    def _ready(self) -> Iterator[Callable[[], None]]:
        """Work with threads as they are fast, and tell clearly where memory does not suffice.

        Yields:
            What to call now and then in long work, see `ThreadCount`.
        """
        threads = self._thread_count if self.device.type == "cpu" else None
        fitting = threads.fitting() if threads else nullcontext(lambda: None)
        with fitting as suit_threads, memory_of(self.device):
            yield suit_threads

    def _new_propagator(self, cache: FeatureCache[SeenSlices]) -> Propagator:
        network = cast(MemoryNetwork, self._networks.memory)
        return Propagator(
            network,
            self._memory_config,
            self._regions,
            cache,
            self.device,
            self.dtype,
            self._savings,
        )


def _arranged(networks: EngineNetworks) -> EngineNetworks:
    """Return networks that do the same with less work."""
    quality = None if networks.quality is None else arranged(networks.quality)
    return replace(
        networks,
        prompt=arranged(networks.prompt),
        memory=arranged(networks.memory),
        quality=cast("QualityNetwork | None", quality),
    )


def _rule(config: RoundConfig) -> RangeRule:
    if config.range == WHOLE:
        return RangeRule.whole()
    if config.range == UNTIL_END:
        return RangeRule.until_end(config.empty_slices_to_stop)
    return RangeRule.each_way(int(config.range))


def _region_of(numbers: Sequence[float]) -> Region:
    top, bottom, left, right, size = (int(number) for number in numbers)
    return Region((top, bottom, left, right), size)


def _stored(found: PropagatedSlice, rows_columns: tuple[int, ...]) -> SparseProbability:
    """Return a propagated slice as it is kept; only what does not become 0 is looked at."""
    shape = (rows_columns[0], rows_columns[1])
    filled = bounding_box(found.probability > _BECOMES_ZERO)
    if filled is None:
        return SparseProbability.empty(shape)
    (top, bottom, left, right), box = filled, found.box
    values = quantise(found.probability[top:bottom, left:right])
    return SparseProbability(
        shape, (box[0] + top, box[0] + bottom, box[2] + left, box[2] + right), values
    )
