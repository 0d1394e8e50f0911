from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.networks.click_maps import disk_maps
from SlicerLIMNet.networks.prompt_interface import PromptOutput
from SlicerLIMNet.prompting.ritm_predictor import (
    PredictorConfig,
    RitmPredictor,
    click_tensor,
    mirrored_average_logits,
)
from SlicerLIMNet.prompting.zoom_in import Crop, ZoomConfig, ZoomState

IMAGE = np.full((40, 60), 0.25, np.float32)
CLICK = PixelClick(20, 25, True)


class SeenInputs:
    """A network that remembers what it was shown and finds disks around the positive clicks."""

    def __init__(self, bare: bool = False) -> None:
        self.bare = bare
        self.images: list[Tensor] = []
        self.points: list[Tensor] = []

    def __call__(self, image: Tensor, points: Tensor) -> PromptOutput | Tensor:
        self.images.append(image)
        self.points.append(points)
        disks = disk_maps(points, (image.shape[2], image.shape[3]))[:, :1]
        logits = (20 * disks - 10).to(image.dtype)
        return logits if self.bare else PromptOutput(logits, None)


@pytest.mark.parametrize("bare", [True, False])
def test_networks_with_and_without_auxiliary_output_serve(bare):
    predictor = RitmPredictor(SeenInputs(bare), PredictorConfig(zoom=None))
    probability, state = predictor.predict(IMAGE, [CLICK])
    assert probability.shape == (40, 60)
    assert probability.dtype == np.float32
    assert probability[20, 25] > 0.99
    assert probability[20, 35] < 0.01
    assert state == ZoomState()


def test_a_grey_image_becomes_three_equal_colours_beside_the_previous_mask():
    network = SeenInputs()
    previous = np.zeros((40, 60), np.float32)
    previous[3, 4] = 0.7
    RitmPredictor(network, PredictorConfig(None, flip=False)).predict(IMAGE, [CLICK], previous)
    seen = network.images[0]
    assert seen.shape == (1, 4, 40, 60)
    assert (seen[:, :3] == 0.25).all()
    assert torch.equal(seen[0, 3], torch.from_numpy(previous))


def test_colours_stay_in_their_channels():
    network = SeenInputs()
    colours = np.stack([IMAGE, 2 * IMAGE, 3 * IMAGE], axis=2)
    RitmPredictor(network, PredictorConfig(None, flip=False)).predict(colours, [CLICK])
    assert network.images[0][0, :, 5, 5].tolist() == [0.25, 0.5, 0.75, 0.0]


def test_the_mirror_image_has_mirrored_clicks_and_keeps_unused_rows():
    network = SeenInputs()
    image = torch.rand(1, 4, 8, 10, generator=torch.Generator().manual_seed(0))
    points = click_tensor([PixelClick(3, 2, True), PixelClick(5, 7.5, True)])[None]
    mirrored_average_logits(network, image, points)
    assert torch.equal(network.images[0][1], image[0].flip(2))
    straight, mirrored = network.points[0]
    assert straight[:2].tolist() == [[3, 2, 0], [5, 7.5, 1]]
    assert mirrored[:2].tolist() == [[3, 7, 0], [5, 1.5, 1]]
    assert (mirrored[2:] == -1).all()


def test_a_mirrored_image_gives_the_mirrored_mask():
    rng = np.random.default_rng(0)
    image = rng.random((32, 48), dtype=np.float32)
    kernel = torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(1))

    def network(image: Tensor, points: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(image, kernel, padding=1)

    predictor = RitmPredictor(network, PredictorConfig(zoom=None))
    straight = predictor.predict(image, [CLICK]).probability
    mirrored = predictor.predict(image[:, ::-1], [CLICK._replace(column=22)]).probability
    np.testing.assert_allclose(mirrored[:, ::-1], straight, atol=1e-6)


def test_clicks_become_rows_with_the_positive_ones_first():
    rows = click_tensor([CLICK, PixelClick(1, 2, False), PixelClick(3.5, 4, False)])
    assert rows.tolist() == [[20, 25, 0], [-1, -1, -1], [1, 2, 1], [3.5, 4, 2]]


def test_no_clicks_become_one_unused_row_of_each_sign():
    assert click_tensor([]).tolist() == [[-1, -1, -1]] * 2


def test_the_limit_shrinks_what_the_network_sees_but_not_the_result():
    network = SeenInputs()
    predictor = RitmPredictor(network, PredictorConfig(None, longest_side=30))
    probability, _ = predictor.predict(IMAGE, [CLICK])
    assert network.images[0].shape[2:] == (20, 30)
    assert network.points[0][0, 0].tolist() == [10, 12.5, 0]
    assert probability.shape == (40, 60)


def test_a_found_object_is_looked_at_again_within_the_same_click():
    network = SeenInputs()
    config = PredictorConfig(ZoomConfig(32, skip_clicks=0, minimum_crop=16), flip=False)
    probability, state = RitmPredictor(network, config).predict(IMAGE, [CLICK])
    assert [tuple(image.shape[2:]) for image in network.images] == [(40, 60), (32, 32)]
    assert state.crop is not None
    outside = np.ones(IMAGE.shape, bool)
    outside[state.crop.slices] = False
    assert (probability[outside] == 0).all()


def test_a_lost_object_is_searched_in_the_whole_image_again():
    network = SeenInputs()
    config = PredictorConfig(ZoomConfig(32, skip_clicks=0, minimum_crop=50), flip=False)
    in_use = ZoomState(Crop(10, 30, 15, 35))
    probability, state = RitmPredictor(network, config).predict(
        IMAGE, [CLICK], np.zeros((40, 60), np.float32), in_use
    )
    assert network.images[0].shape[2:] == (40, 60)
    assert probability[20, 25] > 0.99
    assert state.crop is None


def test_half_precision_reaches_the_network_but_clicks_stay_exact():
    network = SeenInputs()
    predictor = RitmPredictor(network, PredictorConfig(zoom=None), dtype=torch.bfloat16)
    probability, _ = predictor.predict(IMAGE, [PixelClick(20.3, 25, True)])
    assert network.images[0].dtype == torch.bfloat16
    assert network.points[0][0, 0, 0].item() == pytest.approx(20.3)
    assert probability.dtype == np.float32


def test_an_empty_limit_is_refused():
    with pytest.raises(ConfigError, match="longest side"):
        PredictorConfig(longest_side=0)
