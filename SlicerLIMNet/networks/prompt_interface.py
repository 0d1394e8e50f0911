"""What every prompt network offers, whatever is inside it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor


class PromptOutput(NamedTuple):
    """Logits of the object at the size of the input."""

    logits: Tensor
    """(N, 1, H, W), positive inside the object."""
    auxiliary: Tensor | None
    """(N, 1, H, W), a second opinion that only training looks at; None in evaluation mode."""


class PromptNetwork(Protocol):
    """An image, clicks and a previous mask in, mask logits out."""

    def __call__(self, image: Tensor, points: Tensor, /) -> PromptOutput | Tensor:
        """Segment the object that was clicked.

        Args:
            image: (N, 4, H, W): red, green, blue and the previous mask as probabilities, all 0..1.
            points: (N, 2K, 3): positive, then negative clicks (row, column, order), -1 if unused.

        Returns:
            Logits at the size of the image; bare where the network has no auxiliary head.
        """
        ...


def main_logits(output: PromptOutput | Tensor) -> Tensor:
    """Return the (N, 1, H, W) logits that make the mask."""
    return output.logits if isinstance(output, PromptOutput) else output
