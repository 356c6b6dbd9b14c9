"""The graphs say what the network says: that of torch, and one written down in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from oracles_networks import EPSILON, forward, random_network, random_weights, scene_like

from minewatch.learn.networks import patch_network, session
from minewatch.learn.networks.weights_in_graphs import OPERATORS, network_graphs

pytestmark = pytest.mark.cnn


def probabilities(network: object, patches: np.ndarray) -> np.ndarray:
    return session(network.graphs["patches.onnx"]).run(None, {"image": patches})[0]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_graph_says_what_torch_says(padding: str) -> None:
    import torch

    network = random_network(padding)
    twin = patch_network(padding=padding).eval()
    state = {name: torch.from_numpy(part) for name, part in random_weights().items()}
    twin.load_state_dict(state, strict=False)
    patches = scene_like(3, 3, 104, 104)
    mean, std = (part.reshape(-1, 1, 1) for part in (network.mean_, network.std_))
    with torch.no_grad():
        seen = torch.from_numpy(((patches - mean) / std).astype("f4"))
        expected = twin(seen).softmax(1).numpy()
    found = probabilities(network, patches)
    assert np.ptp(found[:, 1]) > 1e-3  # the patches are told apart
    # float32 with sums in another order
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_graph_says_what_the_equations_say(padding: str) -> None:
    network, weights = random_network(padding, size=20), random_weights()
    patches = scene_like(5, 3, 20, 20)
    expected = [
        forward(patch, weights, padding=padding, mean=network.mean_, std=network.std_)
        for patch in patches
    ]
    # float32 against float64: 1e-7 a sum, a few hundred terms
    np.testing.assert_allclose(probabilities(network, patches), expected, rtol=0, atol=1e-5)


def test_the_two_pieces_are_the_whole() -> None:
    network, patches = random_network("valid"), scene_like(2, 3, 104, 104)
    features = session(network.graphs["features.onnx"]).run(None, {"image": patches})[0]
    assert features.shape == (2, 128, 22, 22)
    means = features.mean(axis=(2, 3), keepdims=True)
    found = session(network.graphs["head.onnx"]).run(None, {"means": means})[0]
    np.testing.assert_allclose(found, probabilities(network, patches), rtol=0, atol=1e-6)


def test_the_operators_are_those_that_are_named() -> None:
    network = random_network("valid")
    held = {name for name in OPERATORS if any(name.encode() in g for g in network.graphs.values())}
    assert held == OPERATORS


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels: int) -> None:
    graphs = network_graphs(
        random_weights(channels),
        padding="same",
        mean=np.zeros(channels),
        std=np.ones(channels),
        epsilon=EPSILON,
    )
    image = np.zeros((1, channels, 16, 16), "f4")
    found = session(graphs["patches.onnx"]).run(None, {"image": image})[0]
    assert found.sum() == pytest.approx(1, abs=1e-6)
