from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from SlicerLIMNet.fusion.facts import FACTS, swapped
from SlicerLIMNet.fusion.judge import Judge
from SlicerLIMNet.networks.quality_network import QualityNetwork

SHAPE = (64, 64)


Facts = tuple[Tensor, Tensor] | None


class LikesSmallMasks(QualityNetwork):
    """Prefers the smaller mask, and notes how many slices it is asked about at once."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__("small", channels)
        self.batches: list[int] = []
        self.images: list[Tensor] = []

    def forward(self, image: Tensor, mask_a: Tensor, mask_b: Tensor, facts: Facts = None) -> Tensor:
        self.batches.append(len(image))
        self.images.append(image)
        return super().forward(image, mask_a, mask_b, facts)

    def preference_logit(
        self, image: Tensor, mask_a: Tensor, mask_b: Tensor, facts: Tensor | None = None
    ) -> Tensor:
        return mask_b.mean(dim=(1, 2, 3)) - mask_a.mean(dim=(1, 2, 3))


def disk(radius: int) -> np.ndarray:
    rows, columns = np.ogrid[:64, :64]
    return (rows - 32) ** 2 + (columns - 32) ** 2 <= radius**2


def grey(count: int) -> list[np.ndarray]:
    return [np.full(SHAPE, 0.5, np.float32)] * count


def test_the_previous_mask_is_judged_against_the_current_one():
    judge = Judge(LikesSmallMasks().eval())
    answers = judge.preferences(grey(2), [disk(8), disk(12)], [disk(12), disk(8)])
    assert answers.shape == (2,)
    assert answers[0] > 0.5 > answers[1]
    assert answers[0] == pytest.approx(1 - answers[1])


def test_equal_masks_are_not_asked_about_and_take_the_current_one():
    network = LikesSmallMasks().eval()
    empty = np.zeros(SHAPE, bool)
    answers = Judge(network).preferences(
        grey(3), [disk(8), disk(8), empty], [disk(8), disk(12), empty]
    )
    assert network.batches == [1]
    assert answers[0] == answers[2] == 0.5


def test_an_empty_mask_can_be_judged_against_one_that_is_not():
    empty = np.zeros(SHAPE, bool)
    assert Judge(LikesSmallMasks().eval()).preferences(grey(1), [empty], [disk(8)])[0] > 0.5


@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_answers_do_not_depend_on_the_batch(batch_size):
    torch.manual_seed(4)
    network = QualityNetwork("small").eval()
    torch.nn.init.normal_(network.head.weight, std=5.0)
    previous, current = [disk(r) for r in range(4, 11)], [disk(r + 3) for r in range(4, 11)]
    answers = Judge(network, batch_size=batch_size).preferences(grey(7), previous, current)
    whole = Judge(network, batch_size=7).preferences(grey(7), previous, current)
    np.testing.assert_allclose(answers, whole, atol=1e-6)
    assert np.abs(whole - 0.5).max() > 1e-4


def test_slices_are_asked_about_in_batches():
    network = LikesSmallMasks().eval()
    Judge(network, batch_size=3).preferences(grey(7), [disk(5)] * 7, [disk(9)] * 7)
    assert network.batches == [3, 3, 1]


def test_a_grey_network_sees_a_colour_slice_in_grey():
    network = LikesSmallMasks(channels=1).eval()
    image = np.zeros((*SHAPE, 3), np.float32)
    image[..., 0] = 0.9
    Judge(network).preferences([image], [disk(5)], [disk(9)])
    assert network.images[0].shape[1] == 1
    assert network.images[0][0, 0, 48, 48] == pytest.approx(0.3)


def test_a_colour_network_sees_a_grey_slice_in_three_channels():
    network = LikesSmallMasks(channels=3).eval()
    Judge(network).preferences(grey(1), [disk(5)], [disk(9)])
    seen = network.images[0]
    assert seen.shape[1] == 3
    assert torch.equal(seen[:, 0], seen[:, 2])


def test_no_slices_need_no_answer():
    assert Judge(LikesSmallMasks().eval()).preferences([], [], []).shape == (0,)


def test_facts_decide_where_pictures_do_not():
    network = QualityNetwork("small", facts=FACTS).eval()
    with torch.no_grad():  # reads the last fact of the second mask alone: whether it is newer
        network.mix[0].weight.zero_()
        network.mix[0].weight[0, -1] = 1
        network.mix[2].weight.zero_()
        network.mix[2].weight[0, 0] = 1
        network.head.weight[0, 0] = -4
        for layer in (network.mix[0], network.mix[2], network.head):
            layer.bias.zero_()
    facts = np.zeros(FACTS, np.float32)
    facts[-1] = 1  # the current mask is the newer one
    judge = Judge(network)
    masks = [disk(8)], [disk(12)]
    assert judge.preferences(grey(1), *masks, [facts])[0] < 0.3
    assert judge.preferences(grey(1), *masks, [swapped(facts)])[0] > 0.7
    assert judge.preferences(grey(1), *masks)[0] == 0.5
