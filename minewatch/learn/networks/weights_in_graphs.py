"""The patch network as ONNX graphs: for patches, and in two pieces for scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.learn.networks.onnx_graphs import Node, onnx_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Shapes = Mapping[str, tuple[int | str, ...]]
    Weights = Mapping[str, npt.NDArray[np.float32]]

__all__ = ["OPERATORS", "network_graphs"]

OPERATORS = frozenset(
    {
        "BatchNormalization", "Conv", "Div", "Flatten", "Gemm", "GlobalAveragePool", "MaxPool",
        "Relu", "Softmax", "Sub",
    }
)  # fmt: skip
"""All that the graphs hold."""
LEARNT = ("weight", "bias")
NORMAL = (*LEARNT, "running_mean", "running_var")
STAGES = 3


def network_graphs(
    weights: Weights,
    *,
    padding: str,
    mean: npt.NDArray[np.float64],
    std: npt.NDArray[np.float64],
    epsilon: float,
) -> dict[str, bytes]:
    """What a network that was taught does, written as ONNX.

    Parameters
    ----------
    weights : mapping of str to numpy.ndarray
        The state of :func:`patch_network`, by the names of its layers.
    padding : {"same", "valid"}
        Of its convolutions.
    mean, std : numpy.ndarray
        Of each channel; the graphs standardise by themselves.
    epsilon : float
        Of its batch normalisation.

    Returns
    -------
    dict of str to bytes
        ``patches.onnx``: patches (n, channels, size, size) → probabilities (n, 2). Unpadded, also
        ``features.onnx``: an image (n, channels, y, x) → features (n, 128, y, x) before the last
        normalisation; and ``head.onnx``: means of features (n, 128, 1, 1) → probabilities (n, 2).
        The mean of what was normalised is the mean, normalised: so it comes after.

    Examples
    --------
    >>> from minewatch.learn.networks.layers import patch_network
    >>> state = patch_network(padding="valid").state_dict()
    >>> weights = {name: tensor.numpy() for name, tensor in state.items()}
    >>> unit = {"mean": np.zeros(3), "std": np.ones(3), "epsilon": 1e-3}
    >>> sorted(network_graphs(weights, padding="valid", **unit))
    ['features.onnx', 'head.onnx', 'patches.onnx']
    """
    edge = 1 if padding == "same" else 0
    constants = {
        "mean": mean.astype(np.float32).reshape(-1, 1, 1),
        "std": std.astype(np.float32).reshape(-1, 1, 1),
    }
    first = [Node("Sub", ("image", "mean"), ("centred",)), Node("Div", ("centred", "std"), ("x0",))]
    for stage in range(1, STAGES + 1):
        names = _named(f"conv{stage}", LEARNT)
        sizes = {"kernel_shape": (3, 3), "pads": (edge,) * 4}
        first.append(Node("Conv", (f"x{stage - 1}", *names), (f"c{stage}",), sizes))
        found = "features" if stage == STAGES else f"r{stage}"
        first.append(Node("Relu", (f"c{stage}",), (found,)))
        if stage < STAGES:
            first.append(_normalised(f"bn{stage}", found, f"n{stage}", epsilon))
            pool = {"kernel_shape": (2, 2), "strides": (2, 2)}
            first.append(Node("MaxPool", (f"n{stage}",), (f"x{stage}",), pool))
    last = [
        _normalised("bn3", "means", "n3", epsilon),
        Node("Flatten", ("n3",), ("flat",)),
        _dense("dense", "flat", "d1"),
        Node("Relu", ("d1",), ("hidden",)),
        _dense("out", "hidden", "scores"),
        Node("Softmax", ("scores",), ("probabilities",), {"axis": 1}),
    ]
    mean_of = [Node("GlobalAveragePool", ("features",), ("means",))]
    channels, filters = len(mean), len(weights["bn3.bias"])
    image: Shapes = {"image": ("n", channels, "y", "x")}
    means: Shapes = {"means": ("n", filters, 1, 1)}
    result: Shapes = {"probabilities": ("n", 2)}
    graphs = {"patches.onnx": ((*first, *mean_of, *last), image, result)}
    if padding == "valid":
        graphs["features.onnx"] = (tuple(first), image, {"features": ("n", filters, "v", "u")})
        graphs["head.onnx"] = (tuple(last), means, result)
    known = constants | {name: np.asarray(part) for name, part in weights.items()}
    return {
        name: onnx_graph(nodes, _used(nodes, known), inputs=taken, outputs=given)
        for name, (nodes, taken, given) in graphs.items()
    }


def _named(layer: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{layer}.{part}" for part in parts)


def _normalised(layer: str, taken: str, given: str, epsilon: float) -> Node:
    names = (taken, *_named(layer, NORMAL))
    return Node("BatchNormalization", names, (given,), {"epsilon": epsilon})


def _dense(layer: str, taken: str, given: str) -> Node:
    return Node("Gemm", (taken, *_named(layer, LEARNT)), (given,), {"transB": 1})


def _used(nodes: tuple[Node, ...], known: Weights) -> Weights:
    names = [name for node in nodes for name in node.inputs]
    return {name: known[name] for name in names if name in known}
