"""Which exact savings a propagation makes: they change its time and not its masks."""

from __future__ import annotations

from dataclasses import dataclass

from SlicerLIMNet.errors import ConfigError


@dataclass(frozen=True)
class Savings:
    """Ways to the same result with less work; without any it is the plain path, for comparison.

    Results agree within rounding, and each choice gives always the same bits.

    Raises:
        ConfigError: A block has no slice.
    """

    block: int = 1
    """Neighbouring slices whose features are computed as one batch. Blocks begin at multiples of
    this number, whatever is kept already, so that a slice's features never depend on the past."""
    together: bool = False
    """Whether all ways of a round go through the network as one batch."""
    sparse: bool = True
    """Whether memory is read as one product and its largest elements, not as a full affinity."""

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ConfigError(f"a block has {self.block} slices; give 1 or more")


PLAIN = Savings(sparse=False)
"""One slice after the other, with the whole affinity."""
EXACT = Savings(block=4, together=True)
"""What rounds use. Larger blocks gain little and are left more often before their end."""
