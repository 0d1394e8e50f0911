"""The RITM network against arrays of the published implementation."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from SlicerLIMNet.networks.import_ritm import our_name, published_name
from SlicerLIMNet.networks.prompt_network import RITM_SIZES, RitmNetwork
from SlicerLIMNet.training.losses import binary_cross_entropy, normalized_focal_loss
from Testing.parity.recipe_ritm import (
    FOLDER,
    case_image,
    published_shapes,
    recipe,
    recipe_network,
)

SIZES = list(RITM_SIZES)
PARAMETERS = {"h18s": 4_220_047, "h18": 10_032_019, "h32": 30_951_363}


def test_the_recipe_gives_the_documented_values():
    first = recipe("feature_extractor.conv1.weight", (64, 3, 3, 3))
    np.testing.assert_allclose(first.ravel()[:3], [0.27339032, -0.41833213, -0.19356444], rtol=1e-6)
    assert first.sum(dtype=np.float64) == pytest.approx(8.610615, abs=1e-5)
    last_norm = recipe("feature_extractor.layer1.0.bn3.weight", (256,))
    np.testing.assert_allclose(last_norm[:3], [0.14712881, 0.14650358, 0.15685412], rtol=1e-6)


@pytest.mark.parametrize("case", ["A", "B", "C", "D"])
def test_the_inputs_are_those_of_the_fixtures(case):
    inputs = np.load(FOLDER / "ritm_inputs.npz")
    image = case_image(case).numpy().astype(np.float64).ravel()
    assert image.sum() == pytest.approx(inputs[f"{case}_image_sum"], rel=1e-7)
    dot = (image * np.arange(image.size)).sum() / image.size
    assert dot == pytest.approx(inputs[f"{case}_image_abs_dot"], rel=1e-7)
    if f"{case}_image" in inputs:
        np.testing.assert_allclose(case_image(case), inputs[f"{case}_image"], atol=1e-7)


@pytest.mark.parametrize("size", SIZES)
def test_every_published_tensor_has_one_place_of_its_shape(size):
    with torch.device("meta"):
        network = RitmNetwork(size)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert {published_name(name): shape for name, shape in shapes.items()} == published_shapes(size)
    assert all(our_name(published_name(name)) == name for name in shapes)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[size]


@pytest.mark.parametrize("size", SIZES)
def test_the_recipe_weights_have_the_published_sums(size):
    values = [recipe(*item).astype(np.float64) for item in published_shapes(size).items()]
    fixture = np.load(FOLDER / f"ritm_{size}.npz")
    assert sum(v.sum() for v in values) == pytest.approx(fixture["param_sum"], abs=1e-3)
    assert sum(abs(v).sum() for v in values) == pytest.approx(fixture["param_abs_sum"], abs=1e-2)


@pytest.mark.parametrize("case", ["A", "B", "C", "D"])
@pytest.mark.parametrize("size", SIZES)
def test_logits_are_those_of_the_published_network(size, case):
    if case == "A":
        logits = _traced(size)["instances"]
    else:
        logits = _logits(recipe_network(size), case, _points(case))
    np.testing.assert_allclose(logits, np.load(FOLDER / f"ritm_{size}.npz")[f"{case}_instances"],
                               atol=1e-4)  # fmt: skip


STEPS = {  # array: what of the traced tensor it holds
    "normalized_image": np.s_[:, :, ::8, ::8],
    "maps_transform": np.s_[:, ::8, ::4, ::4],
    "stem_fused": np.s_[:, ::8, ::4, ::4],
    "stem_out": np.s_[:, ::8, ::2, ::2],
    "layer1": np.s_[:, ::16, ::4, ::4],
    **{f"stage{s}_0": np.s_[:, ::3, ::2, ::2] for s in (2, 3, 4)},
    **{f"stage{s}_1": np.s_[:, ::6, ::2, ::2] for s in (2, 3, 4)},
    **{f"stage{s}_2": np.s_[:, ::9] for s in (3, 4)},
    "stage4_3": np.s_[:, ::12],
    "hrnet_cat": np.s_[:, ::15, ::4, ::4],
    "ocr_feats": np.s_[:, ::8, ::4, ::4],
    "gather": np.s_[:, :, 0, 0],
    "object_context": np.s_[:, :, 0, 0],
    "ocr_out": np.s_[:, ::8, ::4, ::4],
    "cls_lowres": np.s_[:],
    "aux_lowres": np.s_[:],
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("size", SIZES)
def test_every_step_inside_is_that_of_the_published_network(size, step):
    expected = np.load(FOLDER / f"ritm_{size}.npz")[f"A_{step}"]
    np.testing.assert_allclose(_traced(size)[step][STEPS[step]], expected, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_auxiliary_logits_are_those_of_the_published_network(size):
    network = recipe_network(size)
    network.training = True  # the network alone: its norms and dropout stay in evaluation mode
    with torch.no_grad():
        auxiliary = network(case_image("A"), _points("A")).auxiliary
    expected = np.load(FOLDER / f"ritm_{size}.npz")["A_instances_aux"]
    np.testing.assert_allclose(auxiliary, expected, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_clicks_change_the_logits_as_much_as_published(size):
    without = _logits(recipe_network(size), "A", torch.full((1, 2, 3), -1.0))
    change = (_traced(size)["instances"] - without).abs().mean()
    expected = np.load(FOLDER / f"ritm_{size}.npz")["A_instances_noclick_meandiff"]
    assert change.item() == pytest.approx(float(expected), abs=1e-4)


def test_losses_and_gradients_in_evaluation_mode_are_the_published_ones():
    fixture = np.load(FOLDER / "ritm_h18s_train.npz")
    network = recipe_network("h18s")
    network.training = True
    np.testing.assert_allclose(_losses(network)[0], fixture["eval_loss"], atol=1e-4)
    _assert_gradient_norms(network, fixture, "eval_grad_norms")
    parameters = dict(network.named_parameters())
    for name in (n.removeprefix("eval_grad:") for n in fixture if n.startswith("eval_grad:")):
        gradient = parameters[str(our_name(name))].grad
        expected = fixture[f"eval_grad:{name}"]
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3 * abs(expected).max())


def test_a_training_pass_with_batch_statistics_is_the_published_one():
    fixture = np.load(FOLDER / "ritm_h18s_train.npz")
    network = recipe_network("h18s").train()
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    losses, logits = _losses(network)
    np.testing.assert_allclose(losses, fixture["train_loss"], atol=1e-4)
    np.testing.assert_allclose(logits[..., ::4, ::4], fixture["train_instances"], atol=1e-4)
    _assert_gradient_norms(network, fixture, "train_grad_norms")
    buffers = dict(network.named_buffers())
    for name in (n.removeprefix("train_after:") for n in fixture if n.startswith("train_after:")):
        buffer = buffers[str(our_name(name))]
        np.testing.assert_allclose(buffer, fixture[f"train_after:{name}"], atol=1e-4)


def _points(case: str) -> Tensor:
    return torch.from_numpy(np.load(FOLDER / "ritm_inputs.npz")[f"{case}_points"])


def _logits(network: RitmNetwork, case: str, points: Tensor) -> Tensor:
    with torch.no_grad():
        return network(case_image(case), points).logits


@cache
def _traced(size: str) -> dict[str, Tensor]:
    """What passes through the network in case A."""
    network = recipe_network(size)
    trace: dict[str, Tensor] = {}
    backbone = network.backbone
    for name, module in {
        "normalized_image": backbone.conv1,
        "stem_fused": backbone.conv2,
        "stem_out": backbone.layer1,
        "gather": network.context.f_down,
    }.items():
        module.register_forward_pre_hook(lambda _m, x, name=name: trace.update({name: x[0]}))
    for name, module in {
        "maps_transform": network.click_branch,
        "layer1": backbone.layer1,
        "hrnet_cat": backbone,
        "ocr_feats": network.pixel_features,
        "object_context": network.context.f_up,
        "ocr_out": network.fusion,
        "cls_lowres": network.main_head,
        "aux_lowres": network.auxiliary_head,
    }.items():
        module.register_forward_hook(lambda _m, _x, y, name=name: trace.update({name: y}))
    for number, stage in enumerate((backbone.stage2, backbone.stage3, backbone.stage4), 2):
        stage.register_forward_hook(
            lambda _m, _x, y, n=number: trace.update({f"stage{n}_{b}": t for b, t in enumerate(y)})
        )
    trace["instances"] = _logits(network, "A", _points("A"))
    return trace


def _losses(network: RitmNetwork) -> tuple[list[float], Tensor]:
    """The losses of case C, with gradients left in the network, and its logits."""
    y, x = np.mgrid[0:96, 0:128]
    inside = ((y - 52) / 21.3) ** 2 + ((x - 57) / 32.4) ** 2 <= 1
    target = torch.from_numpy(np.stack([inside, inside[:, ::-1]])[:, None].astype(np.float32))
    output = network(case_image("C"), _points("C"))
    focal = normalized_focal_loss(output.logits, target).mean()
    entropy = binary_cross_entropy(output.auxiliary, target).mean()
    total = focal + 0.4 * entropy
    total.backward()
    return [focal.item(), entropy.item(), total.item()], output.logits.detach()


def _assert_gradient_norms(network: RitmNetwork, fixture: np.lib.npyio.NpzFile, key: str) -> None:
    norms = {
        published_name(name): 0.0 if p.grad is None else p.grad.norm().item()
        for name, p in network.named_parameters()
    }
    expected = dict(zip(fixture["param_names"].tolist(), fixture[key].tolist(), strict=True))
    assert norms.keys() == expected.keys()
    largest = max(expected.values())
    for name, norm in norms.items():
        assert norm == pytest.approx(expected[name], rel=1e-3, abs=1e-6 * largest), name
