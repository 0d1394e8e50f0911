"""How long the networks of an engine work, how much they compute, and on how many slices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from SlicerLIMNet.memory.manager import MemoryManager
from SlicerLIMNet.session.engine_networks import EngineNetworks

Clock = Callable[[], float]


@dataclass
class NetworkWork:
    """What the networks did since it was made."""

    seconds: float = 0.0
    """In the networks and in reading and writing their memory."""
    gflop: float = 0.0
    """In convolutions and matrix products, multiply and add counted as two; 0 if not counted."""
    slices: int = 0
    """That the propagation network segmented."""


class NetworkClock:
    """Watches the networks of one engine."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        """Take a clock that tells seconds."""
        self._clock = clock
        self._depth = 0
        self.work = NetworkWork()

    def restart(self) -> None:
        """Begin with nothing done."""
        self.work = NetworkWork()

    @contextmanager
    def watching(self, networks: EngineNetworks, counts: bool) -> Iterator[None]:
        """Watch what networks, and memories of any engine, do meanwhile.

        Args:
            networks: That run, as the engine has them.
            counts: Whether to count operations, too, which takes much longer than doing them.
        """
        watched: list[tuple[Any, str]] = [(networks.prompt, "forward")]
        if networks.quality is not None:
            watched.append((networks.quality, "forward"))
        steps = ("encode_key", "encode_value", "deep_update", "decode")
        watched += [(networks.memory, step) for step in steps]
        for owner, name in watched:
            setattr(owner, name, self._watched(getattr(owner, name), name, counts))
        kept = {name: getattr(MemoryManager, name) for name in ("read", "add")}
        for name, method in kept.items():
            setattr(MemoryManager, name, self._watched(method, name, counts))
        try:
            yield
        finally:
            for owner, name in watched:
                delattr(owner, name)
            for name, method in kept.items():
                setattr(MemoryManager, name, method)

    def _watched(self, method: Callable[..., Any], name: str, counts: bool) -> Callable[..., Any]:
        def watch(*arguments: Any, **options: Any) -> Any:
            if self._depth:  # one step of a network calls another
                return method(*arguments, **options)
            self._depth += 1
            counter: Any = _counter() if counts else nullcontext()
            start = self._now()
            try:
                with counter:
                    answer = method(*arguments, **options)
            finally:
                self._depth -= 1
            self.work.seconds += self._now() - start
            if counts:
                self.work.gflop += counter.get_total_flops() / 1e9
            if name == "decode":
                self.work.slices += len(answer[0])
            return answer

        return watch

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return self._clock()


def _counter() -> FlopCounterMode:
    names = ("_convolution_pointwise", "_convolution_pointwise_")  # the second one adds in place
    packed = [getattr(torch.ops.mkldnn, name, None) for name in names]
    mapping = {operation: _packed_flop for operation in packed if operation is not None}
    return FlopCounterMode(display=False, custom_mapping=mapping)


def _packed_flop(*shapes: Any, out_shape: Any = None, **_: Any) -> int:
    """Return the operations of a packed convolution; the weight is the second or third shape."""
    weight = next(shape for shape in shapes[2:0:-1] if len(shape) == 4)
    return int(2 * prod(out_shape) * prod(weight[1:]))
