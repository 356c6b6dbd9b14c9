"""The network is the paper's, parameter by parameter."""

from __future__ import annotations

import numpy as np
import pytest

from minewatch.learn.networks.layers import feature_size, patch_network

pytestmark = pytest.mark.cnn

PAPER = {
    "conv1": 896, "bn1": 128, "conv2": 18_496, "bn2": 256, "conv3": 73_856, "bn3": 512,
    "dense": 8_256, "out": 130,
}  # fmt: skip


def count(tensors: object) -> int:
    return sum(tensor.numel() for tensor in tensors if tensor.ndim)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_parameters_are_those_of_the_paper(padding: str) -> None:
    network = patch_network(padding=padding)
    layers = dict(network.named_children())
    found = {name: count(layers[name].state_dict().values()) for name in PAPER}
    assert found == PAPER
    assert sum(PAPER.values()) == 102_530
    assert count(network.parameters()) == 102_082
    assert count(network.buffers()) == 448
    assert all(weights.requires_grad for weights in network.parameters())


def test_layers_stand_in_the_order_of_the_paper() -> None:
    kinds = [type(layer).__name__ for layer in patch_network()]
    stage = ["Conv2d", "ReLU", "BatchNorm2d"]  # ReLU before normalisation
    assert kinds == [
        *stage, "MaxPool2d", *stage, "MaxPool2d", *stage,
        "AdaptiveAvgPool2d", "Flatten", "Dropout", "Linear", "ReLU", "Linear",
    ]  # fmt: skip


@pytest.mark.parametrize(("padding", "sizes"), [("same", [104, 52, 26]), ("valid", [102, 49, 22])])
def test_sizes_shrink_as_in_the_paper(padding: str, sizes: list[int]) -> None:
    import torch

    network = patch_network(padding=padding).eval()
    seen = torch.zeros(1, 3, 104, 104)
    found = []
    for layer in network:
        seen = layer(seen)
        if type(layer).__name__ == "Conv2d":
            found.append(seen.shape[-1])
    assert found == sizes
    assert feature_size(104, padding) == sizes[-1]
    assert seen.shape == (1, 2)


@pytest.mark.parametrize(("padding", "smallest"), [("same", 16), ("valid", 18)])
def test_any_size_from_the_smallest_on_goes_through(padding: str, smallest: int) -> None:
    import torch

    network = patch_network(padding=padding).eval()
    for size in range(smallest, smallest + 9):
        features = network[:11](torch.zeros(1, 3, size, size))
        assert features.shape[-1] == feature_size(size, padding) >= 1


def test_it_begins_as_keras_does() -> None:
    network = patch_network(seed=3)
    for name, ins, outs in (("conv2", 32 * 9, 64 * 9), ("dense", 128, 64)):
        layer = getattr(network, name)
        limit = np.sqrt(6 / (ins + outs))
        drawn = layer.weight.detach().numpy().ravel()
        assert abs(drawn).max() <= limit
        # uniform: n draws leave the last 10/n of the range empty with probability e^-10, and
        # the standard deviation is limit / √3 to within 4 / √n
        assert abs(drawn).max() > limit * (1 - 10 / drawn.size)
        assert drawn.std() == pytest.approx(limit / np.sqrt(3), rel=4 / np.sqrt(drawn.size))
        assert not layer.bias.any()
    assert network.bn1.eps == 1e-3
    assert network.bn1.momentum == 0.01  # Keras's 0.99 from the other end


def test_a_seed_gives_the_same_weights_and_leaves_the_generator_of_others() -> None:
    import torch

    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    one, two, other = (patch_network(seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one.conv1.weight, two.conv1.weight)
    assert not torch.equal(one.conv1.weight, other.conv1.weight)


def test_padding_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="'same' or 'valid', got 'reflect'"):
        patch_network(padding="reflect")
