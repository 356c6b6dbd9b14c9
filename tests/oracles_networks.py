"""The patch network written down once more, in NumPy, and small sets for it to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from minewatch.learn.networks import Network, session
from minewatch.learn.networks.onnx_graphs import Node, onnx_graph
from minewatch.learn.networks.weights_in_graphs import network_graphs

EPSILON = 1e-3
SHAPES = {
    "conv1": (32, None, 3, 3),
    "conv2": (64, 32, 3, 3),
    "conv3": (128, 64, 3, 3),
    "dense": (64, 128),
    "out": (2, 64),
}


def random_weights(channels: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of every layer; normalisations with scales of both signs."""
    rng = np.random.default_rng(seed)
    found = {}
    for layer, shape in SHAPES.items():
        sizes = tuple(channels if size is None else size for size in shape)
        spread = np.sqrt(2 / np.prod(sizes[1:]))
        found[f"{layer}.weight"] = rng.normal(0, spread, sizes)
        found[f"{layer}.bias"] = rng.normal(0, 0.1, sizes[0])
    for layer, filters in (("bn1", 32), ("bn2", 64), ("bn3", 128)):
        found[f"{layer}.weight"] = rng.uniform(-1.5, 1.5, filters)
        found[f"{layer}.bias"] = rng.normal(0, 0.5, filters)
        found[f"{layer}.running_mean"] = rng.uniform(0, 1, filters)
        found[f"{layer}.running_var"] = rng.uniform(0.2, 2, filters)
    return {name: part.astype(np.float32) for name, part in found.items()}


def random_network(
    padding: str = "same", size: int = 104, channels: tuple[str, ...] = ("vv", "vh", "pa")
) -> Network:
    """A network that was never taught, but has weights; neither torch nor onnxruntime is needed."""
    mean = np.linspace(-12, -3, len(channels))
    std = np.linspace(3, 1, len(channels))
    graphs = network_graphs(
        random_weights(len(channels)), padding=padding, mean=mean, std=std, epsilon=EPSILON
    )
    provenance, versions = {"region": "Tapajós", "settings": {"seed": 0}}, {"torch": "0"}
    return Network(
        graphs, size, channels, padding, mean, std, None, dict(provenance), dict(versions)
    )


def scene_like(*shape: int, seed: int = 1) -> np.ndarray:
    """Three channels in dB, about as the network above expects; (…, 3, y, x)."""
    noise = np.random.default_rng(seed).normal(size=shape)
    return (noise * np.array([3, 2, 1])[:, None, None] - [[[12]], [[7.5]], [[3]]]).astype("f4")


def forward(
    patch: np.ndarray, weights: dict[str, np.ndarray], *, padding: str, mean: Any, std: Any
) -> np.ndarray:
    """Probabilities of one patch (channels, size, size), slowly and in float64."""
    w = {name: part.astype(np.float64) for name, part in weights.items()}
    x = (patch.astype(np.float64) - np.reshape(mean, (-1, 1, 1))) / np.reshape(std, (-1, 1, 1))
    for stage in (1, 2, 3):
        kernel = w[f"conv{stage}.weight"]
        if padding == "same":
            x = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        rows, columns = x.shape[1] - 2, x.shape[2] - 2
        y = np.zeros((len(kernel), rows, columns))
        for i in range(3):
            for j in range(3):
                seen = x[:, i : i + rows, j : j + columns]
                y += np.einsum("oc,cyx->oyx", kernel[:, :, i, j], seen)
        y = np.maximum(y + w[f"conv{stage}.bias"][:, None, None], 0)
        scale, shift, middle, variance = (
            w[f"bn{stage}.{part}"][:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        x = (y - middle) / np.sqrt(variance + EPSILON) * scale + shift
        if stage < 3:
            rows, columns = rows // 2, columns // 2
            corners = [x[:, i : 2 * rows : 2, j : 2 * columns : 2] for i in (0, 1) for j in (0, 1)]
            x = np.max(corners, axis=0)
    hidden = np.maximum(w["dense.weight"] @ x.mean(axis=(1, 2)) + w["dense.bias"], 0)
    scores = w["out.weight"] @ hidden + w["out.bias"]
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def patch_set(values: np.ndarray, labels: Any, **coords: Any) -> xr.Dataset:
    """Patches as ``extract`` gives them."""
    names = ["vv", "vh", "pa"][: values.shape[1]]
    return xr.Dataset(
        {"patches": (("patch", "channel", "row", "column"), values.astype("float32"))},
        coords={"channel": names, "label": ("patch", np.asarray(labels, np.int8)), **coords},
        attrs={"resolution": 10.0},
    )


def rough_and_smooth(count: int, size: int = 16, seed: int = 0, channels: int = 2) -> xr.Dataset:
    """Patches of one mean and variance: mines are white noise, others change every 4 pixels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    rough = rng.normal(size=(count, channels, size, size))
    coarse = rng.normal(size=(count, channels, size // 4, size // 4))
    smooth = coarse.repeat(4, axis=2).repeat(4, axis=3)
    return patch_set(np.where(labels[:, None, None, None] == 1, rough, smooth) * 2 - 9, labels)


def doubling(factor: float = 2) -> bytes:
    """The smallest of graphs."""
    return onnx_graph(
        [Node("Mul", ("x", "factor"), ("y",))],
        {"factor": np.array([factor], "float32")},
        inputs={"x": ("n",)},
        outputs={"y": ("n",)},
    )


def answer(factor: float) -> float:
    """What it says, for processes that find it by name."""
    return float(session(doubling(factor)).run(None, {"x": np.ones(1, "f4")})[0][0])
